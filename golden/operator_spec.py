"""Specs of the operators around the products: tables, softmax, attention, layer norm, pooling.

Scores are logarithms to the base 2, ``real = integer * 2**-fraction_bits``, so that the integer
part of an exponential is a shift. The product that makes them carries ``log2(e) / sqrt(d)``.
"""

from dataclasses import dataclass, field
from typing import Literal

from golden.spec import RequantizeSpec, RowScaleSpec, ceil_log2, require_range

Function = Literal[
    "gelu",
    "gelu_tanh",
    "relu",
    "tanh",
    "sigmoid",
    "elu_plus_one",
    "exp2_negative",
    "log2_one_plus",
    "reciprocal_root",
]
FUNCTIONS: tuple[str, ...] = Function.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A function of one variable: a table over the whole input range, straight lines between.

    The input is ``x = i * 2**-input_fraction_bits``; ``2**index_bits`` segments of equal length.
    ``output_unit`` is the integer that stands for 1.0.
    """

    function: Function
    input_bits: int = 16
    input_fraction_bits: int = 11
    input_signed: bool = True
    index_bits: int = 8
    output_bits: int = 16
    output_unit: int = 1 << 11
    output_signed: bool = True

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise ValueError(f"function must be one of {FUNCTIONS}, not {self.function!r}")
        require_range("input_bits", self.input_bits, 4, 16)
        require_range("input_fraction_bits", self.input_fraction_bits, 0, 24)
        require_range("index_bits", self.index_bits, 1, self.input_bits)
        require_range("output_bits", self.output_bits, 2, 32)
        require_range("output_unit", self.output_unit, 1, (1 << self.output_bits))

    @property
    def remainder_bits(self) -> int:
        """Bits of the position within a segment."""
        return self.input_bits - self.index_bits


@dataclass(frozen=True, kw_only=True)
class ExponentialSpec:
    """``round(unit * 2**-d)`` of ``d >= 0`` with ``fraction_bits`` fraction bits.

    The fraction of ``d`` goes through a table of ``2**index_bits`` segments with ``guard_bits``
    more bits than the code; its integer part shifts.
    """

    unit: int = 255
    fraction_bits: int = 10
    index_bits: int = 5
    guard_bits: int = 6

    def __post_init__(self) -> None:
        require_range("unit", self.unit, 1, 1 << 16)
        require_range("fraction_bits", self.fraction_bits, 4, 15)
        require_range("index_bits", self.index_bits, 1, self.fraction_bits)
        require_range("guard_bits", self.guard_bits, 0, 12)

    @property
    def code_bits(self) -> int:
        """Width of a result, unsigned."""
        return self.unit.bit_length()

    @property
    def table(self) -> TableSpec:
        """Table of ``2**-u`` for the fraction ``u``."""
        return TableSpec(
            function="exp2_negative",
            input_bits=self.fraction_bits,
            input_fraction_bits=self.fraction_bits,
            input_signed=False,
            index_bits=self.index_bits,
            output_bits=self.code_bits + self.guard_bits,
            output_unit=self.unit << self.guard_bits,
            output_signed=False,
        )


@dataclass(frozen=True, kw_only=True)
class ReciprocalSpec:
    """``1 / n = 2**-log2(n)`` as a row scale: a table for the logarithm, one for the power."""

    fraction_bits: int = 14
    index_bits: int = 6
    mantissa_bits: int = 16

    def __post_init__(self) -> None:
        require_range("fraction_bits", self.fraction_bits, 4, 15)
        require_range("index_bits", self.index_bits, 1, self.fraction_bits)
        require_range("mantissa_bits", self.mantissa_bits, 8, 24)

    @property
    def logarithm(self) -> TableSpec:
        """Table of ``log2(1 + u)`` for what follows the leading one."""
        return TableSpec(
            function="log2_one_plus",
            input_bits=self.fraction_bits,
            input_fraction_bits=self.fraction_bits,
            input_signed=False,
            index_bits=self.index_bits,
            output_bits=self.fraction_bits + 1,
            output_unit=1 << self.fraction_bits,
            output_signed=False,
        )

    @property
    def power(self) -> TableSpec:
        """Table of ``2**-u``."""
        return TableSpec(
            function="exp2_negative",
            input_bits=self.fraction_bits,
            input_fraction_bits=self.fraction_bits,
            input_signed=False,
            index_bits=self.index_bits,
            output_bits=self.mantissa_bits,
            output_unit=1 << self.mantissa_bits,
            output_signed=False,
        )


@dataclass(frozen=True, kw_only=True)
class ReciprocalRootSpec:
    """``1 / sqrt(n)`` as a row scale: ``n = w * 4**j`` with ``1 <= w < 4``, a table for ``w``."""

    fraction_bits: int = 14
    index_bits: int = 8
    mantissa_bits: int = 16

    def __post_init__(self) -> None:
        require_range("fraction_bits", self.fraction_bits, 4, 14)
        require_range("index_bits", self.index_bits, 2, self.fraction_bits + 2)
        require_range("mantissa_bits", self.mantissa_bits, 8, 24)

    @property
    def table(self) -> TableSpec:
        """Table of ``1 / sqrt(w)`` for ``0 <= w < 4``; the first quarter is never read."""
        return TableSpec(
            function="reciprocal_root",
            input_bits=self.fraction_bits + 2,
            input_fraction_bits=self.fraction_bits,
            input_signed=False,
            index_bits=self.index_bits,
            output_bits=self.mantissa_bits,
            output_unit=1 << self.mantissa_bits,
            output_signed=False,
        )


@dataclass(frozen=True, kw_only=True)
class LayerNormSpec:
    """Layer norm over rows of ``width`` integers; mean and deviations have a few fraction bits."""

    width: int
    input_bits: int = 16
    mean_fraction_bits: int = 4
    root: ReciprocalRootSpec = field(default_factory=ReciprocalRootSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)

    def __post_init__(self) -> None:
        require_range("width", self.width, 1, 1 << 16)
        require_range("input_bits", self.input_bits, 4, 16)
        require_range("mean_fraction_bits", self.mean_fraction_bits, 0, 4)

    @property
    def reciprocal_fraction_bits(self) -> int:
        """Fraction bits of the constant ``1 / width``: 20 bits of it count."""
        return 20 + ceil_log2(self.width)

    @property
    def reciprocal_width(self) -> int:
        """The constant ``1 / width``."""
        return ((1 << (self.reciprocal_fraction_bits + 1)) // self.width + 1) // 2


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """Mean over the rows of a tensor."""

    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)


@dataclass(frozen=True, kw_only=True)
class NormalizeSpec:
    """Division of a row by its Euclidean length."""

    root: ReciprocalRootSpec = field(default_factory=ReciprocalRootSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)


@dataclass(frozen=True, kw_only=True)
class SoftmaxSpec:
    """Softmax of whole rows: ``P = 2**(x - max - log2(sum 2**(x - max)))``."""

    score_bits: int = 16
    exponential: ExponentialSpec = field(default_factory=lambda: ExponentialSpec(unit=1 << 15))
    output: ExponentialSpec = field(default_factory=ExponentialSpec)
    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)

    def __post_init__(self) -> None:
        require_range("score_bits", self.score_bits, 4, 16)


@dataclass(frozen=True, kw_only=True)
class AttentionSpec:
    """Scores, softmax and context of all heads, walking the keys in blocks of ``key_block``.

    ``query`` quantises each token's row of one head; ``operand`` quantises keys and values with a
    static scale per head. ``exponential`` makes the codes P', ``rescale`` the factor that a larger
    maximum puts on what was summed before it.
    """

    heads: int
    key_block: int = 128
    causal: bool = False
    query: RowScaleSpec = field(default_factory=RowScaleSpec)
    operand: RowScaleSpec = field(default_factory=lambda: RowScaleSpec(static_scale=1))
    exponential: ExponentialSpec = field(default_factory=ExponentialSpec)
    rescale: ExponentialSpec = field(default_factory=lambda: ExponentialSpec(unit=1 << 15))
    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)

    def __post_init__(self) -> None:
        require_range("heads", self.heads, 1, 1024)
        require_range("key_block", self.key_block, 1, 1 << 16)
        if self.rescale.unit & (self.rescale.unit - 1):
            raise ValueError(
                f"rescale.unit must be a power of two so that an unchanged maximum changes nothing,"
                f" not {self.rescale.unit}"
            )
        if self.exponential.fraction_bits != self.rescale.fraction_bits:
            raise ValueError(
                f"exponential and rescale must have the same fraction_bits, not "
                f"{self.exponential.fraction_bits} and {self.rescale.fraction_bits}"
            )
