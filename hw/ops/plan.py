"""Plans of the operators' circuits: whatever changes only area or time."""

from dataclasses import dataclass, field

from golden.operator_spec import LayerNormSpec
from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class RequantizerPlan:
    """Columns of a row that are rescaled at once, and bits that travel beside them."""

    requantizer_lanes: int = 8
    tag_bits: int = 8

    def __post_init__(self) -> None:
        require_range("requantizer_lanes", self.requantizer_lanes, 1, 256)
        require_range("tag_bits", self.tag_bits, 0, 32)


@dataclass(frozen=True, kw_only=True)
class MaxFinderPlan:
    """How the largest of a row is found.

    lanes
        Elements of a beat.
    radix
        Values that one node of the tree compares, each with each.
    levels_per_stage
        Levels of the tree between two registers.
    """

    lanes: int = 16
    radix: int = 2
    levels_per_stage: int = 2

    def __post_init__(self) -> None:
        require_range("lanes", self.lanes, 1, 256)
        require_range("radix", self.radix, 2, 8)
        require_range("levels_per_stage", self.levels_per_stage, 1, 8)

    @property
    def levels(self) -> int:
        """Nodes between a lane and the root of the tree."""
        count, levels = self.lanes, 0
        while count > 1:
            count, levels = -(-count // self.radix), levels + 1
        return levels

    @property
    def stages(self) -> int:
        """Registers between a lane and the root."""
        return -(-self.levels // self.levels_per_stage)


@dataclass(frozen=True, kw_only=True)
class MaxStepsPlan:
    """The largest of a row by NOR steps in memory, one element after the other."""

    @property
    def lanes(self) -> int:
        """Elements of a beat."""
        return 1


@dataclass(frozen=True, kw_only=True)
class TopKPlan:
    """Elements of the longest row whose indices are told."""

    longest: int = 512

    def __post_init__(self) -> None:
        require_range("longest", self.longest, 1, 1 << 16)

    @property
    def index_bits(self) -> int:
        """Width of an element's index."""
        return max(1, (self.longest - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class SoftmaxPlan:
    """How a row's softmax is spread over lanes.

    max_finder
        Its tree; the scores come in beats of its lanes.
    output_groups
        Beats of scores that are normalised at once.
    longest
        Elements of the longest row that the queues between the passes can hold.
    """

    max_finder: MaxFinderPlan = field(default_factory=MaxFinderPlan)
    output_groups: int = 1
    longest: int = 512

    def __post_init__(self) -> None:
        require_range("output_groups", self.output_groups, 1, 16)
        require_range("longest", self.longest, 1, 1 << 16)

    @property
    def lanes(self) -> int:
        """Scores of a beat."""
        return self.max_finder.lanes

    @property
    def output_lanes(self) -> int:
        """Codes of a beat."""
        return self.lanes * self.output_groups

    @property
    def longest_beats(self) -> int:
        """Beats of the longest row."""
        return -(-self.longest // self.lanes)

    @property
    def longest_groups(self) -> int:
        """Beats of codes of the longest row."""
        return -(-self.longest_beats // self.output_groups)

    @property
    def index_bits(self) -> int:
        """Width of an element's index."""
        return max(1, (self.longest_beats * self.lanes - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class LayerNormPlan:
    """Elements of a row that are normalised at once, a power of two."""

    lanes: int = 8

    def __post_init__(self) -> None:
        require_lanes(self.lanes)

    def beats(self, spec: LayerNormSpec) -> int:
        """Beats of the longest row."""
        return -(-spec.width // self.lanes)


@dataclass(frozen=True, kw_only=True)
class QuantizeRowsPlan:
    """Elements of a row that are quantised at once, and of the longest row."""

    lanes: int = 8
    longest: int = 1536

    def __post_init__(self) -> None:
        require_lanes(self.lanes)
        require_range("longest", self.longest, 1, 1 << 16)

    @property
    def beats(self) -> int:
        """Beats of the longest row."""
        return -(-self.longest // self.lanes)


@dataclass(frozen=True, kw_only=True)
class ActivationPlan:
    """Elements of a row that go through tables at once, and how many of them share one."""

    lanes: int = 8
    lanes_per_table: int = 2

    def __post_init__(self) -> None:
        require_lanes(self.lanes)
        require_range("lanes_per_table", self.lanes_per_table, 1, self.lanes)
        if self.lanes % self.lanes_per_table:
            raise ValueError(
                f"lanes_per_table must divide the {self.lanes} lanes, not be {self.lanes_per_table}"
            )


@dataclass(frozen=True, kw_only=True)
class LanesPlan:
    """Elements of a row that go through an operator at once."""

    lanes: int = 8

    def __post_init__(self) -> None:
        require_lanes(self.lanes)


@dataclass(frozen=True, kw_only=True)
class AffinePlan(LanesPlan):
    """Besides the lanes, the columns of the widest row."""

    width: int = 384

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("width", self.width, 1, 1 << 16)

    @property
    def beats(self) -> int:
        """Beats of the widest row."""
        return -(-self.width // self.lanes)


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """The largest table of an embedding: ``rows`` of ``width`` elements of ``bits`` bits."""

    rows: int = 512
    width: int = 128
    bits: int = 16

    def __post_init__(self) -> None:
        require_range("rows", self.rows, 1, 1 << 20)
        require_range("width", self.width, 1, 1 << 16)
        require_range("bits", self.bits, 2, 32)

    def beats(self, plan: LanesPlan) -> int:
        """Beats of the widest row."""
        return -(-self.width // plan.lanes)


def require_lanes(lanes: int) -> None:
    """Raise ``ValueError`` unless ``lanes`` is a power of two up to 256."""
    require_range("lanes", lanes, 1, 256)
    if lanes.bit_count() != 1:
        raise ValueError(f"lanes must be a power of two, not {lanes}")
