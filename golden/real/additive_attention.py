"""Additive attention: ``softmax_t(energy . tanh(query + key_t)) V``.

Letters: N queries, T keys, A width of the comparison, D width of the values. Both projections,
Wq q and Wk k, are linears before it, so that keys are projected once per sentence.

Source: Bahdanau et al., Neural machine translation by jointly learning to align and translate,
2015.
"""

import numpy as np

from golden.real.softmax import softmax


def additive_attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    energy: np.ndarray,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """``(N, A), (T, A), (T, D), (A,) -> (N, D)``; ``mask`` of ``(T,)``, true where a key counts."""
    scores = np.tanh(query[:, None] + key) @ energy  # (N, T, A) x (A,) -> (N, T)
    return softmax(scores, mask) @ value  # (N, T) x (T, D) -> (N, D)
