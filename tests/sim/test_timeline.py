"""The model of cycles: against the RTL, and what waits for what."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from golden.networks.run import run_integer
from golden.networks.weights import empty_weights
from hw.accelerator.plan import PLANS, with_feeder
from hw.macro.plan import MacroPlan
from hw.program import Program, compile_network
from hw.program.instructions import UNITS
from hw.program.text import assemble
from sim.__main__ import main
from sim.accelerator.breakdown import breakdown
from sim.accelerator.inputs import integer_inputs, sampled
from sim.accelerator.networks import load
from sim.accelerator.predict import TOLERANCE, Prediction, memory_of, predict
from sim.accelerator.published import PUBLISHED
from sim.accelerator.run import run_rtl, simulator
from sim.accelerator.timeline import Memory, Timeline
from sim.accelerator.timing.measure import measure
from sim.accelerator.timing.pace import paces_of
from sim.accelerator.timing.vector import VectorTiming

TINY, MULCIM = PLANS["tiny"], PLANS["mulcim"]
NEAR = Memory(latency=0)


def timeline(
    text: str, registers: tuple[int, ...] = (), feeder: str = "pairs", depth: int = 8
) -> Timeline:
    """Of a program that is written by hand, on mulcim."""
    program = Program(
        name="test",
        machine=MULCIM.machine,
        instructions=tuple(assemble(text)),
        remarks=(),
        image=b"",
        arguments=(),
        maximums={},
        inputs={},
        outputs={},
    )
    plan = replace(with_feeder(MULCIM, feeder), queue_depth=depth)
    return Timeline(program, registers, plan, memory=NEAR)


def measured(
    network: str,
    lengths: Sequence[int],
    *,
    latency: int = 40,
    pace: int = 1,
    stall: float = 0.0,
    attention: str = "engine",
) -> list[Prediction]:
    """The model beside the RTL of the tiny machine."""
    loaded = load(network, TINY.machine, attention=attention)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums, decoding=loaded.decoding)
    given = [integer_inputs(loaded, sampled(loaded, length)) for length in lengths]
    runs = run_rtl(simulator(TINY), program, given, latency=latency, pace=pace, stall=stall, seed=1)
    return [
        predict(
            program,
            TINY,
            inputs,
            one.outcome.cycles,
            one.outcome.counters,
            memory=memory_of(latency, pace, stall),
            tokens=[int(x) for x in np.ravel(one.outputs["tokens"])] if loaded.decoding else (),
        )
        for inputs, one in zip(given, runs, strict=True)
    ]


@pytest.mark.parametrize(
    ("network", "lengths"),
    [
        ("sentence encoder", (1, 5, 12, 20)),
        ("translator, post-norm", (7,)),
        ("translator, bias token", (16,)),
        ("words, gru additive", (6, 17)),
        ("words, lstm additive", (11,)),
        ("visual_bert", (3, 18)),
        ("vilbert", (13,)),
        ("vit, bias token", (9,)),
    ],
)
def test_the_model_tells_cycles_within_five_per_cent_of_the_rtl(
    network: str, lengths: tuple[int, ...]
) -> None:
    require_near(measured(network, lengths))


@pytest.mark.parametrize(
    ("network", "lengths"),
    [("sentence encoder", (1, 5, 20)), ("translator, post-norm", (7,)), ("vilbert", (13,))],
)
def test_the_model_knows_attention_on_the_cores(network: str, lengths: tuple[int, ...]) -> None:
    require_near(measured(network, lengths, attention="cores"))


def require_near(predictions: list[Prediction]) -> None:
    for found in predictions:
        assert abs(found.deviation) <= TOLERANCE, found
        for unit in ("weights", "cores", "vector", "engine"):
            busy, truth = found.busy[unit], found.measured_busy[unit]
            assert busy == pytest.approx(truth, rel=0.06, abs=120), unit


@pytest.mark.parametrize(("latency", "pace", "stall"), [(0, 1, 0.0), (120, 3, 0.0), (40, 1, 0.3)])
def test_the_model_knows_the_memory(latency: int, pace: int, stall: float) -> None:
    for network in ("sentence encoder", "words, gru additive"):
        (found,) = measured(network, [9], latency=latency, pace=pace, stall=stall)
        assert abs(found.deviation) <= TOLERANCE, found


def test_a_model_without_the_drain_of_the_vector_unit_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(VectorTiming, "_chain", lambda *_: 0.0)
    assert any(abs(one.deviation) > TOLERANCE for one in measured("sentence encoder", (5, 20)))


def test_units_overlap_unless_a_lag_says_otherwise() -> None:
    rows = "rows count0=r0-0:400 elements=64 write_rows=1"
    head = "attend count0=r0-0:64 count1=r0-0:32 beats=1"
    apart, after = timeline(f"{rows}\n{head}\nend"), timeline(f"{rows}\n{head} lags=vector:0\nend")
    synced = timeline(f"{rows}\nsync\n{head}\nend")
    # 400 rows of two words, shared by four units; a head of 2 * 64 steps, 64 contexts of 4 beats.
    assert 200 < apart.cycles < 200 + 400
    assert apart.cycles + 200 < after.cycles <= synced.cycles < after.cycles + 10
    assert timeline(f"{rows}\n{rows}\n{head} lags=vector:1\nend").cycles < after.cycles + 50


def test_a_full_queue_holds_the_sequencer_up() -> None:
    rows = "rows count0=r0-0:400 elements=64 write_rows=1\n"
    head = "attend count0=r0-0:64 count1=r0-0:32 beats=1\nend"
    begins = [
        next(one.begin for one in timeline(5 * rows + head, depth=depth).events if one.place == 5)
        for depth in (8, 4, 1)
    ]
    # Of five, one is at work, one in front of it, and the queue holds the others or does not.
    assert begins[0] == begins[1] < 200
    assert 2 * 200 < begins[2] - begins[1] < 3 * 200 + 200


def test_products_wait_for_weights_and_weights_for_sets() -> None:
    product = (
        "weights count0=r1-0:128 k_tiles={k} tiles=16\ncores count0=r1-0:128 k_tiles={k} tiles=16\n"
    )
    # 16 tiles of 32 words each for a tile of K; 8 cycles a row; 16 words a row leave.
    for k, rows in ((1, 128), (6, 128), (6, 16)):
        cycles = timeline(product.format(k=k) + "end", (rows,), "fixed").cycles
        last = max(8, 16 // MULCIM.result_ports) * rows
        least = 512 + (k - 1) * max(512, 8 * rows) + last
        # Channel numbers of 16 tiles come a column a cycle before the last rows.
        assert least - 16 < cycles < least + 32 * 16 + 150, (k, rows)
    assert timeline(product.format(k=6) + "end", (0,)).cycles < 50


@pytest.mark.parametrize(("transposed", "cycles"), [(1, 32 + 8 * 32), (0, 8 * 64)])
def test_weights_of_the_buffer_come_as_fast_as_rows_are_read(transposed: int, cycles: int) -> None:
    text = f"activations count1=r0-0:64 k_tiles=2 tiles=4 transposed={transposed}"
    found = timeline(f"{text}\nend").cycles
    # Channel numbers of 4 tiles, a column a cycle.
    assert cycles < found - 4 * 32 < cycles + 40
    assert timeline(f"{text.replace('count1', 'count0=r1-0:1 count1')}\nend", (0,)).cycles < 40


def test_loops_run_as_often_as_their_registers_say() -> None:
    text = (
        "set to=5\nstep:\nload count0=r0-0:10 words=1\nadd to=5 left=5 alone=1 value=1\n"
        "branch condition=3 left=5 right=1 target=step\nend"
    )
    assert len(timeline(text, (7,)).events) == 7


@pytest.mark.parametrize("length", [1, 9, 20])
def test_a_network_takes_no_less_than_its_busiest_unit(length: int) -> None:
    loaded = load("sentence encoder", MULCIM.machine)
    program = compile_network(loaded.graph, MULCIM.machine, loaded.maximums)
    found = Timeline(program, [length], MULCIM)
    for unit in UNITS[1:]:
        assert found.moved(unit) <= found.busy(unit) < found.cycles
    assert found.memory.busy < found.cycles < sum(one.end - one.begin for one in found.events)
    kinds = breakdown(loaded.graph, program, found, {"tokens": length})
    assert {"linear", "attention"} <= set(kinds)
    assert sum(kind.moved["engine"] for kind in kinds.values()) == found.moved("engine")


def test_the_table_of_rows_is_measured_by_the_schedule_that_rtl_is_held_to() -> None:
    loaded = load("sentence encoder", TINY.machine)
    runs = [run_integer(loaded.graph, integer_inputs(loaded, sampled(loaded, 9)))]
    for feeder in ("pairs", "fixed"):
        plan = with_feeder(TINY, feeder)
        assert set(measure(loaded.graph, plan, runs).values()) == {paces_of(plan).every}
    plan = with_feeder(TINY, "ring")
    assert 3 < measure(loaded.graph, plan, runs)["query"].mean < 7
    paces = paces_of(plan)
    assert paces.of("layer.7.feed_forward_in, tiles 0 to 3") == paces.products["feed_forward_in"]
    assert paces.of("answers") == paces.every
    with pytest.raises(ValueError, match="python -m sim rows"):
        paces_of(replace(plan, macro=MacroPlan(feeder="skip", weight_lanes=2)))


def test_estimate_tells_what_bounds_a_network(tmp_path: Path) -> None:
    arguments = ["estimate", "sentence encoder", "--config", "tiny", "--length", "9"]
    found = {}
    for width in (8, 4):
        file = tmp_path / "figures.json"
        options = ["--bus-bytes", f"{width}", "--json", str(file)]
        told = CliRunner().invoke(main, [*arguments, *options])
        assert told.exit_code == 0, told.output
        found[width] = json.loads(file.read_text())
    linear = found[8]["kinds"]["linear"]
    assert (linear["unit"], linear["bound"]) == ("weights", "memory")
    assert found[8]["products"] == sum(kind["macs"] for kind in found[8]["kinds"].values())
    assert 1.5 < found[4]["cycles"] / found[8]["cycles"] < 2
    told = CliRunner().invoke(main, [*arguments, "--machine", "buffer_words=64"])
    assert told.exit_code == 1 and "64" in told.output


def test_published_sizes_have_as_many_weights_as_are_published() -> None:
    weights = PUBLISHED["gpt2-small"](empty_weights()).constants.values()
    assert sum(np.size(weight) for weight in weights) == pytest.approx(163e6, rel=0.01)
