"""ONNX's published cases of Attention against the real definition: passed, or why not claimed."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from onnx_cases import NodeCase, node_cases

from golden.real.attention import attention

pytestmark = [pytest.mark.xdist_group("onnx"), pytest.mark.filterwarnings("ignore")]

PASSED = 67
NOT_CLAIMED = {
    "scores are no output of an attention here": 18,
    "no network here bounds its scores": 8,
}


def reason(case: NodeCase) -> str | None:
    """Why a case is not claimed."""
    if 3 in case.outputs:
        return "scores are no output of an attention here"
    if case.attributes.get("softcap"):
        return "no network here bounds its scores"
    return None


def heads_apart(x: np.ndarray, heads: int | None) -> np.ndarray:
    """(B, H, T, d), whichever of ONNX's two layouts it has."""
    x = x.astype(np.float32)
    return x if heads is None else x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def visible(x: dict[str, np.ndarray], attributes: dict[str, Any], shape: tuple) -> np.ndarray:
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


def run_attention(x: dict[str, np.ndarray], attributes: dict[str, Any]) -> list[np.ndarray]:
    """Output, and the keys and values with what came before them."""
    q = heads_apart(x["0"], attributes.get("q_num_heads"))
    k, v = (heads_apart(x[name], attributes.get("kv_num_heads")) for name in ("1", "2"))
    if "4" in x:
        k, v = np.concatenate([x["4"], k], axis=2), np.concatenate([x["5"], v], axis=2)
    present = (k, v)
    # Several query heads may share a key head.
    k, v = (np.repeat(y, q.shape[1] // y.shape[1], axis=1) for y in (k, v))
    shape = (*q.shape[:3], k.shape[2])
    seen = visible(x, attributes, shape)
    mask = x.get("3", np.ones((1, 1), bool))
    if mask.dtype != bool:
        mask = mask.astype(np.float32)
        hidden: Any = np.float32(-np.inf)
        seen = np.where(seen, np.float32(0), hidden)
    else:
        hidden = False
    missing = shape[3] - mask.shape[-1] if "3" in x else 0
    mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, missing)], constant_values=hidden)
    mask = (mask & seen) if mask.dtype == bool else mask + seen
    y = np.empty((*q.shape[:3], v.shape[3]), np.float32)
    for batch in range(len(q)):
        if (mask[batch] == mask[batch, :1]).all():
            rows = (np.concatenate(part[batch], axis=1) for part in (q, k, v))
            merged = attention(*rows, mask[batch, 0], heads=q.shape[1],
                               scale=attributes.get("scale"))  # fmt: skip
            y[batch] = merged.reshape(len(merged), q.shape[1], -1).swapaxes(0, 1)
        else:
            for head in range(q.shape[1]):
                one = (part[batch, head] for part in (q, k, v))
                y[batch, head] = attention(*one, mask[batch, head], heads=1,
                                           scale=attributes.get("scale"))  # fmt: skip
    if x["0"].ndim == 3:
        y = y.swapaxes(1, 2).reshape(*x["0"].shape[:2], -1)
    return [y, *present]


def test_claimed_attentions_pass() -> None:
    """To 1e-5, or to the precision of a type of 16 bits; the counts are ONNX 1.23's."""
    passed, left_out = 0, Counter()
    for case in node_cases():
        if case.kind != "Attention":
            continue
        if (why := reason(case)) is not None:
            left_out[why] += 1
            continue
        results = run_attention(case.inputs, case.attributes)
        for index, value in case.outputs.items():
            precision = 1e-5 if value.dtype == np.float32 else 1e-2
            np.testing.assert_allclose(
                results[index], value.astype(np.float32), precision, precision, err_msg=case.name
            )
        passed += 1
    assert (passed, left_out) == (PASSED, NOT_CLAIMED)
