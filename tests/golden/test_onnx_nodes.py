"""ONNX's published node tests against the real definitions: passed, or not claimed with a reason.

Source: onnx.backend.test.case.node; inputs and expected outputs are made in memory.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx_cases import node_cases

from golden.integer import matmul
from golden.real import activation
from golden.real.batch_norm import batch_norm
from golden.real.concat import concat
from golden.real.l2_normalize import l2_normalize
from golden.real.layer_norm import layer_norm
from golden.real.recurrent import State, gru_cell, lstm_cell, rnn_cell, scan
from golden.real.softmax import softmax
from golden.real.top_k import top_k
from golden.real.windows import windows

pytestmark = [
    pytest.mark.xdist_group("onnx"),
    pytest.mark.filterwarnings("ignore"),
]

Inputs = dict[str, np.ndarray]
Attributes = dict[str, Any]

CLAIMED = {
    "BatchNormalization": 2,
    "Concat": 12,
    "Conv": 6,
    "ConvInteger": 2,
    "Erf": 1,
    "GRU": 6,
    "Gelu": 4,
    "LSTM": 6,
    "LayerNormalization": 19,
    "LpNormalization": 3,
    "MatMulInteger": 1,
    "RNN": 6,
    "Relu": 1,
    "Sigmoid": 2,
    "Softmax": 7,
    "Tanh": 2,
    "TopK": 7,
}

NOT_CLAIMED = {
    "test_batchnorm_example_training_mode": "networks only run here",
    "test_batchnorm_epsilon_training_mode": "networks only run here",
    "test_l1normalization_axis_0": "no network divides by a sum of magnitudes",
    "test_l1normalization_axis_1": "no network divides by a sum of magnitudes",
    "test_l1normalization_axis_last": "no network divides by a sum of magnitudes",
}


def run_softmax(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    axis = attributes.get("axis", -1)
    return [np.moveaxis(softmax(np.moveaxis(x["0"], axis, -1)), -1, axis)]


def run_layer_norm(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
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


def run_gelu(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    tanh_form = attributes.get("approximate", b"none") == b"tanh"
    return [(activation.gelu_tanh if tanh_form else activation.gelu)(x["0"])]


def run_matmul_integer(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    a, b = (x[name].astype(np.int64) - x.get(zero, 0) for name, zero in (("0", "2"), ("1", "3")))
    return [matmul(a, b)]


def run_convolution(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
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


def run_batch_norm(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    rest = [x[str(index)] for index in range(1, 5)]
    y = batch_norm(np.moveaxis(x["0"], 1, -1), *rest, epsilon=attributes.get("epsilon", 1e-5))
    return [np.moveaxis(y, -1, 1)]


def run_top_k(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    axis, sign = attributes.get("axis", -1), 1 if attributes.get("largest", 1) else -1
    rows = np.moveaxis(x["0"].astype(np.int64 if x["0"].dtype.kind in "iu" else float), axis, -1)
    values, indices = top_k(sign * rows, k=int(x["1"][0]))
    return [np.moveaxis(sign * values, -1, axis), np.moveaxis(indices, -1, axis)]


def run_l2_normalize(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
    axis = attributes.get("axis", -1)
    return [np.moveaxis(l2_normalize(np.moveaxis(x["0"], axis, -1)), -1, axis)]


def run_recurrent(kind: str) -> Callable[[Inputs, Attributes], list[np.ndarray | None]]:
    """ONNX's layout, (T, B, K) or with ``layout`` (B, T, K), and its order of the gates."""
    gates = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 2, 1, 3]}[kind]

    def reorder(w: np.ndarray, width: int) -> np.ndarray:
        """(g H, K) in ONNX's order to (K, g H) in ours."""
        return np.concatenate([w[gate * width : (gate + 1) * width] for gate in gates]).T

    def run(x: Inputs, attributes: Attributes) -> list[np.ndarray | None]:
        width, count = attributes["hidden_size"], len(gates)
        batch_first = attributes.get("layout", 0) == 1
        steps = x["0"].swapaxes(0, 1) if batch_first else x["0"]
        outputs, finals = [], []
        for direction in range(len(x["1"])):
            wx, wh = reorder(x["1"][direction], width), reorder(x["2"][direction], width)
            both = x["3"][direction] if "3" in x else np.zeros(2 * count * width, np.float32)
            bx, bh = (reorder(half, width) for half in np.split(both, 2))
            zero = np.zeros((steps.shape[1], width), np.float32)
            h = x["5"][direction] if "5" in x else zero
            c = x["6"][direction] if "6" in x else zero
            # The GRU keeps the recurrent bias apart, inside the reset.
            inputs = steps @ wx + (bx if kind == "GRU" else bx + bh)

            def cell(g: np.ndarray, s: State, wh=wh, bh=bh, direction=direction) -> State:
                if kind == "RNN":
                    return rnn_cell(g, *s, wh)
                if kind == "GRU":
                    after = bool(attributes.get("linear_before_reset", 0))
                    return gru_cell(g, *s, wh, bh, reset_after=after)
                peephole = peepholes(x["7"][direction], width) if "7" in x else None
                return lstm_cell(g, *s, wh, peephole)

            named = attributes.get("direction", b"forward")
            reverse = named == b"reverse" or direction == 1
            y, state = scan(cell, inputs, (h, c) if kind == "LSTM" else (h,), reverse=reverse)
            outputs.append(y)
            finals.append(state)
        y = np.stack(outputs, axis=1)  # (T, directions, B, H)
        states = [np.stack(state) for state in zip(*finals, strict=True)]  # (directions, B, H)
        if batch_first:
            y, states = y.transpose(2, 0, 1, 3), [state.swapaxes(0, 1) for state in states]
        return [y, *states]

    return run


def peepholes(p: np.ndarray, width: int) -> np.ndarray:
    """ONNX has input, output, forget; ours are input, forget, output."""
    return np.concatenate([p[:width], p[2 * width :], p[width : 2 * width]])


RUN: dict[str, Callable[[Inputs, Attributes], list[np.ndarray | None]]] = {
    "BatchNormalization": run_batch_norm,
    "Concat": lambda x, attributes: [concat(*x.values(), axis=attributes["axis"])],
    "Conv": run_convolution,
    "ConvInteger": run_convolution,
    "Erf": lambda x, _: [activation.erf(x["0"])],
    "Gelu": run_gelu,
    "LayerNormalization": run_layer_norm,
    "LpNormalization": run_l2_normalize,
    "MatMulInteger": run_matmul_integer,
    "Relu": lambda x, _: [activation.relu(x["0"])],
    "Sigmoid": lambda x, _: [activation.sigmoid(x["0"])],
    "Softmax": run_softmax,
    "Tanh": lambda x, _: [activation.tanh(x["0"])],
    "TopK": run_top_k,
    **{kind: run_recurrent(kind) for kind in ("RNN", "GRU", "LSTM")},
}


def test_claimed_nodes_pass() -> None:
    """Every single-node case of a claimed operator, to 1e-5, but those of ``NOT_CLAIMED``.

    The counts are ONNX 1.23's.
    """
    passed: Counter[str] = Counter()
    left_out = set()
    for case in node_cases():
        if case.kind not in CLAIMED:
            continue
        if case.name in NOT_CLAIMED:
            left_out.add(case.name)
            continue
        results = RUN[case.kind](case.inputs, case.attributes)
        for index, value in case.outputs.items():
            np.testing.assert_allclose(
                results[index], value, rtol=1e-5, atol=1e-5, err_msg=case.name
            )
        passed[case.kind] += 1
    assert passed == CLAIMED
    assert left_out == NOT_CLAIMED.keys()
