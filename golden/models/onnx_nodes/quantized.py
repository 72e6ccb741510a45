"""ONNX's quantised operators through our integers; ONNX rounds half to even, we half up."""

import numpy as np

from golden.graph import Graph, Tensor
from golden.integer import integer_range, matmul, requantize, saturate
from golden.models.onnx_nodes.cases import Attributes, Claim, Inputs, NodeCase
from golden.networks.run import quantize_inputs
from golden.ops.quantize import unit_rows
from golden.quantization.calibration import UNIT_EXPONENTS, fit_multipliers
from golden.spec import RequantizeSpec

_KNOWN = ("float16", "float32", "int8", "uint8", "int16", "uint16")


def _reason(case: NodeCase) -> str | None:
    values = [*case.inputs.values(), *case.outputs.values()]
    if all(str(getattr(x, "dtype", "")) in _KNOWN for x in values):
        return None
    return "types of 2 and 4 bits and small floats come packed: no network here has them"


def _quantize_linear(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    values = x["0"].astype(np.float64)
    scales, zeros = (_everywhere(x[name], values, attributes).ravel() for name in ("1", "2"))
    numbers = zip(values.ravel(), scales, zeros, strict=True)
    found = [_code(v, float(s), int(z), x["2"].dtype) for v, s, z in numbers]
    return [np.array(found).reshape(values.shape)]


def _dequantize_linear(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    values = x["0"].astype(np.int64)
    scale, zero = (_everywhere(x[name], values, attributes) for name in ("1", "2"))
    return [(values - zero) * scale]


def _qlinear_matmul(x: Inputs, _: Attributes) -> list[np.ndarray]:
    a, b = (_without_zero(x, value, zero) for value, zero in (("0", "2"), ("3", "5")))
    factor = float(x["1"][0]) * float(x["4"][0]) / float(x["6"][0])
    return [_product(a, b, factor, int(x["7"][0]), x["7"].dtype)]


def _qlinear_conv(x: Inputs, _: Attributes) -> list[np.ndarray]:
    """The one case has a window of 1 x 1: each pixel is a row."""
    image, weight = (_without_zero(x, value, zero) for value, zero in (("0", "2"), ("3", "5")))
    factor = float(x["1"]) * float(x["4"][0]) / float(x["6"])
    codes = _product(image.reshape(-1, 1), weight.reshape(1, 1), factor, int(x["7"]), x["7"].dtype)
    return [codes.reshape(image.shape)]


def _product(a: np.ndarray, b: np.ndarray, factor: float, zero: int, dtype: np.dtype) -> np.ndarray:
    """Exact product of codes without their zero points, requantised once."""
    spec = RequantizeSpec()
    offset, (multiplier,) = fit_multipliers(spec, [np.array(factor)], UNIT_EXPONENTS)
    sums = matmul(a, b)
    rounded = requantize(spec, sums, multiplier, 0, unit_rows(spec, sums, offset)) + zero
    return np.clip(rounded, *integer_range(8, dtype.kind == "i"))


def _without_zero(x: Inputs, value: str, zero: str) -> np.ndarray:
    return x[value].astype(np.int64) - x[zero].astype(np.int64)


def _everywhere(x: np.ndarray, like: np.ndarray, attributes: Attributes) -> np.ndarray:
    """A scale or zero point for every number: given per tensor, per channel or per block."""
    axis = attributes.get("axis", 1)
    if "block_size" in attributes:
        x = np.repeat(x, attributes["block_size"], axis)
    elif x.ndim == 1:
        x = x.reshape([-1 if index == axis % like.ndim else 1 for index in range(like.ndim)])
    return np.broadcast_to(x, like.shape)


def _code(x: float, scale: float, zero: int, dtype: np.dtype) -> int:
    """Our rounding of a real input; the zero point moves the range afterwards."""
    tensor = Tensor(name="x", shape=(1,), bits=32, scale=scale)
    graph = Graph(name="x", inputs=("x",), outputs=("x",), tensors={"x": tensor}, operators=())
    moved = quantize_inputs(graph, {"x": np.array([x])})["x"] + zero
    return int(saturate(moved, 8 * dtype.itemsize, dtype.kind == "i")[0])


def _ties(case: NodeCase) -> np.ndarray:
    """Where a quantised input lies in the middle of two codes."""
    ratio = case.inputs["0"] / _everywhere(case.inputs["1"], case.inputs["0"], case.attributes)
    return np.abs(ratio - np.floor(ratio) - 0.5) < 1e-6


CLAIMS = {
    "DequantizeLinear": Claim("scale of a tensor", _dequantize_linear, _reason),
    "QLinearConv": Claim("windows, requantize", _qlinear_conv, _reason),
    "QLinearMatMul": Claim("matmul, requantize", _qlinear_matmul, _reason),
    "QuantizeLinear": Claim("scale of a tensor", _quantize_linear, _reason, _ties),
}
