"""Plan of the attention engine: array shape, rows in flight, widths of its streams."""

from dataclasses import dataclass

from golden.operator_spec import AttentionSpec
from golden.spec import MacroSpec, ceil_log2, require_range
from hw.macro.plan import MacroPlan
from hw.ops.plan import MaxFinderPlan


@dataclass(frozen=True, kw_only=True)
class EnginePlan:
    """Size of an engine whose array has ``spec.key_block`` columns.

    head_size
        Elements of a query, key or value of one head.
    lanes
        Inputs of the array: ``lanes * key_block`` products a cycle.
    rows
        Queries that share one reading of the keys and values.
    longest
        Keys of the longest row.
    output_lanes
        Results of a beat.
    levels_per_stage
        Levels of the tree for the largest score between two registers.
    """

    head_size: int = 64
    lanes: int = 32
    rows: int = 64
    longest: int = 4096
    output_lanes: int = 8
    levels_per_stage: int = 2

    def __post_init__(self) -> None:
        require_range("head_size", self.head_size, 2, 1024)
        require_range("lanes", self.lanes, 2, 64)
        require_range("rows", self.rows, 2, 1024)
        require_range("longest", self.longest, 2, 1 << 16)
        require_range("output_lanes", self.output_lanes, 1, 64)
        require_range("levels_per_stage", self.levels_per_stage, 1, 8)

    def require(self, spec: AttentionSpec) -> None:
        """Raise ``ValueError`` if this plan cannot serve ``spec``."""
        columns = spec.key_block
        for name, whole, part in (
            ("head_size must be a multiple of lanes", self.head_size, self.lanes),
            ("head_size must be a multiple of key_block", self.head_size, columns),
            ("key_block must be a multiple of lanes", columns, self.lanes),
            ("key_block must be a multiple of output_lanes", columns, self.output_lanes),
            ("key_block must be a multiple of head_size / lanes", columns, self.chunks),
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
        if spec.exponential.code_bits > 8 or spec.operand.output_bits > 8:
            raise ValueError(
                f"the engine multiplies 8 bits by 8, not probabilities of "
                f"{spec.exponential.code_bits} by values of {spec.operand.output_bits}"
            )

    @property
    def chunks(self) -> int:
        """Cycles of one query against a block of keys: parts of a head that enter the lanes."""
        return self.head_size // self.lanes

    def groups(self, spec: AttentionSpec) -> int:
        """Parts of a head that leave the columns."""
        return self.head_size // spec.key_block

    def key_chunks(self, spec: AttentionSpec) -> int:
        """Parts of a block of keys that enter the lanes."""
        return spec.key_block // self.lanes

    def softmax_lanes(self, spec: AttentionSpec) -> int:
        """Scores a cycle: a row of ``key_block`` takes as long as the array takes to make it."""
        return spec.key_block // self.chunks

    def max_finder(self, spec: AttentionSpec) -> MaxFinderPlan:
        """Tree for the largest of the scores of a cycle."""
        return MaxFinderPlan(lanes=self.softmax_lanes(spec), levels_per_stage=self.levels_per_stage)

    def column(self, spec: AttentionSpec) -> MacroSpec:
        """One column: the keys' parts, then the values', as weight sets of a macro."""
        values = self.groups(spec) * self.key_chunks(spec)
        return MacroSpec(lanes=self.lanes, columns=1, weight_sets=self.chunks + values)

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
        values = spec.exponential.code_bits + spec.operand.output_bits
        return max(values + ceil_log2(self.longest), self.score_bits(spec))

    def total_bits(self, spec: AttentionSpec) -> int:
        """Width of a sum of probabilities."""
        return spec.exponential.code_bits + ceil_log2(self.longest)
