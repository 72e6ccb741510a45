"""Products, norms and functions of ONNX through the real definitions."""

from collections.abc import Callable

import numpy as np

from golden.integer import matmul
from golden.models.onnx_nodes.cases import Attributes, Claim, Inputs, NodeCase, Run, no_case
from golden.real import activation
from golden.real.batch_norm import batch_norm
from golden.real.l2_normalize import l2_normalize
from golden.real.layer_norm import layer_norm
from golden.real.linear import linear
from golden.real.multiply import multiply
from golden.real.residual_add import residual_add
from golden.real.softmax import softmax
from golden.real.windows import windows


def _of(function: Callable[..., np.ndarray]) -> Run:
    """A function of the inputs in their order."""
    return lambda x, _: [function(*x.values())]


def _matmul(x: Inputs, _: Attributes) -> list[np.ndarray]:
    return [linear(x["0"], x["1"], np.zeros(1, np.float32))]


def _gemm(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    """Factors and the second matrix's transpose belong to the constants of a linear."""
    a = x["0"].T if attributes.get("transA") else x["0"]
    b = x["1"].T if attributes.get("transB") else x["1"]
    bias = x.get("2", np.zeros(1, np.float32)) * np.float32(attributes.get("beta", 1))
    return [linear(a, b * np.float32(attributes.get("alpha", 1)), bias)]


def _matmul_integer(x: Inputs, _: Attributes) -> list[np.ndarray]:
    a, b = (x[name].astype(np.int64) - x.get(zero, 0) for name, zero in (("0", "2"), ("1", "3")))
    return [matmul(a, b)]


def _convolution(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    """Channels first, (B, C, H, W), and filters (M, C, K, K'), as products with windows."""
    filters = x["1"].astype(np.int64) if x["1"].dtype == np.uint8 else x["1"]
    inputs = x["0"] - x["2"].astype(np.int64) if "2" in x else x["0"]
    if "3" in x:
        filters = filters - x["3"].reshape(-1, 1, 1, 1)
    kernel = filters.shape[2:]
    stride = attributes.get("strides", [1, 1])
    pads = attributes.get("pads", [0] * 4)
    if attributes.get("auto_pad", b"NOTSET") == b"SAME_LOWER":
        sizes = zip(inputs.shape[2:], kernel, stride, strict=True)
        total = [(-(-size // step) - 1) * step + k - size for size, k, step in sizes]
        pads = [-(-count // 2) for count in total] + [count // 2 for count in total]
    padding = [(pads[0], pads[2]), (pads[1], pads[3])]
    weight = filters.transpose(2, 3, 1, 0).reshape(-1, len(filters))  # (K K' C, M)
    images = [
        windows(np.moveaxis(image, 0, -1), kernel=kernel, stride=stride, padding=padding) @ weight
        for image in inputs
    ]
    return [np.moveaxis(np.stack(images), -1, 1)]


def _softmax(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    axis = attributes.get("axis", -1)
    return [np.moveaxis(softmax(np.moveaxis(x["0"], axis, -1)), -1, axis)]


def _layer_norm(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    """Normalise over all axes from ``axis`` on; mean and deviation, its further outputs, too."""
    axis = attributes.get("axis", -1) % x["0"].ndim
    rows = x["0"].reshape(*x["0"].shape[:axis], -1)
    width = rows.shape[-1]
    gain = np.broadcast_to(x["1"], x["0"].shape[axis:]).reshape(width)
    bias = np.broadcast_to(x.get("2", np.float32(0)), x["0"].shape[axis:]).reshape(width)
    epsilon = attributes.get("epsilon", 1e-5)
    y = layer_norm(rows, gain, bias, epsilon=epsilon).reshape(x["0"].shape)
    statistics = rows.shape[:axis] + (1,) * (x["0"].ndim - axis)
    mean = rows.mean(axis=-1).reshape(statistics)
    return [y, mean, (1 / np.sqrt(rows.var(axis=-1) + epsilon)).reshape(statistics)]


def _batch_norm(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    rest = [x[str(index)] for index in range(1, 5)]
    y = batch_norm(np.moveaxis(x["0"], 1, -1), *rest, epsilon=attributes.get("epsilon", 1e-5))
    return [np.moveaxis(y, -1, 1)]


def _l2_normalize(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    axis = attributes.get("axis", -1)
    return [np.moveaxis(l2_normalize(np.moveaxis(x["0"], axis, -1)), -1, axis)]


def _gelu(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
    tanh_form = attributes.get("approximate", b"none") == b"tanh"
    return [(activation.gelu_tanh if tanh_form else activation.gelu)(x["0"])]


def _training(case: NodeCase) -> str | None:
    return "networks only run here" if case.attributes.get("training_mode") else None


def _magnitudes(case: NodeCase) -> str | None:
    if case.attributes.get("p", 2) == 2:
        return None
    return "no network here divides by a sum of magnitudes"


def _integers(case: NodeCase) -> str | None:
    if case.inputs["0"].dtype.kind == "f":
        return None
    return "bare integers wrap in ONNX; here they have a scale, and saturate"


def _undivided(_: NodeCase) -> str:
    return "ONNX's does not divide by the sum of keys; tests compare through a value of ones"


CLAIMS = {
    "Add": Claim("residual_add", _of(residual_add), _integers),
    "BatchNormalization": Claim("batch_norm", _batch_norm, _training),
    "Conv": Claim("windows, linear", _convolution),
    "ConvInteger": Claim("windows, matmul", _convolution),
    "Erf": Claim("gelu", _of(activation.erf)),
    "Gelu": Claim("gelu, gelu_tanh", _gelu),
    "Gemm": Claim("linear", _gemm),
    "LayerNormalization": Claim("layer_norm", _layer_norm),
    "LinearAttention": Claim("linear_attention", no_case, _undivided),
    "LpNormalization": Claim("l2_normalize", _l2_normalize, _magnitudes),
    "MatMul": Claim("linear", _matmul),
    "MatMulInteger": Claim("matmul", _matmul_integer),
    "Mul": Claim("multiply", _of(multiply), _integers),
    "Relu": Claim("relu", _of(activation.relu)),
    "Sigmoid": Claim("sigmoid", _of(activation.sigmoid)),
    "Softmax": Claim("softmax", _softmax),
    "Tanh": Claim("tanh", _of(activation.tanh)),
}
