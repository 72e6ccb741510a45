"""Plan of additive attention: lanes, and the largest job that its memories hold."""

from dataclasses import dataclass

from golden.operator_spec import AdditiveAttentionSpec, AttentionSpec
from golden.spec import ceil_log2, require_range
from hw.ops.plan import LanesPlan


@dataclass(frozen=True, kw_only=True)
class AdditiveAttentionPlan(LanesPlan):
    """Lanes of additive attention, and the largest job that its memories hold.

    output_lanes
        Elements of a context that are rescaled, requantised and given at once.
    width, depth
        Elements of the widest query or key, and of the widest value.
    longest
        Keys of the longest job.
    """

    output_lanes: int = 1
    width: int = 128
    depth: int = 128
    longest: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("output_lanes", self.output_lanes, 1, self.lanes)
        if self.lanes % self.output_lanes:
            raise ValueError(
                f"output_lanes must divide the {self.lanes} lanes, not be {self.output_lanes}"
            )
        require_range("width", self.width, 1, 1 << 12)
        require_range("depth", self.depth, 1, 1 << 12)
        require_range("longest", self.longest, 1, 1 << 16)

    @staticmethod
    def require(spec: AdditiveAttentionSpec) -> None:
        """Raise ``ValueError`` if no plan can serve ``spec``."""
        numbers = spec.attention.requantize
        require_range("multiplier_bits", numbers.multiplier_bits, 1, 16)
        for name, scale in (
            ("comparison", spec.comparison),
            ("reciprocal", spec.attention.reciprocal),
        ):
            require_range(f"{name}.mantissa_bits", scale.mantissa_bits, 1, numbers.mantissa_bits)

    @property
    def key_bits(self) -> int:
        """Width of a number of keys."""
        return self.longest.bit_length()

    @property
    def width_beats(self) -> int:
        """Beats of the widest query or key."""
        return -(-self.width // self.lanes)

    @property
    def depth_beats(self) -> int:
        """Beats of the widest value."""
        return -(-self.depth // self.lanes)

    @property
    def beat_bits(self) -> int:
        """Width of a beat's index."""
        return max(1, ceil_log2(max(self.width_beats, self.depth_beats)))

    @property
    def parts(self) -> int:
        """Parts of a beat that leave one after the other."""
        return self.lanes // self.output_lanes

    @property
    def part_bits(self) -> int:
        """Width of a part's index."""
        return max(1, ceil_log2(self.parts))

    def score_bits(self, spec: AdditiveAttentionSpec) -> int:
        """Width of a score before it is rescaled; energies have 8 bits."""
        return spec.comparison.output_bits + 8 + ceil_log2(self.width_beats * self.lanes)

    def product_bits(self, spec: AttentionSpec) -> int:
        """Width of P' times a value."""
        return spec.probability_bits + spec.operand.output_bits

    def context_bits(self, spec: AttentionSpec) -> int:
        """Width of a context that is not yet divided by its sum."""
        return self.product_bits(spec) + ceil_log2(self.longest)

    def total_bits(self, spec: AttentionSpec) -> int:
        """Width of a sum of P'."""
        return spec.probability_bits + ceil_log2(self.longest)
