"""The integer graph while it is written: the real one, its ranges and scales, shared helpers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from golden.graph import Graph, Operator
from golden.integer import integer_range
from golden.networks.builder import GraphBuilder
from golden.networks.run import run_real
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    fit_multipliers,
    weight_codes,
)
from golden.quantization.ranges import Calibration, Ranges
from golden.quantization.scales import tensor_scales
from golden.spec import RequantizeSpec, RowScaleSpec
from golden.table_spec import FUNCTIONS


@dataclass(frozen=True, kw_only=True)
class QuantizeSettings:
    """What the caller may choose: calibration and headroom, widths, keys' block.

    ``calibration`` decides the ranges of tensors between operators, ``operand_calibration`` those
    of the codes of keys and values, ``operand_bits`` wide, whose scales are static.
    ``probability_bits`` is of attention's codes, ``softmax_bits`` of a softmax that stands alone.
    ``whole_rows`` are kinds of attention that get that softmax, two products with keys and values
    as weights: "attention", "linear_attention".
    """

    probability_bits: int = 10
    softmax_bits: int = 8
    key_block: int = 128
    whole_rows: tuple[str, ...] = ()
    calibration: Calibration = "absmax"
    operand_calibration: Calibration = "absmax"
    margin: float = 1.25
    weight_bits: int = 8
    operand_bits: int = 8
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)
    rows: RowScaleSpec = field(default_factory=RowScaleSpec)


class IntegerBuilder:
    """Appends integer operators to ``graph``, with the names of the real ones.

    ``scale`` holds the scale of every tensor, ``ranges`` its magnitudes.
    """

    def __init__(
        self, real: Graph, samples: Iterable[Mapping[str, Any]], settings: QuantizeSettings
    ) -> None:
        self.real = real
        self.settings = settings
        self.graph = GraphBuilder(real.name)
        self.ranges = Ranges(real, samples, run_real, settings.calibration)
        self.operand_ranges = (
            self.ranges
            if settings.operand_calibration == settings.calibration
            else Ranges(real, samples, run_real, settings.operand_calibration)
        )
        bits = settings.requantize.output_bits
        self.scale = tensor_scales(real, self.ranges, settings.margin, bits)
        for name in real.inputs:
            numbers = {"bits": bits, "scale": self.scale[name]} if name in self.scale else {}
            self.graph.input(name, real.tensors[name].shape, **numbers)

    def apply(self, operator: Operator, spec: Any, *inputs: str, **numbers: Any) -> None:
        """The operator's integer form, of the same name, with INT16 outputs or as told."""
        bits = self.settings.requantize.output_bits
        kind = "activation" if operator.kind in FUNCTIONS else operator.kind
        self.graph.apply(
            {"batch_norm": "affine", "rescale": "affine"}.get(kind, kind),
            operator.name,
            *inputs,
            shape=self.real.tensors[operator.name].shape,
            spec=spec,
            further_outputs={
                name: {
                    "shape": self.real.tensors[name].shape,
                    "bits": bits,
                    "scale": self.scale.get(name, 1.0),
                }
                for name in operator.outputs[1:]
            },
            **{"bits": bits, "scale": self.scale.get(operator.name, 1.0), **numbers},
        )

    def multipliers(
        self,
        operator: Operator,
        factors: Sequence[np.ndarray | float],
        exponents: tuple[int, int],
        names: Sequence[str] = ("multiplier",),
    ) -> tuple[int, list[str]]:
        """Constants of the operator's multipliers, named after it, and their exponent offset."""
        arrays = [np.asarray(factor) for factor in factors]
        offset, fitted = fit_multipliers(self.settings.requantize, arrays, exponents)
        pairs = zip(names, fitted, strict=True)
        return offset, [self.constant(operator, name, value) for name, value in pairs]

    def constant(self, operator: Operator, name: str, value: Any) -> str:
        """A constant named after the operator."""
        return self.graph.constant(f"{operator.name}.{name}", value)

    def codes(self, source: str) -> None:
        """Codes of a tensor, once, and weight codes and multipliers of every linear that reads it.

        The linears share the row scales, hence one exponent offset.
        """
        if f"{source}.codes" in self.graph.tensors:
            return
        rows, constant = self.rows(source), self.graph.constant
        readers = [o for o in self.real.operators if o.kind == "linear" and o.inputs[0] == source]
        factors = []
        for reader in readers:
            weight = reader.inputs[1]
            codes, scale = weight_codes(self.real.constants[weight], self.settings.weight_bits)
            constant(weight, codes)
            factors.append(self.scale[source] * scale / (rows.code_limit * self.scale[reader.name]))
        offset, multipliers = fit_multipliers(self.settings.requantize, factors, CODE_EXPONENTS)
        for reader, multiplier in zip(readers, multipliers, strict=True):
            constant(f"{reader.name}.multiplier", multiplier)
        self.graph.apply(
            "quantize",
            f"{source}.codes",
            source,
            constant(f"{source}.codes.exponent_offset", offset),
            shape=self.real.tensors[source].shape,
            spec=rows,
            further_outputs={
                f"{source}.row_scale": {"shape": self.real.tensors[source].shape[:-1]}
            },
            bits=rows.output_bits,
            scale=self.scale[source] / rows.code_limit,
        )

    def rows(self, source: str) -> RowScaleSpec:
        """Per token; but static for rows that hold what an earlier one had, so their codes do."""
        rows = self.settings.rows
        if not any(o.kind == "delta" and o.name == source for o in self.real.operators):
            return rows
        largest = float(self.operand_ranges.largest(source, rows.output_bits)[0])
        largest = min(largest / self.scale[source], integer_range(rows.input_bits)[1])
        return replace(rows, static_scale=max(1, math.ceil(largest)))
