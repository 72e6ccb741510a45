"""Specs of the operators around the products: norms, pooling, softmax, attention, recurrence.

Scores are logarithms to the base 2, ``real = integer * 2**-fraction_bits``, so that the integer
part of an exponential is a shift. The product that makes them carries ``log2(e) / sqrt(d)``.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

from golden.spec import RequantizeSpec, RowScaleSpec, ceil_log2, require_range
from golden.table_spec import (
    AntilogarithmSpec,
    ExponentialSpec,
    Function,
    ReciprocalRootSpec,
    ReciprocalSpec,
    TableSpec,
)


@dataclass(frozen=True, kw_only=True)
class ResidualAddSpec:
    """Width of both addends and of the sum."""

    bits: int = 16

    def __post_init__(self) -> None:
        require_range("bits", self.bits, 2, 32)


@dataclass(frozen=True, kw_only=True)
class DeltaSpec:
    """The largest change, in the tensor's integers, that a row does not take over."""

    threshold: int

    def __post_init__(self) -> None:
        require_range("threshold", self.threshold, 0, 1 << 16)


@dataclass(frozen=True, kw_only=True)
class MaxFinderSpec:
    """Width of the elements of a row whose largest is looked for."""

    bits: int = 16

    def __post_init__(self) -> None:
        require_range("bits", self.bits, 2, 32)


@dataclass(frozen=True, kw_only=True)
class TopKSpec:
    """How many of the largest values of a row are kept."""

    k: int
    input_bits: int = 16

    def __post_init__(self) -> None:
        require_range("k", self.k, 1, 1 << 16)
        require_range("input_bits", self.input_bits, 2, 32)


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
class WindowPoolSpec:
    """Largest values over so many rows at a time; over all of them without a window."""

    window: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None:
            require_range("window", self.window, 1, 1 << 16)


@dataclass(frozen=True, kw_only=True)
class SimilaritySpec:
    """Dot products of rows: ``query`` quantises each row of one side, ``operand`` the other."""

    query: RowScaleSpec = field(default_factory=RowScaleSpec)
    operand: RowScaleSpec = field(default_factory=lambda: RowScaleSpec(static_scale=1))
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)


@dataclass(frozen=True, kw_only=True)
class NormalizeSpec:
    """Division of a row by its Euclidean length."""

    root: ReciprocalRootSpec = field(default_factory=ReciprocalRootSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)


@dataclass(frozen=True, kw_only=True)
class SoftmaxSpec:
    """Softmax of whole rows: ``P = 2**(x - max - log2(sum 2**(x - max)))``.

    P is a code of ``output_bits`` bits, ``unit`` standing for 1. The terms of the sum are
    ``guard_bits`` finer, so that many small ones count. Range matters more than fraction in a
    score: with 10 fraction bits one row in a hundred of a sentence encoder saturates.
    """

    score_bits: int = 16
    score_fraction_bits: int = 8
    output_bits: int = 8
    guard_bits: int = 7
    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)

    def __post_init__(self) -> None:
        require_range("score_bits", self.score_bits, 4, 16)
        require_range("score_fraction_bits", self.score_fraction_bits, 0, 15)
        require_range("output_bits", self.output_bits, 4, 12)
        require_range("guard_bits", self.guard_bits, 0, 12)
        low = self.antilogarithm.fraction_bits
        require_range("reciprocal.fraction_bits", self.reciprocal.fraction_bits, low, 15)

    @property
    def unit(self) -> int:
        """The code of P = 1."""
        return (1 << self.output_bits) - 1

    @property
    def term_bits(self) -> int:
        """Width of a term of the sum."""
        return self.output_bits + self.guard_bits

    @property
    def kept_bits(self) -> int:
        """Bits of a term that the form with a divider multiplies."""
        return min(self.output_bits + 2, self.term_bits)

    @property
    def antilogarithm(self) -> AntilogarithmSpec:
        """What makes the terms and P: as many fraction bits as P has bits."""
        return AntilogarithmSpec(fraction_bits=self.output_bits)

    @property
    def distance_fraction_bits(self) -> int:
        """Fraction bits that are kept of a distance to the largest score."""
        return min(self.score_fraction_bits, self.antilogarithm.fraction_bits)

    @property
    def dropped_bits(self) -> int:
        """Fraction bits of a score that are rounded away."""
        return self.score_fraction_bits - self.distance_fraction_bits

    @property
    def power_offset(self) -> int:
        """``log2(2**output_bits / unit) - term_bits``, with the logarithm's fraction bits."""
        above = math.log2((1 << self.output_bits) / self.unit)
        bits = self.reciprocal.fraction_bits
        return math.floor(above * (1 << bits) + 0.5) - (self.term_bits << bits)


@dataclass(frozen=True, kw_only=True)
class AttentionSpec:
    """Scores, softmax and context of all heads, walking the keys in blocks of ``key_block``.

    ``query`` quantises each token's row of one head; ``operand`` quantises keys and values with a
    static scale per head. Probabilities are unsigned codes of ``probability_bits`` bits before
    they are divided by their sum: 10 put 99 % of an encoder's contexts within one INT8 code.

    With ``softmax`` a row's probabilities are codes by it instead, before they meet the values:
    ``golden.ops.attend_rows``. ``linear`` scores, of feature maps, are shared in proportion.
    """

    heads: int
    key_block: int = 128
    causal: bool = False
    query: RowScaleSpec = field(default_factory=RowScaleSpec)
    operand: RowScaleSpec = field(default_factory=lambda: RowScaleSpec(static_scale=1))
    score_fraction_bits: int = 8
    probability_bits: int = 10
    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)
    softmax: SoftmaxSpec | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        require_range("heads", self.heads, 1, 1024)
        if self.linear and self.softmax is None:
            raise ValueError("linear scores need the softmax of whole rows, not softmax=None")
        require_range("key_block", self.key_block, 1, 1 << 16)
        require_range("score_fraction_bits", self.score_fraction_bits, 4, 8)
        # With fewer bits than that the largest code would not fit.
        require_range("probability_bits", self.probability_bits, self.score_fraction_bits, 12)

    @property
    def logarithm(self) -> TableSpec:
        """What ``linear`` scores go through."""
        return TableSpec(
            function="log2_one_plus",
            input_fraction_bits=0,
            index_bits=10,
            output_unit=1 << self.score_fraction_bits,
        )

    @property
    def exponential(self) -> ExponentialSpec:
        """What makes the codes: one table of 16 bits whatever their width."""
        return ExponentialSpec(
            unit=1 << self.probability_bits,
            fraction_bits=self.score_fraction_bits,
            index_bits=min(5, self.score_fraction_bits),
            guard_bits=16 - self.probability_bits,
        )


@dataclass(frozen=True, kw_only=True)
class LinearAttentionSpec:
    """Attention without softmax: ``query`` quantises rows of phi(Q), ``operand`` phi(K) and V."""

    heads: int
    causal: bool = False
    query: RowScaleSpec = field(default_factory=RowScaleSpec)
    operand: RowScaleSpec = field(default_factory=lambda: RowScaleSpec(static_scale=1))
    reciprocal: ReciprocalSpec = field(default_factory=ReciprocalSpec)
    requantize: RequantizeSpec = field(default_factory=lambda: RequantizeSpec(accumulator_bits=48))

    def __post_init__(self) -> None:
        require_range("heads", self.heads, 1, 1024)


@dataclass(frozen=True, kw_only=True)
class AdditiveAttentionSpec:
    """Scores ``energy . tanh(query + key)``: ``comparison`` quantises tanh, whose range is known.

    ``attention`` tells how the keys are walked.
    """

    fraction_bits: int = 12
    index_bits: int = 10
    comparison: RowScaleSpec = field(default_factory=lambda: RowScaleSpec(static_scale=1 << 15))
    attention: AttentionSpec = field(default_factory=lambda: AttentionSpec(heads=1))

    def __post_init__(self) -> None:
        require_range("fraction_bits", self.fraction_bits, 4, 15)
        require_range("index_bits", self.index_bits, 1, 16)
        require_range("attention.heads", self.attention.heads, 1, 1)
        if self.comparison.static_scale is None:
            raise ValueError(
                "comparison.static_scale must be a magnitude, not None: tanh's is 2**15"
            )

    @property
    def tanh(self) -> TableSpec:
        """Table for the comparison."""
        return TableSpec(
            function="tanh",
            input_fraction_bits=self.fraction_bits,
            index_bits=self.index_bits,
            output_unit=1 << 15,
        )


@dataclass(frozen=True, kw_only=True)
class RecurrentSpec:
    """RNN, GRU and LSTM: formats of gates and states, all of 16 bits.

    Gates before their function have ``gate_fraction_bits``, the LSTM's cell state has
    ``cell_fraction_bits``; gates after it and the state h have 15 fraction bits, 1.0 saturating.
    ``state`` quantises h for the product of every step. ``reset_after`` is the GRU's; with
    ``cells`` the LSTM gives c of every step as well.
    """

    gate_fraction_bits: int = 12
    cell_fraction_bits: int = 11
    index_bits: int = 10
    reset_after: bool = False
    reverse: bool = False
    cells: bool = False
    state: RowScaleSpec = field(default_factory=RowScaleSpec)
    requantize: RequantizeSpec = field(default_factory=RequantizeSpec)

    def __post_init__(self) -> None:
        require_range("gate_fraction_bits", self.gate_fraction_bits, 4, 15)
        require_range("cell_fraction_bits", self.cell_fraction_bits, 4, 15)
        require_range("index_bits", self.index_bits, 1, 16)

    @property
    def sigmoid(self) -> TableSpec:
        """Table for the gates."""
        return self._table("sigmoid", self.gate_fraction_bits)

    @property
    def tanh(self) -> TableSpec:
        """Table for the candidate, and for the RNN's state."""
        return self._table("tanh", self.gate_fraction_bits)

    @property
    def cell_tanh(self) -> TableSpec:
        """Table for the LSTM's cell state."""
        return self._table("tanh", self.cell_fraction_bits)

    def _table(self, function: Function, fraction_bits: int) -> TableSpec:
        return TableSpec(
            function=function,
            input_fraction_bits=fraction_bits,
            index_bits=self.index_bits,
            output_unit=1 << 15,
        )


@dataclass(frozen=True, kw_only=True)
class AttentionRecurrentSpec:
    """A recurrent cell that attends to keys and values before every step.

    ``attention`` is additive, or scaled dot with one head.
    """

    cell: Literal["rnn", "gru", "lstm"] = "gru"
    recurrent: RecurrentSpec = field(default_factory=RecurrentSpec)
    attention: AdditiveAttentionSpec | AttentionSpec = field(default_factory=AdditiveAttentionSpec)

    def __post_init__(self) -> None:
        if self.cell not in {"rnn", "gru", "lstm"}:
            raise ValueError(f"cell must be 'rnn', 'gru' or 'lstm', not {self.cell!r}")
        if self.recurrent.reverse:
            raise ValueError("recurrent.reverse must be False: a decoder runs forwards")
