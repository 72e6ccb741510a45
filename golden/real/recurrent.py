"""Recurrent cells and the scan over a sequence.

Letters: T steps, H states; any axes may stand between T and H (a batch). ``gates`` are the input's
part, ``x Wx + bx`` of every step, (T, g H). Gates lie side by side in the columns of it, of ``wh``
(H, g H) and of ``bh``: reset, update, candidate for the GRU; input, forget, output, candidate for
the LSTM.

Source: Zhang et al., Dive into Deep Learning, chapters 9 and 10.
"""

from collections.abc import Callable

import numpy as np

from golden.real.activation import sigmoid

State = tuple[np.ndarray, ...]
Cell = Callable[[np.ndarray, State], State]


def rnn_cell(gates: np.ndarray, h: np.ndarray, wh: np.ndarray) -> State:
    """``h' = tanh(gates + h Wh)``."""
    return (np.tanh(gates + h @ wh),)


def gru_cell(
    gates: np.ndarray,
    h: np.ndarray,
    wh: np.ndarray,
    bh: np.ndarray,
    *,
    reset_after: bool = False,
) -> State:
    """``h' = z * h + (1 - z) * candidate``.

    r, z = sigmoid(gates + h Wh + bh); the candidate is tanh(gates + (r * h) Wh + bh), or with
    ``reset_after`` tanh(gates + r * (h Wh + bh)), where all products can run at once.
    """
    width = 2 * h.shape[-1]
    r, z = np.split(sigmoid(gates[..., :width] + h @ wh[:, :width] + bh[:width]), 2, axis=-1)
    wc, bc = wh[:, width:], bh[width:]
    recurrent = r * (h @ wc + bc) if reset_after else (r * h) @ wc + bc
    candidate = np.tanh(gates[..., width:] + recurrent)
    return (z * h + (1 - z) * candidate,)


def lstm_cell(
    gates: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    wh: np.ndarray,
    peephole: np.ndarray | None = None,
) -> State:
    """``c' = f * c + i * candidate``, ``h' = o * tanh(c')``.

    ``peephole`` (3 H) adds ``p_i * c`` and ``p_f * c`` to the input and forget gates, and
    ``p_o * c'`` to the output gate.
    """
    p_i, p_f, p_o = np.split(np.zeros(3 * h.shape[-1]) if peephole is None else peephole, 3)
    i, f, o, candidate = np.split(gates + h @ wh, 4, axis=-1)
    c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(candidate)
    return sigmoid(o + p_o * c) * np.tanh(c), c


def scan(
    cell: Cell, x: np.ndarray, state: State, *, reverse: bool = False
) -> tuple[np.ndarray, State]:
    """``cell`` over the steps of ``x``: h of every step, (T, ..., H), and the last state.

    With ``reverse`` the last step comes first; the outputs stay in the order of ``x``.
    """
    outputs = []
    for step in x[::-1] if reverse else x:
        state = cell(step, state)
        outputs.append(state[0])
    return np.stack(outputs[::-1] if reverse else outputs), state


def rnn(gates: np.ndarray, wh: np.ndarray, *state: np.ndarray, reverse: bool = False) -> np.ndarray:
    """``(T, H) -> (T, H)``; ``state`` is h before the first step, zeros if not given."""
    start = _start(gates, wh, 1, state)
    return scan(lambda x, s: rnn_cell(x, s[0], wh), gates, start, reverse=reverse)[0]


def gru(
    gates: np.ndarray,
    wh: np.ndarray,
    bh: np.ndarray,
    *state: np.ndarray,
    reset_after: bool = False,
    reverse: bool = False,
) -> np.ndarray:
    """``(T, 3 H) -> (T, H)``; ``state`` is h before the first step."""

    def cell(x: np.ndarray, state: State) -> State:
        return gru_cell(x, state[0], wh, bh, reset_after=reset_after)

    return scan(cell, gates, _start(gates, wh, 1, state), reverse=reverse)[0]


def lstm(
    gates: np.ndarray,
    wh: np.ndarray,
    *state: np.ndarray,
    reverse: bool = False,
    cells: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """``(T, 4 H) -> (T, H)``; ``state`` is h and c before the first step.

    With ``cells`` c of every step is the second result.
    """
    all_cells = []

    def cell(x: np.ndarray, state: State) -> State:
        state = lstm_cell(x, state[0], state[1], wh)
        all_cells.append(state[1])
        return state

    h = scan(cell, gates, _start(gates, wh, 2, state), reverse=reverse)[0]
    return (h, np.stack(all_cells[::-1] if reverse else all_cells)) if cells else h


def _start(gates: np.ndarray, wh: np.ndarray, count: int, state: State) -> State:
    """States as vectors, (H,) each; zeros where none are given."""
    return tuple(np.ravel(x) for x in state) or (np.zeros(len(wh), gates.dtype),) * count
