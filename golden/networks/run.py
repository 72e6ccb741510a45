"""Executes graphs: real ones with ``golden.real``, integer ones with ``golden.ops``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from golden.graph import Graph, Operator
from golden.integer import saturate
from golden.ops.activation import activation
from golden.ops.additive_attention import additive_attention
from golden.ops.affine import affine
from golden.ops.attention import attention
from golden.ops.attention_recurrent import attention_recurrent
from golden.ops.concat import concat, prepend
from golden.ops.delta import delta
from golden.ops.embedding import embedding, position
from golden.ops.l2_normalize import l2_normalize
from golden.ops.layer_norm import layer_norm
from golden.ops.linear import linear
from golden.ops.linear_attention import linear_attention
from golden.ops.mean_pool import mean_pool
from golden.ops.multiply import multiply
from golden.ops.pool import max_pool
from golden.ops.quantize import quantize
from golden.ops.recurrent import gru, lstm, rnn
from golden.ops.residual_add import residual_add
from golden.ops.similarity import similarity
from golden.ops.slice import reshape, slice_rows
from golden.ops.softmax import softmax
from golden.ops.top_k import top_k
from golden.ops.windows import windows
from golden.real import activation as real_activation
from golden.real import recurrent as real_recurrent
from golden.real.additive_attention import additive_attention as real_additive_attention
from golden.real.attention import attention as real_attention
from golden.real.attention_recurrent import attention_recurrent as real_attention_recurrent
from golden.real.batch_norm import batch_norm as real_batch_norm
from golden.real.concat import concat as real_concat
from golden.real.concat import prepend as real_prepend
from golden.real.delta import delta as real_delta
from golden.real.embedding import embedding as real_embedding
from golden.real.embedding import position as real_position
from golden.real.l2_normalize import l2_normalize as real_l2_normalize
from golden.real.layer_norm import layer_norm as real_layer_norm
from golden.real.linear import linear as real_linear
from golden.real.linear_attention import linear_attention as real_linear_attention
from golden.real.mean_pool import mean_pool as real_mean_pool
from golden.real.multiply import multiply as real_multiply
from golden.real.pool import max_pool as real_max_pool
from golden.real.residual_add import residual_add as real_residual_add
from golden.real.similarity import rescale as real_rescale
from golden.real.similarity import similarity as real_similarity
from golden.real.slice import reshape as real_reshape
from golden.real.slice import slice_rows as real_slice
from golden.real.softmax import softmax as real_softmax
from golden.real.top_k import top_k as real_top_k
from golden.real.windows import windows as real_windows

INTEGER_OPERATORS: dict[str, Callable[..., Any]] = {
    "activation": activation,
    "additive_attention": additive_attention,
    "affine": affine,
    "attention": attention,
    "attention_recurrent": attention_recurrent,
    "concat": concat,
    "delta": delta,
    "embedding": embedding,
    "gru": gru,
    "l2_normalize": l2_normalize,
    "layer_norm": layer_norm,
    "linear": linear,
    "linear_attention": linear_attention,
    "lstm": lstm,
    "max_pool": max_pool,
    "mean_pool": mean_pool,
    "multiply": multiply,
    "position": position,
    "prepend": prepend,
    "quantize": quantize,
    "reshape": reshape,
    "residual_add": residual_add,
    "rnn": rnn,
    "similarity": similarity,
    "slice": slice_rows,
    "softmax": softmax,
    "top_k": top_k,
    "windows": windows,
}

REAL_OPERATORS: dict[str, Callable[..., Any]] = {
    "additive_attention": real_additive_attention,
    "attention": real_attention,
    "attention_recurrent": real_attention_recurrent,
    "batch_norm": real_batch_norm,
    "concat": real_concat,
    "delta": real_delta,
    "elu_plus_one": real_activation.elu_plus_one,
    "embedding": real_embedding,
    "gelu": real_activation.gelu,
    "gelu_tanh": real_activation.gelu_tanh,
    "gru": real_recurrent.gru,
    "l2_normalize": real_l2_normalize,
    "layer_norm": real_layer_norm,
    "linear": real_linear,
    "linear_attention": real_linear_attention,
    "lstm": real_recurrent.lstm,
    "max_pool": real_max_pool,
    "mean_pool": real_mean_pool,
    "multiply": real_multiply,
    "position": real_position,
    "prepend": real_prepend,
    "relu": real_activation.relu,
    "reshape": real_reshape,
    "rescale": real_rescale,
    "residual_add": real_residual_add,
    "rnn": real_recurrent.rnn,
    "sigmoid": real_activation.sigmoid,
    "similarity": real_similarity,
    "slice": real_slice,
    "softmax": real_softmax,
    "tanh": real_activation.tanh,
    "top_k": real_top_k,
    "windows": real_windows,
}


def run_integer(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Every tensor of an integer graph, constants included."""
    return _run(graph, inputs, call_integer)


def run_real(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Every tensor of a real graph, constants included."""
    return _run(graph, inputs, call_real)


def quantize_inputs(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of an integer graph: real values rounded to its scales, ids and masks as they are."""
    values = dict(inputs)
    for name, x in inputs.items():
        if np.asarray(x).dtype.kind == "f":
            tensor = graph.tensors[name]
            codes = np.floor(np.asarray(x) / tensor.scale + 0.5)
            values[name] = saturate(codes, tensor.bits, tensor.signed).astype(np.int64)
    return values


def call_integer(operator: Operator, values: dict[str, Any]) -> None:
    """``f(spec, *inputs)``; inputs come from ``values``, outputs go there."""
    inputs = [values[name] for name in operator.inputs]
    _store(operator, values, INTEGER_OPERATORS[operator.kind](operator.spec, *inputs))


def call_real(operator: Operator, values: dict[str, Any]) -> None:
    """``f(*inputs, **spec)``; inputs come from ``values``, outputs go there."""
    inputs = [values[name] for name in operator.inputs]
    _store(operator, values, REAL_OPERATORS[operator.kind](*inputs, **(operator.spec or {})))


def _store(operator: Operator, values: dict[str, Any], result: Any) -> None:
    results = (result,) if len(operator.outputs) == 1 else result
    values.update(zip(operator.outputs, results, strict=True))


def _run(
    graph: Graph, inputs: Mapping[str, Any], call: Callable[[Operator, dict[str, Any]], None]
) -> dict[str, Any]:
    for name in graph.inputs:
        if name not in inputs:
            raise ValueError(f"graph {graph.name!r} needs the input {name!r}")
    values = {**graph.constants, **inputs}
    for operator in graph.operators:
        call(operator, values)
    return values
