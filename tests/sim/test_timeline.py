"""The model of cycles: what waits, what overlaps, what a program takes at least."""

import pytest

from hw.accelerator.machine import MACHINES
from hw.program import Program, compile_network
from hw.program.compiler.plan import CompilerPlan
from hw.program.instructions import UNITS
from hw.program.text import assemble
from sim.accelerator.networks import load
from sim.accelerator.timeline import Costs, Timeline

MACHINE = MACHINES["mulcim"]


def timeline(text: str, registers: tuple[int, ...] = (), **costs: int) -> Timeline:
    """Of a program that is written by hand, without latencies."""
    program = Program(
        name="test",
        machine=MACHINE,
        instructions=tuple(assemble(text)),
        remarks=(),
        image=b"",
        arguments=(),
        maximums={},
        inputs={},
        outputs={},
    )
    none = tuple((unit, 0) for unit in UNITS[1:])
    return Timeline(program, registers, Costs(dispatch=0, latencies=none, **costs))


def test_units_overlap_unless_a_lag_says_otherwise() -> None:
    rows = "rows count0=r0-0:100 elements=64 write_rows=1"
    head = "attend count0=r0-0:64 count1=r0-0:32 beats=1"
    assert timeline(f"{rows}\n{head}\nend").cycles == 200
    assert timeline(f"{rows}\n{head} lags=vector:0\nend").cycles == 200 + 128
    assert timeline(f"{rows}\n{rows}\n{head} lags=vector:1\nend").cycles == 400
    assert timeline(f"{rows}\nsync\n{head}\nend").cycles == 328


def test_products_wait_for_weights_and_weights_for_sets() -> None:
    product = (
        "weights count0=r1-0:128 k_tiles={k} tiles=16\ncores count0=r1-0:128 k_tiles={k} tiles=16\n"
    )
    # 16 tiles of 32 words each for a tile of K; 8 cycles a row.
    assert timeline(product.format(k=1) + "end", (128,), row_cycles=8).cycles == 512 + 1024
    assert timeline(product.format(k=6) + "end", (128,), row_cycles=8).cycles == 512 + 6 * 1024
    assert timeline(product.format(k=6) + "end", (16,), row_cycles=8).cycles == 6 * 512 + 128
    assert timeline(product.format(k=6) + "end", (0,)).cycles <= 2


def test_loops_run_as_often_as_their_registers_say() -> None:
    text = (
        "set to=5\nstep:\nload count0=r0-0:10 words=1\nadd to=5 left=5 alone=1 value=1\n"
        "branch condition=3 left=5 right=1 target=step\nend"
    )
    assert len(timeline(text, (7,)).events) == 7


@pytest.mark.parametrize("length", [1, 9, 20])
def test_a_network_takes_no_less_than_its_busiest_unit(length: int) -> None:
    loaded = load("sentence encoder", MACHINE)
    for plan in (CompilerPlan(), CompilerPlan(row_cycles=8, row_block=5)):
        program = compile_network(loaded.graph, MACHINE, loaded.maximums, plan=plan)
        found = Timeline(program, [length], Costs(row_cycles=8))
        busiest = max(found.busy(unit) for unit in UNITS[1:])
        assert busiest < found.cycles < sum(event.end - event.begin for event in found.events)
        for before, event in zip(found.events, found.events[1:], strict=False):
            assert event.begin >= 0 and event.end >= event.begin, (before, event)
