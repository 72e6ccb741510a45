"""``softmax(Q K^T / sqrt(d)) V`` of every head.

Letters: N queries, T keys, H heads, d head width, D = H d.
"""

import numpy as np

from golden.real.softmax import softmax


def attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    heads: int,
    causal: bool = False,
    scale: float | None = None,
) -> np.ndarray:
    """``(N, D), (T, D), (T, D) -> (N, D)``; ``mask`` of ``(N, T)`` or ``(T,)``, true where seen.

    A mask of real numbers is added to the scores instead. ``scale`` stands for another factor than
    ``1 / sqrt(d)``.
    """
    q = query.reshape(len(query), heads, -1).swapaxes(0, 1)  # (H, N, d)
    k = key.reshape(len(key), heads, -1).swapaxes(0, 1)  # (H, T, d)
    v = value.reshape(len(value), heads, -1).swapaxes(0, 1)  # (H, T, d)
    divisor = q.dtype.type(np.sqrt(q.shape[-1]) if scale is None else 1 / scale)
    scores = q @ k.swapaxes(-1, -2) / divisor  # (H, N, T)
    if mask is not None and mask.dtype.kind == "f":
        scores, mask = scores + mask, None
    allowed = np.broadcast_to(True if mask is None else mask, scores.shape[1:])
    if causal:
        allowed = np.tril(allowed, len(key) - len(query))
    context = softmax(scores, allowed) @ v  # (H, N, T) x (H, T, d) -> (H, N, d)
    return context.swapaxes(0, 1).reshape(len(query), -1)
