"""An accelerator as it is built: the sizes that programs know, and the plans behind them."""

from dataclasses import dataclass, field, replace

from golden.operator_spec import AttentionSpec
from golden.spec import CoreSpec, MacroSpec
from hw.accelerator.machine import MACHINES, Machine
from hw.accelerator.unit_queue import QUEUE_DEPTH
from hw.accelerator.vector.plan import VectorPlan
from hw.core.plan import CorePlan
from hw.engine.plan import EnginePlan
from hw.macro.plan import MacroPlan

FEEDERS: dict[str, MacroPlan] = {
    "pairs": MacroPlan(weight_lanes=2),
    "fixed": MacroPlan(weight_lanes=2, products="plain", bits_per_cycle=1),
    "ring": MacroPlan(weight_lanes=2, feeder="ring", products="plain", bits_per_cycle=1),
    "spill-2": MacroPlan(
        weight_lanes=2, feeder="spill", helpers=2, products="plain", bits_per_cycle=1
    ),
}
"""Macros of an accelerator's cores by the name of their feeder."""


@dataclass(frozen=True, kw_only=True)
class AcceleratorPlan:
    """Everything that decides the RTL of an accelerator.

    machine
        Sizes that programs know.
    macro
        Plan of every macro; any gives the same results.
    macro_lanes
        Inputs of a macro; a core has ``word_bytes / macro_lanes`` of them.
    query_rows
        Queries of a head that share one reading of its keys.
    latency
        Cycles of memory latency that the memory port hides.
    output_lanes
        Results that the engine gives in a cycle.
    vector_units
        Vector units that share the rows of an instruction: 1, 2, 4 or 8.
    vector_lanes
        Elements that a vector unit takes in a cycle, a power of two up to the ``word_bytes / 2`` of
        a word, which None stands for.
    result_ports
        Words that the cores write in a cycle.
    queue_depth
        Instructions that wait in front of each unit.
    """

    machine: Machine
    macro: MacroPlan = field(default_factory=lambda: FEEDERS["pairs"])
    macro_lanes: int = 8
    query_rows: int = 64
    latency: int = 40
    output_lanes: int = 8
    vector_units: int = 1
    vector_lanes: int | None = None
    result_ports: int = 1
    queue_depth: int = QUEUE_DEPTH

    def __post_init__(self) -> None:
        lanes = self.machine.lanes
        if self.vector_lanes is not None and not (
            self.vector_lanes in range(1, lanes + 1) and lanes % self.vector_lanes == 0
        ):
            raise ValueError(
                f"vector_lanes must divide the {lanes} elements of a word, not be "
                f"{self.vector_lanes!r}"
            )

    @property
    def address_bits(self) -> int:
        """Width of a word's address in the buffer."""
        return (self.machine.buffer_words - 1).bit_length()

    @property
    def core_spec(self) -> CoreSpec:
        """Of each core: as many inputs as a word has bytes, half as many columns."""
        machine = self.machine
        macro = MacroSpec(
            lanes=self.macro_lanes, columns=machine.lanes, weight_sets=machine.weight_sets
        )
        return CoreSpec(
            macro=macro, macros=machine.word_bytes // self.macro_lanes, rows=machine.core_rows
        )

    @property
    def core_plan(self) -> CorePlan:
        """Of each core."""
        return CorePlan(macro=self.macro)

    @property
    def attention_spec(self) -> AttentionSpec:
        """What the engine computes, probabilities of the widest codes."""
        return AttentionSpec(heads=1, key_block=self.machine.key_block)

    @property
    def engine_plan(self) -> EnginePlan:
        """Of the engine."""
        machine = self.machine
        return EnginePlan(
            head_size=machine.head_size,
            lanes=machine.lanes,
            rows=self.query_rows,
            longest=machine.longest,
            # Heads of one beat want a whole row of scores in a cycle.
            softmax_lanes=machine.key_block,
            output_lanes=min(self.output_lanes, machine.lanes),
        )

    @property
    def vector_plan(self) -> VectorPlan:
        """Of the vector unit."""
        machine = self.machine
        return VectorPlan(
            word_bytes=machine.word_bytes,
            beats=machine.lanes // (self.vector_lanes or machine.lanes),
            address_bits=self.address_bits,
            width=machine.width,
            longest=machine.longest_codes,
            segments=machine.segments,
            ranks=machine.ranks,
        )


PLANS = {
    **{name: AcceleratorPlan(machine=machine) for name, machine in MACHINES.items()},
    "mulcim": AcceleratorPlan(machine=MACHINES["mulcim"], vector_units=4, result_ports=4),
}
"""By the names that the commands take."""


def with_feeder(plan: AcceleratorPlan, feeder: str) -> AcceleratorPlan:
    """The same accelerator with other macros."""
    if feeder not in FEEDERS:
        raise ValueError(f"feeder must be one of {', '.join(FEEDERS)}, not {feeder!r}")
    return replace(plan, macro=FEEDERS[feeder])
