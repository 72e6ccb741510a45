"""Calibration: a real network and sample inputs give the integer network.

Every tensor between operators becomes INT16 with one static scale; each linear reads INT8 codes of
its input, made once per tensor; weights are INT8 per output channel. Each kind of real operator has
one method of ``_Quantizer`` that writes its integer operators.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from golden.bias_correction import correct_biases
from golden.calibration import (
    CODE_EXPONENTS,
    RECIPROCAL_EXPONENTS,
    ROOT_EXPONENTS,
    bias_codes,
    fit_multipliers,
    function_scales,
    observe,
    shared_scales,
    weight_codes,
)
from golden.graph import Graph, Operator
from golden.networks.builder import GraphBuilder
from golden.networks.run import run_real
from golden.operator_spec import (
    AttentionSpec,
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    ResidualAddSpec,
    SoftmaxSpec,
)
from golden.spec import RequantizeSpec, RowScaleSpec
from golden.table_spec import FUNCTIONS, ExponentialSpec, TableSpec

LOG2_E = math.log2(math.e)


@dataclass(frozen=True, kw_only=True)
class QuantizeSettings:
    """What the caller may choose: widths of the softmax, the keys' block, and headroom."""

    probability_bits: int = 8
    key_block: int = 128
    margin: float = 1.25
    weight_bits: int = 8
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)
    rows: RowScaleSpec = field(default_factory=RowScaleSpec)


def quantize_network(
    graph: Graph,
    samples: Iterable[Mapping[str, Any]],
    settings: QuantizeSettings | None = None,
) -> Graph:
    """The integer network of a real one; ``samples`` are inputs as the network will see them."""
    samples = list(samples)
    integer = _Quantizer(graph, samples, settings or QuantizeSettings()).build()
    return correct_biases(graph, integer, samples)


class _Quantizer:
    def __init__(
        self, graph: Graph, samples: Iterable[Mapping[str, Any]], settings: QuantizeSettings
    ) -> None:
        self._real = graph
        self._settings = settings
        self._largest = observe(graph, samples, run_real)
        bits = settings.requantize.output_bits
        self._scale = shared_scales(graph, self._largest, "residual_add", settings.margin, bits)
        function_scales(graph, self._scale, bits)
        self._graph = GraphBuilder(graph.name)
        self._linears: dict[str, list[Operator]] = {}
        for operator in graph.operators:
            if operator.kind == "linear":
                self._linears.setdefault(operator.inputs[0], []).append(operator)

    def build(self) -> Graph:
        for name in self._real.inputs:
            self._graph.input(name, self._real.tensors[name].shape)
        for operator in self._real.operators:
            kind = "activation" if operator.kind in FUNCTIONS else operator.kind
            method = getattr(self, f"_{kind}", None)
            if method is None:
                raise ValueError(
                    f"operator {operator.name!r} of kind {operator.kind!r} has no integer form"
                )
            method(operator)
        return self._graph.finish(*self._real.outputs)

    def _embedding(self, operator: Operator) -> None:
        scale = self._scale[operator.name]
        table = self._real.constants[operator.inputs[1]]
        codes = np.floor(table / scale + 0.5).astype(np.int16)
        self._apply(operator, None, operator.inputs[0], self._constant(operator.inputs[1], codes))

    _position = _embedding

    def _residual_add(self, operator: Operator) -> None:
        spec = ResidualAddSpec(bits=self._settings.requantize.output_bits)
        self._apply(operator, spec, *operator.inputs)

    def _activation(self, operator: Operator) -> None:
        fraction_bits = -int(math.log2(self._scale[operator.name]))
        spec = TableSpec(
            function=operator.kind,  # type: ignore[arg-type]
            input_fraction_bits=fraction_bits,
            output_unit=1 << fraction_bits,
        )
        self._apply(operator, spec, operator.inputs[0])

    def _linear(self, operator: Operator) -> None:
        source, weight, bias = operator.inputs
        if f"{source}.codes" not in self._graph.tensors:
            self._codes(source)
        spec, scale = self._settings.requantize, self._scale[operator.name]
        self._apply(
            operator,
            spec,
            f"{source}.codes",
            f"{source}.row_scale",
            weight,
            f"{operator.name}.multiplier",
            self._constant(bias, bias_codes(spec, self._real.constants[bias], scale)),
        )

    def _codes(self, source: str) -> None:
        """Codes of a tensor, once, and the multipliers of every linear that reads them."""
        rows, spec = self._settings.rows, self._settings.requantize
        factors = []
        readers = self._linears[source]
        for reader in readers:
            weight = reader.inputs[1]
            codes, scale = weight_codes(self._real.constants[weight], self._settings.weight_bits)
            self._constant(weight, codes)
            factors.append(
                self._scale[source] * scale / (rows.code_limit * self._scale[reader.name])
            )
        offset, multipliers = fit_multipliers(spec, factors, CODE_EXPONENTS)
        for reader, multiplier in zip(readers, multipliers, strict=True):
            self._constant(f"{reader.name}.multiplier", multiplier)
        self._graph.apply(
            "quantize",
            f"{source}.codes",
            source,
            self._constant(f"{source}.codes.exponent_offset", offset),
            shape=self._real.tensors[source].shape,
            spec=rows,
            further_outputs=(f"{source}.row_scale",),
            bits=rows.output_bits,
            scale=self._scale[source] / rows.code_limit,
        )

    def _attention(self, operator: Operator) -> None:
        settings = self._settings
        arguments = operator.spec
        exponential = ExponentialSpec(unit=(1 << settings.probability_bits) - 1)
        spec = AttentionSpec(
            heads=arguments["heads"],
            causal=arguments.get("causal", False),
            key_block=settings.key_block,
            query=settings.rows,
            exponential=exponential,
            requantize=settings.requantize,
        )
        query, key, value = (self._scale[name] for name in operator.inputs[:3])
        key_range, value_range = (
            self._head_range(name, spec.heads) for name in operator.inputs[1:3]
        )
        limit, operand_limit = spec.query.code_limit, spec.operand.code_limit
        depth = len(self._largest[operator.inputs[0]]) // spec.heads
        score_factor = query * key * key_range / (limit * operand_limit)
        score_factor *= LOG2_E / math.sqrt(depth) * (1 << exponential.fraction_bits)
        context_factor = value * value_range / (operand_limit * self._scale[operator.name])
        score_offset, (score,) = fit_multipliers(
            settings.requantize, [score_factor], CODE_EXPONENTS
        )
        context_offset, (context,) = fit_multipliers(
            settings.requantize, [context_factor], RECIPROCAL_EXPONENTS
        )
        constants = {
            "key_scale": key_range,
            "value_scale": value_range,
            "score_multiplier": score,
            "context_multiplier": context,
            "exponent_offsets": np.array([score_offset, context_offset]),
        }
        names = [self._constant(f"{operator.name}.{name}", x) for name, x in constants.items()]
        self._apply(operator, spec, *operator.inputs[:3], *names, *operator.inputs[3:])

    def _head_range(self, name: str, heads: int) -> np.ndarray:
        """Largest magnitude of each head, in the tensor's integers, ``(H,)``."""
        largest = self._largest[name].reshape(heads, -1).max(axis=1) / self._scale[name]
        return np.maximum(np.ceil(largest), 1).astype(np.int64)

    def _softmax(self, operator: Operator) -> None:
        unit = (1 << self._settings.probability_bits) - 1
        fraction_bits = round(math.log2(math.log(2) / self._scale[operator.inputs[0]]))
        spec = SoftmaxSpec(
            exponential=ExponentialSpec(
                unit=(unit + 1) << 7, fraction_bits=fraction_bits, index_bits=min(6, fraction_bits)
            ),
            output=ExponentialSpec(unit=unit, fraction_bits=13, index_bits=6),
        )
        self._graph.apply(
            "softmax",
            operator.name,
            *operator.inputs,
            shape=self._real.tensors[operator.name].shape,
            spec=spec,
            bits=self._settings.probability_bits,
            scale=1 / unit,
            signed=False,
        )

    def _layer_norm(self, operator: Operator) -> None:
        source, gain, bias = operator.inputs
        width = len(self._real.constants[gain])
        spec = LayerNormSpec(width=width, requantize=self._settings.requantize)
        scale = self._scale[operator.name]
        factor = self._real.constants[gain] * (math.sqrt(width) / scale)
        offset, (multiplier,) = fit_multipliers(spec.requantize, [factor], ROOT_EXPONENTS)
        # epsilon joins the sum of squared deviations, which have fraction bits.
        unit = self._scale[source] * 2.0**-spec.mean_fraction_bits
        epsilon = int(operator.spec["epsilon"] * width / unit**2 + 0.5)
        self._apply(
            operator,
            spec,
            source,
            self._constant(f"{operator.name}.multiplier", multiplier),
            self._constant(bias, bias_codes(spec.requantize, self._real.constants[bias], scale)),
            self._constant(f"{operator.name}.epsilon", epsilon),
            self._constant(f"{operator.name}.exponent_offset", offset),
        )

    def _mean_pool(self, operator: Operator) -> None:
        spec = PoolSpec(requantize=self._settings.requantize)
        factor = np.array(self._scale[operator.inputs[0]] / self._scale[operator.name])
        self._scaled_rows(operator, spec, factor, RECIPROCAL_EXPONENTS)

    def _l2_normalize(self, operator: Operator) -> None:
        spec = NormalizeSpec(requantize=self._settings.requantize)
        bits = spec.requantize.output_bits
        self._scale[operator.name] = 2.0 ** (1 - bits)
        factor = np.array(2.0 ** (bits - 1))
        self._scaled_rows(operator, spec, factor, ROOT_EXPONENTS)

    def _scaled_rows(
        self,
        operator: Operator,
        spec: PoolSpec | NormalizeSpec,
        factor: np.ndarray,
        exponents: tuple[int, int],
    ) -> None:
        """One multiplier for all columns beside a row scale that the operator computes."""
        offset, (multiplier,) = fit_multipliers(spec.requantize, [factor], exponents)
        self._apply(
            operator,
            spec,
            operator.inputs[0],
            self._constant(f"{operator.name}.multiplier", multiplier),
            self._constant(f"{operator.name}.exponent_offset", offset),
        )

    def _constant(self, name: str, value: Any) -> str:
        return self._graph.constant(name, value)

    def _apply(self, operator: Operator, spec: Any, *inputs: str) -> None:
        """The operator's integer form: same kind, same name, INT16 output."""
        kind = "activation" if operator.kind in FUNCTIONS else operator.kind
        self._graph.apply(
            kind,
            operator.name,
            *inputs,
            shape=self._real.tensors[operator.name].shape,
            spec=spec,
            bits=self._settings.requantize.output_bits,
            scale=self._scale[operator.name],
        )
