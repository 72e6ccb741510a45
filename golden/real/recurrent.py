"""Recurrent cells and the scan over a sequence.

Letters: T steps, K inputs, H states; any axes may stand between T and K (a batch). Gates lie side
by side in the columns of ``wx`` (K, g H), ``wh`` (H, g H) and of the biases: reset, update,
candidate for the GRU; input, forget, output, candidate for the LSTM.

Source: Zhang et al., Dive into Deep Learning, chapters 9 and 10.
"""

from collections.abc import Callable

import numpy as np

from golden.real.activation import sigmoid

State = tuple[np.ndarray, ...]
Cell = Callable[[np.ndarray, State], State]


def rnn_cell(
    x: np.ndarray, h: np.ndarray, wx: np.ndarray, wh: np.ndarray, bias: np.ndarray
) -> State:
    """``h' = tanh(x Wx + h Wh + b)``."""
    return (np.tanh(x @ wx + h @ wh + bias),)


def gru_cell(
    x: np.ndarray,
    h: np.ndarray,
    wx: np.ndarray,
    wh: np.ndarray,
    bx: np.ndarray,
    bh: np.ndarray,
    *,
    reset_after: bool = False,
) -> State:
    """``h' = z * h + (1 - z) * candidate``.

    r, z = sigmoid(x Wx + bx + h Wh + bh); the candidate is tanh(x Wx + bx + (r * h) Wh + bh), or
    with ``reset_after`` tanh(x Wx + bx + r * (h Wh + bh)), where all products can run at once.
    """
    width = h.shape[-1]
    gates = x @ wx + bx  # (..., 3 H)
    r, z = np.split(
        sigmoid(gates[..., : 2 * width] + h @ wh[:, : 2 * width] + bh[: 2 * width]), 2, axis=-1
    )
    wc, bc = wh[:, 2 * width :], bh[2 * width :]
    recurrent = r * (h @ wc + bc) if reset_after else (r * h) @ wc + bc
    candidate = np.tanh(gates[..., 2 * width :] + recurrent)
    return (z * h + (1 - z) * candidate,)


def lstm_cell(
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    wx: np.ndarray,
    wh: np.ndarray,
    bias: np.ndarray,
    peephole: np.ndarray | None = None,
) -> State:
    """``c' = f * c + i * candidate``, ``h' = o * tanh(c')``.

    ``peephole`` (3 H) adds ``p_i * c`` and ``p_f * c`` to the input and forget gates, and
    ``p_o * c'`` to the output gate.
    """
    p_i, p_f, p_o = np.split(np.zeros(3 * h.shape[-1]) if peephole is None else peephole, 3)
    i, f, o, candidate = np.split(x @ wx + h @ wh + bias, 4, axis=-1)
    c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(candidate)
    return sigmoid(o + p_o * c) * np.tanh(c), c


def scan(
    cell: Cell, x: np.ndarray, state: State, *, reverse: bool = False
) -> tuple[np.ndarray, State]:
    """``cell`` over the steps of ``x`` (T, ..., K): all h, (T, ..., H), and the last state.

    With ``reverse`` the last step comes first; the outputs stay in the order of ``x``.
    """
    outputs = []
    for step in x[::-1] if reverse else x:
        state = cell(step, state)
        outputs.append(state[0])
    return np.stack(outputs[::-1] if reverse else outputs), state
