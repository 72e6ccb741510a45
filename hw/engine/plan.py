"""Plan of the attention engine: array shape, rows in flight, widths of its streams."""

from dataclasses import dataclass

from golden.operator_spec import AttentionSpec
from golden.spec import MacroSpec, ceil_log2, require_range
from hw.macro.plan import MacroPlan
from hw.ops.plan import MaxFinderPlan

CODE_BITS = 8
"""Width of the codes of queries, keys and values."""


@dataclass(frozen=True, kw_only=True)
class EnginePlan:
    """Size of an engine whose array has ``spec.key_block`` columns.

    head_size
        Elements of the longest query, key or value of one head.
    lanes
        Inputs of the array: ``lanes * key_block`` products a cycle.
    rows
        Queries that share one reading of the keys and values.
    longest
        Keys of the longest row.
    softmax_lanes
        Scores whose softmax is taken in a cycle; as many as keep up with the array for the
        longest heads where nothing is said.
    output_lanes
        Results of a beat.
    levels_per_stage
        Levels of the tree for the largest score between two registers.
    """

    head_size: int = 64
    lanes: int = 32
    rows: int = 64
    longest: int = 4096
    softmax_lanes: int | None = None
    output_lanes: int = 8
    levels_per_stage: int = 2

    def __post_init__(self) -> None:
        require_range("head_size", self.head_size, 2, 1024)
        require_range("lanes", self.lanes, 2, 64)
        require_range("rows", self.rows, 2, 1024)
        require_range("longest", self.longest, 2, 1 << 16)
        if self.softmax_lanes is not None:
            require_range("softmax_lanes", self.softmax_lanes, 1, 256)
        require_range("output_lanes", self.output_lanes, 1, 64)
        require_range("levels_per_stage", self.levels_per_stage, 1, 8)

    def require(self, spec: AttentionSpec) -> None:
        """Raise ``ValueError`` if this plan cannot serve ``spec``."""
        columns = spec.key_block
        for name, whole, part in (
            ("head_size must be a multiple of lanes", self.head_size, self.lanes),
            ("key_block must be a multiple of lanes", columns, self.lanes),
            ("key_block must be a multiple of softmax_lanes", columns, self.score_lanes(spec)),
            ("lanes must be a multiple of output_lanes", self.lanes, self.output_lanes),
        ):
            if whole % part:
                raise ValueError(f"{name}: {whole} is no multiple of {part}")
        for name, size in (("lanes", self.lanes), ("key_block", columns)):
            if size & (size - 1):
                raise ValueError(f"{name} must be a power of two, not {size}")
        if columns > 8 * self.lanes:
            raise ValueError(
                f"key_block must be at most {8 * self.lanes}, the bits of a beat, not {columns}"
            )
        if max(spec.query.output_bits, spec.operand.output_bits) > CODE_BITS:
            raise ValueError(
                f"the engine takes codes of {CODE_BITS} bits, not queries of "
                f"{spec.query.output_bits} and keys of {spec.operand.output_bits}"
            )

    @property
    def beats(self) -> int:
        """Parts of the longest head that enter the lanes: cycles of a query against its keys."""
        return self.head_size // self.lanes

    @property
    def beat_bits(self) -> int:
        """Width of the index of a beat within a head."""
        return max(1, ceil_log2(self.beats))

    def groups(self, spec: AttentionSpec) -> int:
        """Parts of the longest head that leave the columns."""
        return -(-self.head_size // spec.key_block)

    def group_bits(self, spec: AttentionSpec) -> int:
        """Width of the index of a group."""
        return max(1, ceil_log2(self.groups(spec)))

    def key_beats(self, spec: AttentionSpec) -> int:
        """Parts of a row of probabilities that enter the lanes."""
        return spec.key_block // self.lanes

    def score_lanes(self, spec: AttentionSpec) -> int:
        """``softmax_lanes``, or what keeps up: a row of ``key_block`` in ``beats`` cycles."""
        if self.softmax_lanes is not None:
            return self.softmax_lanes
        return min(spec.key_block, 1 << ceil_log2(-(-spec.key_block // self.beats)))

    def row_beats(self, spec: AttentionSpec) -> int:
        """Cycles of a row in the softmax."""
        return spec.key_block // self.score_lanes(spec)

    def max_finder(self, spec: AttentionSpec) -> MaxFinderPlan:
        """Tree for the largest of the scores of a cycle."""
        return MaxFinderPlan(lanes=self.score_lanes(spec), levels_per_stage=self.levels_per_stage)

    def column(self, spec: AttentionSpec) -> MacroSpec:
        """One column: the keys' parts, then the values', as weight sets of a macro."""
        values = self.groups(spec) * self.key_beats(spec)
        return MacroSpec(lanes=self.lanes, columns=1, weight_sets=self.beats + values)

    @property
    def macro(self) -> MacroPlan:
        """Products of a column: all bits at once, by pair sums."""
        return MacroPlan(weight_lanes=self.lanes)

    @property
    def row_bits(self) -> int:
        """Width of a query's index."""
        return max(1, ceil_log2(self.rows))

    def score_bits(self, spec: AttentionSpec) -> int:
        """Width of a score before it is rescaled."""
        return spec.query.output_bits + spec.operand.output_bits + ceil_log2(self.head_size)

    def context_bits(self, spec: AttentionSpec) -> int:
        """Width of a context that is not yet divided by its sum."""
        values = spec.probability_bits + spec.operand.output_bits
        return max(values + ceil_log2(self.longest), self.score_bits(spec))

    def total_bits(self, spec: AttentionSpec) -> int:
        """Width of a sum of probabilities."""
        return spec.probability_bits + ceil_log2(self.longest)
