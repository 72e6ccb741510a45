"""Plan of a core: whatever changes only area or time. Every plan gives the same outputs."""

from dataclasses import dataclass, field
from math import gcd

from golden.spec import CoreSpec, require_range
from hw.macro.pipelined import PipelinedPlan
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count


@dataclass(frozen=True, kw_only=True)
class CorePlan:
    """How a core is built around its macros.

    macro
        Plan of every macro.
    pipelined
        Macros have a register after every level of their trees, as FPGAs want
        (``hw.macro.pipelined``); they take more steps than they have stages.
    requantizer_lanes
        Columns that are requantised in one cycle; a row takes ``columns / requantizer_lanes``.
        ``None``: 16 for macros of one step, whose rows follow each other fastest, else 8, or as
        many of them as divide the columns.
    input_depth
        Input vectors that the slowest macro may be behind the newest one.
    result_depth
        Results that a macro may be ahead of the slowest one, besides the one that it holds itself.
        ``None``: 0 for feeder ``fixed``, whose macros never wait for each other, else 1.
    row_depth
        Finished vectors that may wait for the requantizer before the partial sums stall.
    """

    macro: MacroPlan = field(default_factory=MacroPlan)
    pipelined: bool = False
    requantizer_lanes: int | None = None
    input_depth: int = 4
    result_depth: int | None = None
    row_depth: int = 2

    def __post_init__(self) -> None:
        require_range("result_depth", self.results_ahead, 0, 64)
        require_range("row_depth", self.row_depth, 2, 4096)
        require_range("input_depth", self.input_depth, 2, 256)
        if self.requantizer_lanes is not None:
            require_range("requantizer_lanes", self.requantizer_lanes, 1, 256)
        for name in ("input_depth", "requantizer_lanes"):
            value = getattr(self, name)
            if value is not None and value.bit_count() != 1:
                raise ValueError(f"{name} must be a power of two, not {value}")

    @property
    def results_ahead(self) -> int:
        """``result_depth``, or what it stands for."""
        if self.result_depth is None:
            return 0 if self.macro.feeder == "fixed" else 1
        return self.result_depth

    @property
    def mark_depth(self) -> int:
        """Vectors between the input and the column sum: buffered, fed, accumulated, queued."""
        return self.input_depth + self.results_ahead + 3 + self.pipelined

    def require(self, spec: CoreSpec) -> None:
        """Raise ``ValueError`` if this plan cannot serve ``spec``."""
        self.macro.require(spec.macro)
        if self.pipelined:
            digits, stages = digit_count(spec.macro, self.macro), self.stages(spec)
            if digits <= stages:
                raise ValueError(
                    f"a pipelined core has macros of more steps than their {stages} stages, not of "
                    f"{digits}: use fewer bits_per_cycle"
                )
        if spec.columns % self.lanes(spec):
            raise ValueError(
                f"requantizer_lanes must divide the {spec.columns} columns, "
                f"not be {self.requantizer_lanes}"
            )
        tokens = self.macro.tokens
        if tokens.bit_count() != 1 or spec.rows % tokens:
            raise ValueError(
                f"tokens must be a power of two that divides the {spec.rows} rows of a core, "
                f"not {tokens}"
            )

    def stages(self, spec: CoreSpec) -> int:
        """Cycles of a macro between a vector's last step and its sum."""
        return PipelinedPlan(macro=self.macro).stages(spec.macro) if self.pipelined else 0

    def lanes(self, spec: CoreSpec) -> int:
        """``requantizer_lanes``, or what it stands for."""
        if self.requantizer_lanes is not None:
            return self.requantizer_lanes
        one_step = (
            self.macro.feeder == "fixed" and self.macro.bits_per_cycle >= spec.macro.input_bits
        )
        return gcd(16 if one_step else 8, spec.columns)

    def groups(self, spec: CoreSpec) -> int:
        """Beats of one output row."""
        return spec.columns // self.lanes(spec)
