"""ONNX's published quantised cases through our integers; ONNX rounds half to even, we half up."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from onnx_cases import NodeCase, node_cases

from golden.graph import Graph, Tensor
from golden.integer import RowScale, integer_range, matmul, requantize, saturate
from golden.networks.run import quantize_inputs
from golden.ops.quantize import unit_rows
from golden.quantization.calibration import UNIT_EXPONENTS, fit_multipliers
from golden.spec import RequantizeSpec

pytestmark = [pytest.mark.xdist_group("onnx"), pytest.mark.filterwarnings("ignore")]

CLAIMED = {"DequantizeLinear": 5, "QLinearConv": 1, "QLinearMatMul": 8, "QuantizeLinear": 5}
OTHER_TYPES = "types of 2 and 4 bits and small floats come packed: no network here has them"
LEFT_OUT = 17
# Cases with ties, and how many: half up and half to even differ there.
TIES = {"test_quantizelinear_int16": 2, "test_quantizelinear_uint16": 1}


def reason(case: NodeCase) -> str | None:
    """Why a case is not claimed."""
    values = [*case.inputs.values(), *case.outputs.values()]
    known = ("float16", "float32", "int8", "uint8", "int16", "uint16")
    return None if all(getattr(x, "dtype", "") in known for x in values) else OTHER_TYPES


def everywhere(x: np.ndarray, like: np.ndarray, attributes: dict[str, Any]) -> np.ndarray:
    """A scale or zero point for every number: given per tensor, per channel or per block."""
    axis = attributes.get("axis", 1)
    if "block_size" in attributes:
        x = np.repeat(x, attributes["block_size"], axis)
    elif x.ndim == 1:
        x = x.reshape([-1 if index == axis % like.ndim else 1 for index in range(like.ndim)])
    return np.broadcast_to(x, like.shape)


def code(x: float, scale: float, zero: int, dtype: np.dtype) -> int:
    """Our rounding of a real input; the zero point moves the range afterwards."""
    tensor = Tensor(name="x", shape=(1,), bits=32, scale=scale)
    graph = Graph(name="x", inputs=("x",), outputs=("x",), tensors={"x": tensor}, operators=())
    moved = quantize_inputs(graph, {"x": np.array([x])})["x"] + zero
    return int(saturate(moved, 8 * dtype.itemsize, dtype.kind == "i")[0])


def quantize_linear(x: dict[str, np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    values = x["0"].astype(np.float64)
    scales, zeros = (everywhere(x[name], values, attributes).ravel() for name in ("1", "2"))
    numbers = zip(values.ravel(), scales, zeros, strict=True)
    found = [code(v, float(s), int(z), x["2"].dtype) for v, s, z in numbers]
    return np.array(found).reshape(values.shape)


def dequantize_linear(x: dict[str, np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    values = x["0"].astype(np.int64)
    scale, zero = (everywhere(x[name], values, attributes) for name in ("1", "2"))
    return (values - zero) * scale


def product(a: np.ndarray, b: np.ndarray, factor: float, zero: int, dtype: np.dtype) -> np.ndarray:
    """Exact product of codes without their zero points, requantised once."""
    spec = RequantizeSpec()
    offset, (multiplier,) = fit_multipliers(spec, [np.array(factor)], UNIT_EXPONENTS)
    sums = matmul(a, b)
    scale: RowScale = unit_rows(sums, offset)
    rounded = requantize(spec, sums, multiplier, 0, scale) + zero
    return np.clip(rounded, *integer_range(8, dtype.kind == "i"))


def qlinear_matmul(x: dict[str, np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    a, b = (x[v].astype(np.int64) - x[z].astype(np.int64) for v, z in (("0", "2"), ("3", "5")))
    factor = float(x["1"][0]) * float(x["4"][0]) / float(x["6"][0])
    return product(a, b, factor, int(x["7"][0]), x["7"].dtype)


def qlinear_conv(x: dict[str, np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    """The one case has a window of 1 x 1: each pixel is a row."""
    image, weight = (
        x[v].astype(np.int64) - x[z].astype(np.int64) for v, z in (("0", "2"), ("3", "5"))
    )
    factor = float(x["1"]) * float(x["4"][0]) / float(x["6"])
    rows = image.reshape(-1, 1)
    return product(rows, weight.reshape(1, 1), factor, int(x["7"]), x["7"].dtype).reshape(
        image.shape
    )


RUN = {
    "DequantizeLinear": dequantize_linear,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "QuantizeLinear": quantize_linear,
}


def test_claimed_quantised_nodes_pass() -> None:
    passed: Counter[str] = Counter()
    left_out = 0
    ties = {}
    for case in node_cases():
        if case.kind not in RUN:
            continue
        if reason(case) is not None:
            left_out += 1
            continue
        found, expected = RUN[case.kind](case.inputs, case.attributes), case.outputs[0]
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=case.name)
        else:
            different = found - expected.astype(np.int64)
            if different.any():
                ties[case.name] = int((different != 0).sum())
                assert set(np.unique(different)) <= {0, 1}, case.name
                ratio = (case.inputs["0"] / case.inputs["1"])[different != 0]
                assert (np.abs(ratio - np.floor(ratio) - 0.5) < 1e-6).all(), case.name
        passed[case.kind] += 1
    assert passed == CLAIMED
    assert ties == TIES
    assert left_out == LEFT_OUT
