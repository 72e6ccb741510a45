"""Specs: frozen dataclasses with whatever changes a number that comes out.

A spec is shared by the golden function and by the circuit of the same name. Errors name the value.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

Sign = Literal["signed", "unsigned", "either"]


def ceil_log2(count: int) -> int:
    """Number of bits that tell ``count`` things apart."""
    return math.ceil(math.log2(count)) if count > 1 else 0


def require_range(name: str, value: int, low: int, high: int) -> None:
    """Raise ``ValueError`` naming ``value`` unless it is an integer of ``low..high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class MacroSpec:
    """One CIM macro: ``o[c] = sum(x[l] * w[set][l][c] for l in range(lanes))``.

    ``input_sign`` may be "either": each input vector then tells by a flag whether it is signed.
    Operands of 16 bits are two fused halves, the high half signed and the low half unsigned.
    Source: MulTCIM, ISSCC 2023 16.1: 8 inputs, 32 outputs, 4 weight sets (4:1 activation), INT8.
    """

    lanes: int = 8
    columns: int = 32
    weight_sets: int = 4
    input_bits: int = 8
    weight_bits: int = 8
    input_sign: Sign = "either"
    weight_signed: bool = True

    def __post_init__(self) -> None:
        require_range("lanes", self.lanes, 1, 64)
        require_range("columns", self.columns, 1, 256)
        require_range("weight_sets", self.weight_sets, 1, 64)
        for name in ("input_bits", "weight_bits"):
            value = getattr(self, name)
            if value != 16 and value not in range(2, 9):
                raise ValueError(
                    f"{name} must be 2 to 8, or 16 as two fused halves of 8, not {value!r}"
                )
        if self.input_sign not in {"signed", "unsigned", "either"}:
            raise ValueError(
                f"input_sign must be 'signed', 'unsigned' or 'either', not {self.input_sign!r}"
            )
        if not isinstance(self.weight_signed, bool):
            raise ValueError(f"weight_signed must be True or False, not {self.weight_signed!r}")

    @property
    def sum_bits(self) -> int:
        """Width of an output, always two's complement, that cannot overflow."""
        unsigned = self.input_sign != "signed" and not self.weight_signed
        return self.input_bits + self.weight_bits + ceil_log2(self.lanes) + unsigned

    @property
    def set_bits(self) -> int:
        """Width of a weight-set index."""
        return max(1, ceil_log2(self.weight_sets))

    @property
    def lane_bits(self) -> int:
        """Width of a lane index."""
        return max(1, ceil_log2(self.lanes))

    @property
    def bitcell_count(self) -> int:
        """Bits of weight that the macro holds."""
        return self.lanes * self.columns * self.weight_sets * self.weight_bits


@dataclass(frozen=True, kw_only=True)
class RowScaleSpec:
    """Quantisation of one row by its largest magnitude, with a reciprocal table (no divider).

    The largest magnitude is rounded up to ``index_bits`` significant bits, so that codes stay
    within ``code_limit`` and the row scale is exact. ``static_scale`` fixes that magnitude instead.
    """

    input_bits: int = 16
    output_bits: int = 8
    index_bits: int = 8
    mantissa_bits: int = 16
    exponent_bits: int = 6
    static_scale: int | None = None

    def __post_init__(self) -> None:
        require_range("input_bits", self.input_bits, 4, 32)
        require_range("output_bits", self.output_bits, 2, min(16, self.input_bits))
        require_range("index_bits", self.index_bits, 2, 12)
        require_range("mantissa_bits", self.mantissa_bits, self.index_bits, 24)
        require_range("exponent_bits", self.exponent_bits, 2, 8)
        if self.static_scale is not None:
            require_range("static_scale", self.static_scale, 1, 1 << (self.input_bits - 1))

    @property
    def code_limit(self) -> int:
        """Largest magnitude of a code: 127 for 8 bits."""
        return (1 << (self.output_bits - 1)) - 1


@dataclass(frozen=True, kw_only=True)
class RequantizeSpec:
    """Rescaling of an accumulator, rounded once.

    ``o = saturate(floor(a * m * s * 2**(e - shift) + b * 2**-bias_fraction_bits + 1/2))`` with the
    accumulator ``a``, the channel's multiplier ``m`` and bias ``b``, the row scale ``s * 2**e``.
    ``m`` and ``s`` are unsigned, ``e`` is signed. ``shift`` is large enough that the product is
    never shifted left.
    """

    accumulator_bits: int = 32
    multiplier_bits: int = 16
    mantissa_bits: int = 16
    exponent_bits: int = 6
    bias_bits: int = 32
    bias_fraction_bits: int = 8
    shift: int = 40
    output_bits: int = 16

    def __post_init__(self) -> None:
        require_range("accumulator_bits", self.accumulator_bits, 4, 48)
        require_range("multiplier_bits", self.multiplier_bits, 1, 24)
        require_range("mantissa_bits", self.mantissa_bits, 1, 24)
        require_range("exponent_bits", self.exponent_bits, 1, 8)
        require_range("bias_fraction_bits", self.bias_fraction_bits, 1, 16)
        require_range("bias_bits", self.bias_bits, self.bias_fraction_bits + 2, 48)
        require_range("output_bits", self.output_bits, 2, 32)
        low = self.bias_fraction_bits + self.exponent_range[1]
        require_range("shift", self.shift, low, low + 64)

    @property
    def exponent_range(self) -> tuple[int, int]:
        """Smallest and largest row exponent."""
        half = 1 << (self.exponent_bits - 1)
        return -half, half - 1

    @property
    def product_bits(self) -> int:
        """Width of ``a * m * s``, two's complement."""
        return self.accumulator_bits + self.multiplier_bits + self.mantissa_bits


@dataclass(frozen=True, kw_only=True)
class CoreSpec:
    """Several macros side by side: ``macros * macro.lanes`` inputs, ``macro.columns`` outputs.

    Partial sums of ``rows`` token rows are kept over all tiles of K; the last tile is requantised.
    """

    macro: MacroSpec = field(default_factory=MacroSpec)
    macros: int = 8
    rows: int = 128
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)

    def __post_init__(self) -> None:
        require_range("macros", self.macros, 1, 64)
        require_range("rows", self.rows, 2, 4096)
        if self.requantize.accumulator_bits < self.macro.sum_bits + ceil_log2(self.macros):
            raise ValueError(
                f"accumulator_bits {self.requantize.accumulator_bits} cannot hold the sum of "
                f"{self.macros} macros of {self.macro.sum_bits} bits: raise it"
            )

    @property
    def lanes(self) -> int:
        """Inputs of the core."""
        return self.macros * self.macro.lanes

    @property
    def columns(self) -> int:
        """Outputs of the core."""
        return self.macro.columns

    @property
    def row_bits(self) -> int:
        """Width of a token row's index."""
        return max(1, ceil_log2(self.rows))
