"""A recurrent cell that attends before every step: ``c = attention(h Wq)``, ``h' = cell(x, c, h)``.

Letters: N steps, T keys, H states, A width of queries and keys, D width of the values. ``gates``
are the input's part of every step, (N, g H); the context adds ``c Wc`` to them. Keys come
projected: they are made once per sentence, whatever the number of steps.

Source: Bahdanau et al., 2015; Zhang et al., Dive into Deep Learning, chapter 11.
"""

import numpy as np

from golden.real.additive_attention import additive_attention
from golden.real.attention import attention
from golden.real.recurrent import State, gru_cell, lstm_cell, rnn_cell


def attention_recurrent(
    gates: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    *inputs: np.ndarray,
    cell: str = "gru",
    score: str = "additive",
    masked: bool = False,
    reset_after: bool = False,
) -> tuple[np.ndarray, ...]:
    """``(N, g H), (T, A), (T, D) -> (N, H), (N, D)``: states (h, and c of the LSTM) and contexts.

    ``inputs`` are, in order: the states before the first step, (H,) each; Wq (H, A), Wc (D, g H),
    wh (H, g H), and bh (g H,) for the GRU; energy (A,) for additive scores; with ``masked`` the
    mask (T,), true where a key counts.
    """
    rest = list(inputs)
    state: State = tuple(np.ravel(rest.pop(0)) for _ in range(2 if cell == "lstm" else 1))
    wq, wc, wh = (rest.pop(0) for _ in range(3))
    bh = rest.pop(0) if cell == "gru" else None
    energy = rest.pop(0) if score == "additive" else None
    mask = rest.pop(0) if masked else None

    steps = []
    for x in gates:
        query = (state[0] @ wq)[None]  # (1, A)
        if energy is None:
            context = attention(query, key, value, mask, heads=1)[0]  # (D,)
        else:
            context = additive_attention(query, key, value, energy, mask)[0]
        x = x + context @ wc
        if cell == "lstm":
            state = lstm_cell(x, state[0], state[1], wh)
        elif bh is not None:
            state = gru_cell(x, state[0], wh, bh, reset_after=reset_after)
        else:
            state = rnn_cell(x, state[0], wh)
        steps.append((*state, context))
    return tuple(np.stack(column) for column in zip(*steps, strict=True))
