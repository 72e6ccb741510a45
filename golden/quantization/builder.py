"""The integer graph while it is written: the real one, its ranges and scales, shared helpers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from golden.graph import Graph, Operator
from golden.networks.builder import GraphBuilder
from golden.networks.run import run_real
from golden.quantization.calibration import (
    CODE_EXPONENTS,
    fit_multipliers,
    function_scales,
    observe,
    shared_scales,
    weight_codes,
)
from golden.spec import RequantizeSpec, RowScaleSpec
from golden.table_spec import FUNCTIONS


@dataclass(frozen=True, kw_only=True)
class QuantizeSettings:
    """What the caller may choose: widths of the softmax, the keys' block, and headroom."""

    probability_bits: int = 8
    key_block: int = 128
    margin: float = 1.25
    weight_bits: int = 8
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)
    rows: RowScaleSpec = field(default_factory=RowScaleSpec)


class IntegerBuilder:
    """Appends integer operators to ``graph``, with the names of the real ones.

    ``scale`` holds the scale of every tensor, ``largest`` its largest magnitudes per channel.
    """

    def __init__(
        self, real: Graph, samples: Iterable[Mapping[str, Any]], settings: QuantizeSettings
    ) -> None:
        self.real = real
        self.settings = settings
        self.graph = GraphBuilder(real.name)
        self.largest = observe(real, samples, run_real)
        bits = settings.requantize.output_bits
        self.scale = shared_scales(real, self.largest, "residual_add", settings.margin, bits)
        function_scales(real, self.scale, bits)
        for name in real.inputs:
            self.graph.input(name, real.tensors[name].shape)

    def apply(self, operator: Operator, spec: Any, *inputs: str, **numbers: Any) -> None:
        """The operator's integer form, of the same name, with an INT16 output or as told."""
        result = {
            "bits": self.settings.requantize.output_bits,
            "scale": self.scale[operator.name],
        }
        self.graph.apply(
            "activation" if operator.kind in FUNCTIONS else operator.kind,
            operator.name,
            *inputs,
            shape=self.real.tensors[operator.name].shape,
            spec=spec,
            **{**result, **numbers},
        )

    def codes(self, source: str) -> None:
        """Codes of a tensor, once, and weight codes and multipliers of every linear that reads it.

        The linears share the row scales, hence one exponent offset.
        """
        if f"{source}.codes" in self.graph.tensors:
            return
        rows, constant = self.settings.rows, self.graph.constant
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
            further_outputs=(f"{source}.row_scale",),
            bits=rows.output_bits,
            scale=self.scale[source] / rows.code_limit,
        )
