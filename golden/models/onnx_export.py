"""Networks as ONNX files in 32-bit floats, written as exporters of PyTorch models write them.

    linear       MatMul, Add                    attention    Reshape, Transpose, MatMul, Div,
    layer norm   LayerNormalization; before                  Add of the mask, Softmax, MatMul
                 opset 17 its nine parts        pooling      Mul by the mask, ReduceSum, Div
    GELU         Div, Erf, Add, Mul, Mul        unit vector  ReduceL2, Clip, Div

So another runtime can run the same weights, and the import has something to read. Needs the
package ``onnx``. Weights are named as in ``golden.networks``, matrices (K, M).

Source: https://onnx.ai/onnx/operators
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

from golden.networks.patches import PatchShape
from golden.networks.transformer import EncoderShape

Output = Literal["last_hidden_state", "sentence_embedding"]
Value = str | np.ndarray | float | Sequence[int]


def bert_onnx(
    shape: EncoderShape,
    weights: Mapping[str, np.ndarray],
    output: Output = "last_hidden_state",
    opset: int = 17,
) -> ModelProto:
    """``input_ids`` and ``attention_mask``, (batch, tokens) of INT64, to one output.

    That is ``last_hidden_state``, (batch, tokens, D), or ``sentence_embedding``, (batch, D), the
    unit vector of the mean over tokens that the mask holds. With a ``token_type.table`` among the
    weights there is a third input, ``token_type_ids``. MiniLM:
    ``bert_onnx(minilm.SHAPE, minilm.real_network().constants)``.
    """
    writer = _Writer(weights, shape, opset)
    ids, mask = (writer.ids(name) for name in ("input_ids", "attention_mask"))
    hidden = writer.node("Gather", writer.weight("word.table"), ids)
    if "token_type.table" in weights:
        types = writer.node(
            "Gather", writer.weight("token_type.table"), writer.ids("token_type_ids")
        )
        hidden = writer.node("Add", hidden, types)
    count = writer.node("Gather", writer.node("Shape", ids), np.array([1]))
    places = writer.node(
        "Slice", np.arange(shape.positions)[None], np.array([0]), count, np.array([1])
    )
    hidden = writer.node(
        "Add", hidden, writer.node("Gather", writer.weight("position.table"), places)
    )
    hidden = writer.norm_after("embedding", hidden)
    seen = writer.node("Cast", writer.unsqueeze(writer.unsqueeze(mask, 1), 2), to=TensorProto.FLOAT)
    closed = writer.node("Mul", writer.node("Sub", 1.0, seen), float(np.finfo(np.float32).min))
    hidden = writer.norm_before("final", writer.layers(hidden, closed))
    sizes: list[str | int] = ["batch", "tokens", shape.width]
    if output == "sentence_embedding":
        hidden = writer.sentence(hidden, writer.unsqueeze(mask, -1))
        sizes = ["batch", shape.width]
    return writer.finish(hidden, output, sizes)


def vit_onnx(
    patch: PatchShape, shape: EncoderShape, weights: Mapping[str, np.ndarray], opset: int = 17
) -> ModelProto:
    """``pixel_values``, (batch, channels, height, width), to ``logits``, (batch, outputs)."""
    writer = _Writer(weights, shape, opset)
    pixels = writer.input("pixel_values", TensorProto.FLOAT, ["batch", patch.channels, *patch.size])
    kernel = weights["patch.weight"].reshape(*patch.kernel, patch.channels, shape.width)
    kernel = kernel.transpose(3, 2, 0, 1)  # (D, channels, rows, columns)
    filters = [writer.constant("patch.weight", kernel), writer.weight("patch.bias")]
    patches = writer.node("Conv", pixels, *filters, kernel_shape=patch.kernel, strides=patch.stride)
    rows = writer.node("Reshape", patches, np.array([0, shape.width, -1]))
    rows = writer.node("Transpose", rows, perm=[0, 2, 1])
    batch = writer.node("Gather", writer.node("Shape", pixels), np.array([0]))
    size = writer.node("Concat", batch, np.array([1, shape.width]), axis=0)
    first = writer.node("Expand", weights["class.table"][None], size)
    hidden = writer.node("Concat", first, rows, axis=1)
    hidden = writer.node("Add", hidden, weights["position.table"][None])
    hidden = writer.norm_before("final", writer.layers(hidden))
    logits = writer.linear("output", writer.node("Gather", hidden, np.array(0), axis=1))
    return writer.finish(logits, "logits", ["batch", patch.outputs])


class _Writer:
    """Nodes and initializers; an array or a number among a node's inputs becomes an initializer."""

    def __init__(self, weights: Mapping[str, np.ndarray], shape: EncoderShape, opset: int) -> None:
        if not 11 <= opset <= 17:
            raise ValueError(f"opset must be 11 to 17, not {opset}")
        if shape.activation not in {"gelu", "relu"}:
            raise ValueError(f"activation must be 'gelu' or 'relu', not {shape.activation!r}")
        if shape.kind != "softmax" or shape.bias_token or shape.delta is not None:
            raise ValueError(f"only plain softmax attention is exported, not that of {shape}")
        self._weights, self._shape, self._opset = weights, shape, opset
        self._nodes: list[NodeProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._constants: dict[str, np.ndarray] = {}

    def input(self, name: str, kind: int, sizes: Sequence[str | int]) -> str:
        """An input of the graph; its name."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, sizes))
        return name

    def ids(self, name: str) -> str:
        """An input of (batch, tokens) integers."""
        return self.input(name, TensorProto.INT64, ["batch", "tokens"])

    def constant(self, name: str, value: Value) -> str:
        """An initializer, floats in single precision; its name."""
        x = np.asarray(value)
        self._constants[name] = x.astype(np.float32) if x.dtype.kind == "f" else x
        return name

    def weight(self, name: str) -> str:
        """The weight of that name."""
        return self.constant(name, self._weights[name])

    def node(self, kind: str, *inputs: Value, **attributes: Any) -> str:
        """A node with one output; its name."""
        name = f"/{kind}_{len(self._nodes)}"
        names = [x if isinstance(x, str) else self.constant(f"{name}_constant_{index}", x)
                 for index, x in enumerate(inputs)]  # fmt: skip
        self._nodes.append(helper.make_node(kind, names, [f"{name}_output"], name, **attributes))
        return f"{name}_output"

    def unsqueeze(self, x: str, axis: int) -> str:
        """One more axis; before opset 13 axes are an attribute."""
        if self._opset < 13:
            return self.node("Unsqueeze", x, axes=[axis])
        return self.node("Unsqueeze", x, np.array([axis]))

    def linear(self, name: str, x: str) -> str:
        """``x W + b``, without the sum where the weights have no bias."""
        y = self.node("MatMul", x, self.weight(f"{name}.weight"))
        if f"{name}.bias" not in self._weights:
            return y
        return self.node("Add", self.weight(f"{name}.bias"), y)

    def norm_before(self, name: str, x: str) -> str:
        """Layer norm of a pre-norm network."""
        return self._layer_norm(name, x) if self._shape.norm == "pre" else x

    def norm_after(self, name: str, x: str) -> str:
        """Layer norm of a post-norm network."""
        return self._layer_norm(name, x) if self._shape.norm == "post" else x

    def layers(self, hidden: str, closed: str | None = None) -> str:
        """The encoder's layers; ``closed`` is added to scores."""
        for layer in range(self._shape.layers):
            name = f"layer.{layer}"
            x = self._attention(name, self.norm_before(f"{name}.attention", hidden), closed)
            hidden = self.norm_after(f"{name}.attention", self.node("Add", x, hidden))
            x = self.norm_before(f"{name}.feed_forward", hidden)
            x = self._activation(self.linear(f"{name}.feed_forward_in", x))
            x = self.linear(f"{name}.feed_forward_out", x)
            hidden = self.norm_after(f"{name}.feed_forward", self.node("Add", x, hidden))
        return hidden

    def sentence(self, hidden: str, mask: str) -> str:
        """Mean over the tokens of the mask (batch, tokens, 1), divided by its length."""
        seen = self.node("Cast", mask, to=TensorProto.FLOAT)
        seen = self.node("Expand", seen, self.node("Shape", hidden))
        total, count = (self._sum(x) for x in (self.node("Mul", hidden, seen), seen))
        mean = self.node("Div", total, self.node("Clip", count, 1e-9))
        length = self.node("ReduceL2", mean, axes=[1], keepdims=1)
        return self.node("Div", mean, self.node("Clip", length, 1e-12))

    def finish(self, value: str, name: str, sizes: Sequence[str | int]) -> ModelProto:
        """The model, checked."""
        self._nodes.append(helper.make_node("Identity", [value], [name], f"/{name}"))
        graph = helper.make_graph(
            self._nodes,
            "encoder",
            self._inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)],
            [numpy_helper.from_array(x, constant) for constant, x in self._constants.items()],
        )
        version = helper.make_opsetid("", self._opset)
        model = helper.make_model_gen_version(graph, opset_imports=[version])
        checker.check_model(model)
        return model

    def _sum(self, x: str) -> str:
        if self._opset < 13:
            return self.node("ReduceSum", x, axes=[1], keepdims=0)
        return self.node("ReduceSum", x, np.array([1]), keepdims=0)

    def _layer_norm(self, name: str, x: str) -> str:
        gain, bias = (self.weight(f"{name}.norm.{part}") for part in ("gain", "bias"))
        if self._opset >= 17:
            return self.node(
                "LayerNormalization", x, gain, bias, axis=-1, epsilon=self._shape.epsilon
            )
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1]))
        variance = self.node("ReduceMean", self.node("Pow", centred, 2.0), axes=[-1])
        deviation = self.node("Sqrt", self.node("Add", variance, self._shape.epsilon))
        return self.node("Add", self.node("Mul", self.node("Div", centred, deviation), gain), bias)

    def _activation(self, x: str) -> str:
        if self._shape.activation == "relu":
            return self.node("Relu", x)
        inner = self.node("Add", self.node("Erf", self.node("Div", x, math.sqrt(2))), 1.0)
        return self.node("Mul", self.node("Mul", x, inner), 0.5)

    def _attention(self, name: str, x: str, closed: str | None) -> str:
        depth = self._shape.width // self._shape.heads
        split = np.array([0, 0, self._shape.heads, depth])
        # Keys at once as their transpose.
        q, k, v = (
            self.node("Transpose", self.node("Reshape", self.linear(f"{name}.{part}", x), split),
                      perm=order)
            for part, order in (
                ("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])
            )
        )  # fmt: skip
        scores = self.node("Div", self.node("MatMul", q, k), math.sqrt(depth))
        if closed is not None:
            scores = self.node("Add", scores, closed)
        context = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        context = self.node("Transpose", context, perm=[0, 2, 1, 3])
        merged = self.node("Reshape", context, np.array([0, 0, self._shape.width]))
        return self.linear(f"{name}.output", merged)
