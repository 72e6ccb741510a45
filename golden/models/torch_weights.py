"""Weights of PyTorch's modules under this project's names; torch itself is not needed.

Every function takes our name and the module's own arrays, ``{n: x.numpy() for n, x in
module.state_dict().items()}`` or ``part`` of a larger module's. The name maps:

    PyTorch                                   ours
    Linear            weight (M, K)           weight (K, M)
                      bias                    bias
    LayerNorm         weight, bias            norm.gain, norm.bias
    Embedding         weight                  table
    MultiheadAttention
      in_proj_weight, in_proj_bias            query, key, value: thirds of the rows
      q_, k_, v_proj_weight                   query, key, value, where their depths differ
      out_proj                                output
      bias_k, bias_v                          key.bias_token.table, value.bias_token.table
    TransformerEncoderLayer
      self_attn, norm1                        (the layer), attention.norm
      linear1, linear2, norm2                 feed_forward_in, feed_forward_out, feed_forward.norm
    TransformerDecoderLayer
      self_attn, norm1                        self, self.attention.norm
      multihead_attn, norm2                   cross, cross.attention.norm
      linear1, linear2, norm3                 as in the encoder's
    RNN, GRU, LSTM    layer n                 n, or with two directions n.forward, n.backward
      weight_ih, bias_ih                      gates.weight, gates.bias
      weight_hh, bias_hh                      state.weight, and of the GRU state.bias

PyTorch's GRU resets after its product (``reset_after``); a graph's norms add 1e-5 as its own do.

Source: PyTorch 2.13, ``torch.nn``.
"""

from collections.abc import Mapping

import numpy as np

from golden.models.gates import Weights, torch_gru, torch_lstm

Arrays = Mapping[str, np.ndarray]


def part(arrays: Arrays, prefix: str) -> Weights:
    """The arrays of one module inside another: ``part(arrays, "layers.0")``."""
    start = f"{prefix}."
    return {name.removeprefix(start): x for name, x in arrays.items() if name.startswith(start)}


def linear(name: str, arrays: Arrays) -> Weights:
    """``Linear``, with or without its bias."""
    weights = {f"{name}.weight": arrays["weight"].T}
    return weights | ({f"{name}.bias": arrays["bias"]} if "bias" in arrays else {})


def layer_norm(name: str, arrays: Arrays) -> Weights:
    """``LayerNorm``."""
    return {f"{name}.norm.gain": arrays["weight"], f"{name}.norm.bias": arrays["bias"]}


def embedding(name: str, arrays: Arrays) -> Weights:
    """``Embedding``."""
    return {f"{name}.table": arrays["weight"]}


def multihead_attention(name: str, arrays: Arrays) -> Weights:
    """``MultiheadAttention``: three projections of D columns each, and the output's."""
    if "in_proj_weight" in arrays:
        projections = np.split(arrays["in_proj_weight"], 3)
    else:
        projections = [arrays[f"{letter}_proj_weight"] for letter in "qkv"]
    biases = np.split(arrays["in_proj_bias"], 3) if "in_proj_bias" in arrays else [None] * 3
    weights = linear(f"{name}.output", part(arrays, "out_proj"))
    for ours, weight, bias in zip(("query", "key", "value"), projections, biases, strict=True):
        given = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        weights |= linear(f"{name}.{ours}", given)
    for ours, theirs in (("key", "bias_k"), ("value", "bias_v")):
        if theirs in arrays:
            weights[f"{name}.{ours}.bias_token.table"] = arrays[theirs][0]
    return weights


def encoder_layer(name: str, arrays: Arrays) -> Weights:
    """``TransformerEncoderLayer``, pre-norm or post-norm."""
    return {
        **multihead_attention(name, part(arrays, "self_attn")),
        **layer_norm(f"{name}.attention", part(arrays, "norm1")),
        **_feed_forward(name, arrays, "norm2"),
    }


def decoder_layer(name: str, arrays: Arrays) -> Weights:
    """``TransformerDecoderLayer``, pre-norm or post-norm."""
    return {
        **multihead_attention(f"{name}.self", part(arrays, "self_attn")),
        **layer_norm(f"{name}.self.attention", part(arrays, "norm1")),
        **multihead_attention(f"{name}.cross", part(arrays, "multihead_attn")),
        **layer_norm(f"{name}.cross.attention", part(arrays, "norm2")),
        **_feed_forward(name, arrays, "norm3"),
    }


def recurrent(name: str, arrays: Arrays) -> Weights:
    """``RNN``, ``GRU`` or ``LSTM``: every layer and direction."""
    weights: Weights = {}
    for theirs in (key.removeprefix("weight_ih_") for key in arrays if "weight_ih_" in key):
        layer, _, reverse = theirs.removeprefix("l").partition("_")
        both = f"weight_ih_l{layer}_reverse" in arrays
        direction = (".backward" if reverse else ".forward") if both else ""
        w, r = arrays[f"weight_ih_{theirs}"], arrays[f"weight_hh_{theirs}"]
        b, s = (
            arrays.get(f"bias_{side}_{theirs}", np.zeros(len(w), w.dtype)) for side in ("ih", "hh")
        )
        weights |= _cell(f"{name}.{layer}{direction}", w, r, b, s)
    return weights


def _cell(name: str, w: np.ndarray, r: np.ndarray, b: np.ndarray, s: np.ndarray) -> Weights:
    """One direction of one layer; the number of gates tells which cell it is."""
    match len(r) // r.shape[1]:
        case 4:
            return torch_lstm(name, w, r, b, s)
        case 3:
            return torch_gru(name, w, r, b, s)
        case 1:
            return {
                f"{name}.gates.weight": w.T,
                f"{name}.gates.bias": b + s,
                f"{name}.state.weight": r.T,
            }
        case gates:
            raise ValueError(f"cell {name!r} has {gates} gates: an RNN has 1, a GRU 3, an LSTM 4")


def _feed_forward(name: str, arrays: Arrays, norm: str) -> Weights:
    return {
        **linear(f"{name}.feed_forward_in", part(arrays, "linear1")),
        **linear(f"{name}.feed_forward_out", part(arrays, "linear2")),
        **layer_norm(f"{name}.feed_forward", part(arrays, norm)),
    }
