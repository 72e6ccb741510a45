"""A real graph in ONNX's operators, for its reference evaluator: what nobody here wrote.

Each of our operators becomes a few of ONNX's; the wiring is ours. Convolutions are ONNX's own: a
window becomes a convolution with filters of a single one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from golden.graph import Graph, Operator

SAME = {"gelu": "Gelu", "multiply": "Mul", "relu": "Relu", "residual_add": "Add",
        "sigmoid": "Sigmoid", "tanh": "Tanh"}  # fmt: skip
# Our order of the gates in ONNX's: update, reset, candidate; input, output, forget, candidate.
ORDER = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 2, 1, 3)}


def run_onnx(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The graph's outputs by ONNX's reference evaluator, in single precision."""
    writer = _Writer(graph)
    for operator in graph.operators:
        writer.write(operator)
    given = {name: _single(x) for name, x in inputs.items()}
    model = helper.make_model(
        helper.make_graph(
            writer.nodes,
            graph.name,
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in given.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in graph.outputs],
            [numpy_helper.from_array(x, n) for n, x in writer.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", onnx.defs.onnx_opset_version())],
    )  # fmt: skip
    results = ReferenceEvaluator(model).run(None, given)
    return dict(zip(graph.outputs, results, strict=True))


def _single(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(np.float32) if x.dtype.kind == "f" else x


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants = {name: _single(x) for name, x in graph.constants.items()}
        self._graph = graph
        self._count = 0

    def node(self, kind: str, *inputs: str | np.ndarray, output: str = "", **settings: Any) -> str:
        """Append a node; arrays become constants; its output's name."""
        self._count += 1
        output = output or f"between.{self._count}"
        names = []
        for index, value in enumerate(inputs):
            if not isinstance(value, str):
                name = f"{output}.constant.{index}"
                self.constants[name], value = _single(value), name
            names.append(value)
        self.nodes.append(helper.make_node(kind, names, [output], **settings))
        return output

    def write(self, operator: Operator) -> None:
        """The nodes of one operator."""
        name, spec, inputs = operator.name, operator.spec or {}, operator.inputs
        if operator.kind in SAME:
            self.node(SAME[operator.kind], *inputs, output=name)
        elif operator.kind in ORDER:
            self._recurrent(operator)
        else:
            getattr(self, f"_{operator.kind}")(name, spec, *inputs)

    def _linear(self, name, spec, x, weight, bias):
        self.node("Add", self.node("MatMul", x, weight), bias, output=name)

    def _embedding(self, name, spec, ids, table):
        self.node("Gather", table, ids, output=name)

    def _position(self, name, spec, x, table):
        rows = self.node("Slice", self.node("Shape", x), *map(np.array, ([0], [1])))
        self.node("Slice", table, np.array([0]), rows, np.array([0]), output=name)

    def _layer_norm(self, name, spec, x, gain, bias):
        self.node("LayerNormalization", x, gain, bias, output=name, **spec)

    def _batch_norm(self, name, spec, x, *rest):
        first = self.node("Transpose", x, perm=[2, 0, 1])
        one = self.node("Unsqueeze", first, np.array([0]))
        y = self.node("Squeeze", self.node("BatchNormalization", one, *rest, **spec), np.array([0]))
        self.node("Transpose", y, output=name, perm=[1, 2, 0])

    def _attention(self, name, spec, query, key, value, *mask):
        batch = [self.node("Unsqueeze", x, np.array([0])) for x in (query, key, value)]
        heads = spec["heads"]
        settings = {"is_causal": 1} if spec.get("causal") else {}
        if "scale" in spec:
            settings["scale"] = spec["scale"]
        y = self.node("Attention", *batch, *mask, q_num_heads=heads, kv_num_heads=heads, **settings)
        self.node("Squeeze", y, np.array([0]), output=name)

    def _additive_attention(self, name, spec, query, key, value, energy):
        both = self.node("Add", self.node("Unsqueeze", query, np.array([1])), key)
        scores = self.node("MatMul", self.node("Tanh", both), energy)
        self.node("MatMul", self.node("Softmax", scores, axis=-1), value, output=name)

    def _softmax(self, name, spec, x):
        self.node("Softmax", x, output=name, axis=-1)

    def _concat(self, name, spec, *tensors):
        self.node("Concat", *tensors, output=name, axis=spec["axis"])

    def _prepend(self, name, spec, x, table):
        self.node("Concat", table, x, output=name, axis=0)

    def _slice(self, name, spec, x):
        stop = spec.get("stop")
        ends = [[spec["start"]], [1 << 30 if stop is None else stop], [spec.get("axis", 0)]]
        self.node("Slice", x, *map(np.array, ends), output=name)

    def _reshape(self, name, spec, x):
        self.node("Reshape", x, np.array(spec["shape"]), output=name)

    def _mean_pool(self, name, spec, x):
        self.node("ReduceMean", x, np.array([0]), output=name, keepdims=0)

    def _l2_normalize(self, name, spec, x):
        self.node("LpNormalization", x, output=name, axis=-1, p=2)

    def _max_pool(self, name, spec, x):
        rows = self._graph.tensors[x].shape[0]
        turned = self.node("Unsqueeze", self.node("Transpose", x, perm=[1, 0]), np.array([0]))
        size = [spec["window"] or rows]
        y = self.node("MaxPool", turned, kernel_shape=size, strides=size)
        self.node("Transpose", self.node("Squeeze", y, np.array([0])), output=name, perm=[1, 0])

    def _rescale(self, name, spec, x):
        self.node("Identity", x, output=name)

    def _elu_plus_one(self, name, spec, x):
        self.node("Add", self.node("Elu", x), np.array(1.0), output=name)

    def _windows(self, name, spec, x):
        kernel, padding = spec["kernel"], spec["padding"]
        axes = len(kernel)
        channels = self._graph.tensors[x].shape[-1]
        length = int(np.prod(kernel)) * channels
        filters = np.eye(length).reshape(length, *kernel, channels)
        one = self.node("Unsqueeze", x, np.array([0]))
        first = self.node("Transpose", one, perm=[0, axes + 1, *range(1, axes + 1)])
        pads = [zeros[0] for zeros in padding] + [zeros[1] for zeros in padding]
        y = self.node("Conv", first, np.moveaxis(filters, -1, 1), strides=spec["stride"], pads=pads)
        last = self.node("Transpose", y, perm=[0, *range(2, axes + 2), 1])
        self.node("Squeeze", last, np.array([0]), output=name)

    def _recurrent(self, operator: Operator) -> None:
        """Its inputs are gates already: an identity stands for the input's weights."""
        gates, weight, *rest = operator.inputs
        wh = self.constants[weight]
        states, order = len(wh), ORDER[operator.kind]

        def theirs(w: np.ndarray) -> np.ndarray:
            parts = np.split(w, len(order), axis=-1)
            return np.concatenate([parts[gate] for gate in order], axis=-1).T[None]

        spec = operator.spec or {}
        bias = np.zeros((1, 2 * len(order) * states))
        if operator.kind == "gru":
            bias[:, 3 * states :] = theirs(self.constants[rest.pop(0)])
        start = [self.node("Unsqueeze", x, np.array([0])) for x in rest]
        settings = {"hidden_size": states}
        settings |= {"direction": "reverse"} if spec.get("reverse") else {}
        settings |= {"linear_before_reset": 1} if spec.get("reset_after") else {}
        x = self.node("Unsqueeze", gates, np.array([1]))
        identity = theirs(np.eye(len(order) * states))
        y = self.node(
            operator.kind.upper(), x, identity, theirs(wh), bias, *(["", *start] if start else []),
            **settings,
        )  # fmt: skip
        self.node("Squeeze", y, np.array([1, 2]), output=operator.name)
        if len(operator.outputs) == 2:
            self._cells(operator, x, (identity, theirs(wh), bias), start, settings)

    def _cells(self, operator, x, weights, start, settings):
        """c of the last step, as often as there are steps: only the last one is read."""
        self._count += 1
        names = [f"cells.{self._count}.{part}" for part in ("y", "h", "c")]
        values = []
        for part, w in zip(("w", "r", "b"), weights, strict=True):
            values.append(f"cells.{self._count}.{part}")
            self.constants[values[-1]] = _single(w)
        inputs = [x, *values, *(["", *start] if start else [])]
        self.nodes.append(helper.make_node("LSTM", inputs, names, **settings))
        self.node("Squeeze", names[2], np.array([0]), output=operator.outputs[1])
