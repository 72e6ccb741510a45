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
