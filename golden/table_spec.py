"""Specs of functions by table: activations, exponential, logarithm, reciprocals."""

from dataclasses import dataclass
from typing import Literal, get_args

from golden.spec import require_range

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
FUNCTIONS: tuple[str, ...] = get_args(Function)


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
    fraction_bits: int = 8
    index_bits: int = 5
    guard_bits: int = 6

    def __post_init__(self) -> None:
        require_range("unit", self.unit, 1, 1 << 20)
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
class AntilogarithmSpec:
    """``2**-d`` of ``d`` with ``fraction_bits`` fraction bits, as a line less a table's entry.

    Two inputs share an entry: with more of them a smaller ``d`` could give a smaller code.
    """

    fraction_bits: int = 8

    def __post_init__(self) -> None:
        require_range("fraction_bits", self.fraction_bits, 4, 15)

    @property
    def remainder_bits(self) -> int:
        """Bits of the fraction that the table does not look at."""
        return 1

    @property
    def index_bits(self) -> int:
        """Bits of the fraction that the table looks at."""
        return self.fraction_bits - self.remainder_bits


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
