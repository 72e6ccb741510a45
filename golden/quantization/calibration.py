"""From real ranges to integers: scales, weight codes, channel multipliers.

A real value is ``integer * scale``. Letters: K depth, M output channels.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from golden.graph import Graph
from golden.integer import integer_range
from golden.spec import RequantizeSpec
from golden.table_spec import FUNCTIONS

Run = Callable[[Graph, Mapping[str, Any]], dict[str, Any]]

# Row exponents before an offset: what quantize_rows, unit_rows, reciprocal and reciprocal_root
# can give.
CODE_EXPONENTS = (-15, 0)
UNIT_EXPONENTS = (-15, -15)
RECIPROCAL_EXPONENTS = (-40, -16)
ROOT_EXPONENTS = (-42, -16)

GATE_FRACTION_BITS = 12


def observe(graph: Graph, samples: Iterable[Mapping[str, Any]], run: Run) -> dict[str, np.ndarray]:
    """Largest magnitude of every tensor that an operator makes, per index of its last axis."""
    largest: dict[str, np.ndarray] = {}
    for sample in samples:
        values = run(graph, sample)
        for operator in graph.operators:
            for name in operator.outputs:
                x = np.abs(values[name])
                x = x.max(axis=tuple(range(x.ndim - 1)))
                largest[name] = np.maximum(largest.get(name, 0), x)
    if not largest:
        raise ValueError("calibration needs at least one sample input")
    return largest


def shared_scales(
    graph: Graph, largest: Mapping[str, np.ndarray], kind: str, margin: float, bits: int
) -> dict[str, float]:
    """One scale per tensor so that ``margin`` times its largest value fits.

    Tensors that an operator of ``kind`` adds, and their sum, share one.
    """
    group = {name: name for name in largest}

    def leader(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for operator in graph.operators:
        if operator.kind == kind:
            for name in operator.inputs:
                group[leader(name)] = leader(operator.outputs[0])
    range_of: dict[str, float] = {}
    for name in largest:
        known = range_of.get(leader(name), 0.0)
        range_of[leader(name)] = max(known, float(largest[name].max()))
    limit = integer_range(bits)[1]
    return {name: max(range_of[leader(name)] * margin, 1e-30) / limit for name in largest}


def function_scales(graph: Graph, scale: dict[str, float], bits: int) -> None:
    """Change the scales around functions by table to what the tables want.

    Inputs and outputs of one function share a power of two, so that one table serves them all. What
    a softmax reads are base-2 logarithms, with as many fraction bits as fit. Gates that recurrent
    cells read have 12 fraction bits (beyond 8 they saturate, and so do sigmoid and tanh).
    """
    for kind in FUNCTIONS:
        operators = [operator for operator in graph.operators if operator.kind == kind]
        names = [name for o in operators for name in (o.inputs[0], o.outputs[0])]
        if names:
            largest = max(scale[name] for name in names)
            power = max(math.ceil(math.log2(largest)), 1 - bits)
            scale.update(dict.fromkeys(names, 2.0**power))
    for operator in graph.operators:
        if operator.kind == "softmax":
            source = operator.inputs[0]
            fraction_bits = math.floor(math.log2(math.log(2) / scale[source]))
            scale[source] = math.log(2) * 2.0 ** -min(max(fraction_bits, 4), 13)
        elif operator.kind in {"rnn", "gru", "lstm"}:
            scale[operator.inputs[0]] = 2.0**-GATE_FRACTION_BITS
            scale[operator.name] = 2.0 ** (1 - bits)


def weight_codes(weight: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of ``(K, M)`` and a scale per output channel, of the least mean squared error.

    The candidates clip a channel at 0.7 to 1.0 of its largest magnitude.
    """
    limit = integer_range(bits)[1]
    largest = np.maximum(np.abs(weight).max(axis=0), 1e-30)  # (M,)
    best, best_error = largest / limit, np.full(weight.shape[1], np.inf)
    for ratio in np.linspace(1.0, 0.7, 13):
        scale = largest * ratio / limit
        codes = np.clip(np.floor(weight / scale + 0.5), -limit, limit)
        error = ((codes * scale - weight) ** 2).sum(axis=0)
        best = np.where(error < best_error, scale, best)
        best_error = np.minimum(error, best_error)
    codes = np.clip(np.floor(weight / best + 0.5), -limit, limit)
    return codes.astype(np.int8 if bits <= 8 else np.int16), best


def fit_multipliers(
    spec: RequantizeSpec, factors: Sequence[np.ndarray], exponents: tuple[int, int]
) -> tuple[int, list[np.ndarray]]:
    """Multipliers ``m = round(factor * 2**(shift - offset))`` that use their bits; the offset.

    ``factors`` belong to products that share a row scale, hence an offset; signs are kept.
    ``exponents`` is the range of the row's exponent before the offset is added.
    """
    limit = integer_range(spec.multiplier_bits, signed=False)[1]
    largest = max(float(np.abs(factor).max()) for factor in factors)
    low, high = spec.exponent_range[0] - exponents[0], spec.exponent_range[1] - exponents[1]
    needed = int(np.ceil(np.log2(max(largest, 1e-300) * 2.0**spec.shift / limit)))
    if needed > high:
        raise ValueError(
            f"a channel multiplier of {largest:.3g} * 2**{spec.shift - high} leaves "
            f"{spec.multiplier_bits} bits: lower the spec's shift of {spec.shift}"
        )
    offset = max(needed, low)
    multipliers = [
        np.floor(np.asarray(factor, np.float64) * 2.0 ** (spec.shift - offset) + 0.5).astype(
            np.int32
        )
        for factor in factors
    ]
    return offset, multipliers


def bias_codes(spec: RequantizeSpec, bias: np.ndarray, scale: float) -> np.ndarray:
    """``round(bias / scale * 2**bias_fraction_bits)``, checked against ``bias_bits``."""
    codes = np.floor(bias.astype(np.float64) / scale * (1 << spec.bias_fraction_bits) + 0.5)
    low, high = integer_range(spec.bias_bits)
    if codes.min() < low or codes.max() > high:
        raise ValueError(
            f"a bias of {codes.max():.0f} or {codes.min():.0f} leaves {spec.bias_bits} bits: "
            f"raise bias_bits or the output's scale"
        )
    return codes.astype(np.int32)
