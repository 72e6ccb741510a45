"""Size of the vector unit: its word, its longest rows, its tables."""

import zlib
from dataclasses import dataclass, field

from golden.operator_spec import LayerNormSpec, SoftmaxSpec
from golden.spec import require_range
from hw.ops.plan import MaxFinderPlan, SoftmaxPlan, TopKPlan


@dataclass(frozen=True, kw_only=True)
class VectorPlan:
    """How much of everything the vector unit has.

    word_bytes
        Width of a buffer's word, which holds half as many elements of 16 bits.
    beats
        Cycles that a word takes, a power of two: elements that are combined, rescaled and written
        at once are so many fewer.
    address_bits
        Width of a word's address.
    width
        Elements of the longest row that is rescaled by its own statistics or by column.
    longest
        Elements of the longest row that becomes codes by its own largest magnitude.
    segments
        Segments of all tables together, a multiple of 256.
    lanes_per_table
        Lanes that share a copy of the tables, each with a read port, if there are as many.
    ranks
        The most ranks that are kept of a row; 0 leaves top k out.
    units
        Rows of a layer norm whose mean and spread are found at a time.
    softmax
        What the softmax of whole rows computes, or None for a unit without.
    """

    word_bytes: int = 64
    beats: int = 1
    address_bits: int = 16
    width: int = 1024
    longest: int = 3072
    segments: int = 4096
    lanes_per_table: int = 2
    ranks: int = 8
    units: int = 3
    softmax: SoftmaxSpec | None = field(default_factory=SoftmaxSpec)

    def __post_init__(self) -> None:
        if self.word_bytes not in {8, 16, 32, 64}:
            raise ValueError(f"word_bytes must be 8, 16, 32 or 64, not {self.word_bytes!r}")
        if self.beats not in {1 << power for power in range(self.word_lanes.bit_length())}:
            raise ValueError(
                f"beats must be a power of two up to the {self.word_lanes} elements of a word, not "
                f"{self.beats!r}"
            )
        require_range("address_bits", self.address_bits, 4, 32)
        require_range("width", self.width, 2 * self.word_lanes, 1 << 16)
        require_range("longest", self.longest, 2 * self.word_lanes, 1 << 16)
        require_range("segments", self.segments, 256, 4096)
        if self.segments % 256:
            raise ValueError(f"segments must be a multiple of 256, not {self.segments}")
        require_range("ranks", self.ranks, 0, 64)
        require_range("units", self.units, 1, 16)
        if self.word_lanes % self.lanes_per_table:
            raise ValueError(
                f"lanes_per_table must divide the {self.word_lanes} elements of a word, not be "
                f"{self.lanes_per_table}"
            )

    @property
    def key(self) -> str:
        """Short Verilog-safe name of a unit."""
        softmax = (
            "without" if self.softmax is None else f"{zlib.crc32(repr(self.softmax).encode()):x}"
        )
        sizes = f"{self.word_bytes}_{self.address_bits}_{self.width}_{self.longest}"
        return (
            f"vector_{sizes}_{self.segments}_{self.lanes_per_table}_{self.ranks}_{self.units}"
            f"_{self.lanes}_{softmax}"
        )

    @property
    def word_lanes(self) -> int:
        """Elements of 16 bits in a word."""
        return self.word_bytes // 2

    @property
    def lanes(self) -> int:
        """Elements of a beat."""
        return self.word_lanes // self.beats

    @property
    def norm(self) -> LayerNormSpec:
        """Layer norm of the longest row."""
        return LayerNormSpec(width=self.width)

    @property
    def groups(self) -> int:
        """Beats of the longest row that is rescaled."""
        return -(-self.width // self.lanes)

    @property
    def max_finder(self) -> MaxFinderPlan:
        """The tree of softmax and argmax."""
        return MaxFinderPlan(lanes=self.lanes, levels_per_stage=1)

    @property
    def softmax_plan(self) -> SoftmaxPlan:
        """Rows of up to ``width`` elements."""
        return SoftmaxPlan(max_finder=self.max_finder, longest=self.width)

    @property
    def top_k(self) -> TopKPlan:
        """Indices of any row."""
        return TopKPlan(longest=1 << 16)
