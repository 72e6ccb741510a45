"""ONNX's published node tests against the real definitions: passed, or not claimed with a reason.

Source: onnx.backend.test.case.node; inputs and expected outputs are made in memory.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from golden.integer import matmul
from golden.real import activation
from golden.real.layer_norm import layer_norm
from golden.real.recurrent import State, gru_cell, lstm_cell, rnn_cell, scan
from golden.real.softmax import softmax

onnx = pytest.importorskip("onnx", reason="onnx is in the extra 'reference'")
pytestmark = [
    pytest.mark.xdist_group("onnx"),
    pytest.mark.filterwarnings("ignore"),
]

Inputs = dict[str, np.ndarray]
Attributes = dict[str, Any]

CLAIMED = {
    "Erf": 1,
    "GRU": 6,
    "Gelu": 4,
    "LSTM": 6,
    "LayerNormalization": 19,
    "MatMulInteger": 1,
    "RNN": 6,
    "Relu": 1,
    "Sigmoid": 2,
    "Softmax": 7,
    "Tanh": 2,
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
    "Erf": lambda x, _: [activation.erf(x["0"])],
    "Gelu": run_gelu,
    "LayerNormalization": run_layer_norm,
    "MatMulInteger": run_matmul_integer,
    "Relu": lambda x, _: [activation.relu(x["0"])],
    "Sigmoid": lambda x, _: [activation.sigmoid(x["0"])],
    "Softmax": run_softmax,
    "Tanh": lambda x, _: [activation.tanh(x["0"])],
    **{kind: run_recurrent(kind) for kind in ("RNN", "GRU", "LSTM")},
}


def test_claimed_nodes_pass() -> None:
    """Every single-node case of a claimed operator, to 1e-5; the counts are ONNX 1.23's."""
    from onnx.backend.test.case.node import collect_testcases

    passed: Counter[str] = Counter()
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        if len(nodes) != 1 or nodes[0].op_type not in CLAIMED:
            continue
        node = nodes[0]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        given, expected = case.data_sets[0]
        present = [str(index) for index, name in enumerate(node.input) if name]
        inputs = dict(zip(present, given, strict=True))
        wanted = [index for index, name in enumerate(node.output) if name]
        results = RUN[node.op_type](inputs, attributes)
        for index, value in zip(wanted, expected, strict=True):
            np.testing.assert_allclose(
                results[index], value, rtol=1e-5, atol=1e-5, err_msg=case.name
            )
        passed[node.op_type] += 1
    assert passed == CLAIMED
