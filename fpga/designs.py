"""Designs that fit a family of FPGAs, each at a size of its own."""

from collections.abc import Mapping

from fpga.design import AcceleratorDesign, Design, StreamDesign
from fpga.sdram.part import SDRAM_32MB
from golden.operator_spec import AttentionSpec, SoftmaxSpec
from golden.spec import MacroSpec
from hw.engine.plan import EnginePlan
from hw.macro.pipelined import PipelinedPlan
from hw.macro.plan import MacroPlan
from hw.ops.plan import MaxFinderPlan, SoftmaxPlan
from sim.row import Point

APART = (
    "bank_*",
    "target.store",
    "rescaler.channels",
    "statistics.rows",
    "quantize.buffer",
    "tables.table_*",
    "engine.query_buffer",
    "engine.softmax",
    "engine.context",
    "engine.result.words",
    "engine.result.rows",
)
"""Memories of which nobody uses a word that was read in the cycle that wrote it."""

COMPACT = (
    "proc",
    "setparam -set COLLISION_X_MASK 1'1 " + " ".join(f"*.{name}/t:$memrd_v2" for name in APART),
    # Small enough for logic, of which there is less.
    'setattr -set ram_style "block" *.rescaler.channels/m:numbers*',
    'setattr -set rom_style "block" *.line/m:table *.fraction/m:table *.quantize/m:table',
)
"""What an accelerator needs of Yosys to fit its chip."""

NARROW = ("-nowidelut",)
"""Tables of four inputs only: those put together to larger ones crowd the wires around them."""

LARGE = ("--placer", "static", "--router", "router2")
"""Placed as charges that push each other apart, its wires are two thirds as long as nextpnr's
default makes them, which does not route; wires that many want go, round by round, to those who want
them most."""

LOCAL = ("techmap -max_iter 1 -map distributed_ram.v",)
"""Eight thousand address pins of small memories without a wire to the chip's one zero."""


def _designs(*designs: Design) -> dict[str, Design]:
    return {design.name: design for design in designs}


ECP5 = _designs(
    StreamDesign(
        name="macro",
        row="pipelined_macro",
        point=Point(
            spec=MacroSpec(),
            plan=PipelinedPlan(macro=MacroPlan(bits_per_cycle=1, products="plain")),
        ),
        megahertz=80,
        synthesis=("-nodsp",),
    ),
    StreamDesign(
        name="parallel",
        row="pipelined_macro",
        point=Point(spec=MacroSpec(columns=16), plan=PipelinedPlan(products="multipliers")),
        megahertz=70,
        multipliers=128,
    ),
    StreamDesign(
        name="softmax",
        row="softmax",
        point=Point(
            spec=SoftmaxSpec(), plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=8), longest=512)
        ),
        megahertz=60,
    ),
    StreamDesign(
        name="engine",
        row="engine",
        point=Point(
            spec=AttentionSpec(heads=1, key_block=8),
            plan=EnginePlan(head_size=8, lanes=8, rows=16, longest=256, output_lanes=4),
        ),
        megahertz=50,
        tables=17_000,
        multipliers=108,
        by_turns=True,
        routing=LARGE,
    ),
    AcceleratorDesign(
        name="accelerator",
        config="images",
        block_bytes=1 << 17,
        megahertz=50,
        quick_megahertz=80,
        tables=33_000,
        memories=95,
        multipliers=59,
        synthesis=NARROW,
        before=COMPACT,
        after=LOCAL,
        routing=LARGE,
    ),
    AcceleratorDesign(
        name="accelerator-words",
        config="words",
        block_bytes=50 << 12,
        megahertz=50,
        quick_megahertz=80,
        tables=35_500,
        memories=145,
        multipliers=59,
        synthesis=NARROW,
        before=COMPACT,
        after=LOCAL,
        routing=LARGE,
    ),
    AcceleratorDesign(
        name="accelerator-sdram",
        config="networks",
        sdram=SDRAM_32MB,
        megahertz=50,
        tables=36_000,
        memories=110,
        multipliers=59,
        synthesis=NARROW,
        before=COMPACT,
        after=LOCAL,
        routing=LARGE,
    ),
)

ICE40 = _designs(
    StreamDesign(
        name="macro",
        row="macro",
        point=Point(spec=MacroSpec(columns=4), plan=MacroPlan(bits_per_cycle=1, products="plain")),
        megahertz=18,
        depth=256,
    ),
    StreamDesign(
        name="softmax",
        row="softmax",
        point=Point(
            spec=SoftmaxSpec(), plan=SoftmaxPlan(max_finder=MaxFinderPlan(lanes=1), longest=256)
        ),
        megahertz=18,
        depth=256,
    ),
)

FAMILIES: Mapping[str, Mapping[str, Design]] = {"ecp5": ECP5, "ice40": ICE40}
