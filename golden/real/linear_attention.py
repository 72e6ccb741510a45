"""Linear attention: ``phi(Q)_n sum_t(phi(K)_t^T V_t) / (phi(Q)_n . sum_t phi(K)_t)`` of every head.

Letters: N queries, T keys, H heads, d head width, D = H d. ``query`` and ``key`` come after the
feature map phi = elu + 1, which is an operator of its own.

Source: Katharopoulos et al., Transformers are RNNs, 2020, equations 5 and 9.
"""

import numpy as np


def linear_attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    heads: int,
    causal: bool = False,
) -> np.ndarray:
    """``(N, D), (T, D), (T, D) -> (N, D)``; ``mask`` of ``(T,)``, true where a key counts.

    The last query of a causal row sees the last key; a query without keys gives zeros.
    """
    q = query.reshape(len(query), heads, -1).swapaxes(0, 1)  # (H, N, d)
    k = key.reshape(len(key), heads, -1).swapaxes(0, 1)  # (H, T, d)
    v = value.reshape(len(value), heads, -1).swapaxes(0, 1)  # (H, T, d)
    if mask is not None:
        k = k * mask[:, None]
    if causal:
        states = np.cumsum(k[..., :, None] * v[..., None, :], axis=1)  # (H, T, d, d)
        sums = np.cumsum(k, axis=1)  # (H, T, d)
        last = slice(len(key) - len(query), None)
        context = (q[..., None, :] @ states[:, last])[..., 0, :]  # (H, N, d)
        total = (q * sums[:, last]).sum(axis=-1, keepdims=True)  # (H, N, 1)
    else:
        context = q @ (k.swapaxes(-1, -2) @ v)  # (H, N, d) x (H, d, d) -> (H, N, d)
        total = (q * k.sum(axis=1, keepdims=True)).sum(axis=-1, keepdims=True)  # (H, N, 1)
    context = context / np.where(total > 0, total, 1)
    return context.swapaxes(0, 1).reshape(len(query), -1)
