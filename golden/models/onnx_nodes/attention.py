"""ONNX's Attention through the real definition: masks, windows, lengths, shared key heads.

Letters: B batch, H heads, N queries, T keys, d head width.
"""

import numpy as np

from golden.models.onnx_nodes.cases import Attributes, Claim, Inputs, NodeCase
from golden.real.attention import attention


def _reason(case: NodeCase) -> str | None:
    if 3 in case.outputs:
        return "scores are no output of an attention here"
    if case.attributes.get("softcap"):
        return "no network here bounds its scores"
    return None


def _run(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    """Output, and the keys and values with what came before them."""
    q = _heads_apart(x["0"], attributes.get("q_num_heads"))
    k, v = (_heads_apart(x[name], attributes.get("kv_num_heads")) for name in ("1", "2"))
    if "4" in x:
        k, v = np.concatenate([x["4"], k], axis=2), np.concatenate([x["5"], v], axis=2)
    present = (k, v)
    # Several query heads may share a key head.
    k, v = (np.repeat(y, q.shape[1] // y.shape[1], axis=1) for y in (k, v))
    mask = _mask(x, attributes, (*q.shape[:3], k.shape[2]))
    y = np.empty((*q.shape[:3], v.shape[3]), np.float32)
    scale = attributes.get("scale")
    for batch in range(len(q)):
        if (mask[batch] == mask[batch, :1]).all():
            query, key, value = (np.concatenate(part[batch], axis=1) for part in (q, k, v))
            seen = mask[batch, 0]
            merged = attention(query, key, value, seen, heads=q.shape[1], scale=scale)
            y[batch] = merged.reshape(len(merged), q.shape[1], -1).swapaxes(0, 1)
        else:
            for head in range(q.shape[1]):
                query, key, value = (part[batch, head] for part in (q, k, v))
                seen = mask[batch, head]
                y[batch, head] = attention(query, key, value, seen, heads=1, scale=scale)
    if x["0"].ndim == 3:
        y = y.swapaxes(1, 2).reshape(*x["0"].shape[:2], -1)
    return [y, *present]


def _heads_apart(x: np.ndarray, heads: int | None) -> np.ndarray:
    """(B, H, T, d), whichever of ONNX's two layouts it has."""
    x = x.astype(np.float32)
    return x if heads is None else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _mask(x: Inputs, attributes: Attributes, shape: tuple[int, ...]) -> np.ndarray:
    """(B, H, N, T): the given mask, true or added, and what else a query may not see."""
    seen = _visible(x, attributes, shape)
    mask = x.get("3", np.ones((1, 1), bool))
    hidden: bool | float = False
    if mask.dtype != bool:
        mask, hidden = mask.astype(np.float32), -np.inf
        seen = np.where(seen, np.float32(0), np.float32(-np.inf))
    missing = shape[3] - mask.shape[-1] if "3" in x else 0
    mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, missing)], constant_values=hidden)
    return (mask & seen) if mask.dtype == bool else mask + seen


def _visible(x: Inputs, attributes: Attributes, shape: tuple[int, ...]) -> np.ndarray:
    """(B, H, N, T), what causality, windows and lengths let a query see."""
    batch, _, queries, keys = shape
    before = np.zeros(batch, int)
    seen = np.ones(shape, bool)
    if "4" in x:
        before += x["4"].shape[2]
    if "6" in x:
        before = x["6"] - queries
        seen &= (np.arange(keys) < x["6"][:, None])[:, None, None]
    # How far a key stands behind its query; a block of queries starts after what came before.
    behind = np.arange(queries)[:, None] + before[:, None, None, None] - np.arange(keys)
    left, right = (attributes.get(f"{side}_window_size", -1) for side in ("left", "right"))
    if attributes.get("is_causal"):
        seen &= behind >= 0
    if left >= 0:
        seen &= behind <= left
    if right >= 0:
        seen &= -behind <= right
    return seen


CLAIMS = {"Attention": Claim("attention", _run, _reason)}
