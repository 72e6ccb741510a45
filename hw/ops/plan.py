"""Plans of the operators' circuits: whatever changes only area or time."""

from dataclasses import dataclass

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
