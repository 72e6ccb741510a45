"""The vector unit against its model, and the model against golden where it adds anything."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from golden.operator_spec import LayerNormSpec
from golden.ops.interpolate import interpolate
from golden.table_spec import TableSpec
from hw.accelerator.faults import Fault
from hw.accelerator.plan import PLANS
from hw.accelerator.vector.fields import Combine, Opcode, Scale
from hw.accelerator.vector.plan import VectorPlan
from hw.ops.interpolate import segments
from sim.accelerator.buffer_rows import read_rows, write_rows
from sim.accelerator.vector_bench import Expectation, VectorBench, instruction_beats, reads
from sim.accelerator.vector_fields import fields_of
from sim.accelerator.vector_model import VectorState, execute
from sim.accelerator.vector_stimulus import OPERAND_WORDS, Stimulus, instruction
from sim.fast import FastSimulator

PLAN = VectorPlan(word_bytes=16, width=32, longest=32, segments=1024, units=2, ranks=2)


@pytest.fixture(scope="module")
def simulator():
    return FastSimulator(VectorBench(PLAN))


@pytest.fixture(scope="module", params=[8, 4, 2, 1])
def unit(request, simulator):
    """Of so many lanes: whether it writes what the model writes, however long that takes."""
    plan = replace(PLAN, beats=PLAN.word_lanes // request.param)
    narrow = simulator if plan == PLAN else FastSimulator(VectorBench(plan))

    def check(buffer, instructions, **traffic):
        expected = Expectation(plan, buffer, instructions)
        result = narrow.run(expected.inputs, expected.outputs, after=expected.after, **traffic)
        expected.check(result)

    return check


def test_lanes_divide_a_word():
    with pytest.raises(ValueError, match="beats must be a power of two up to the 8 elements"):
        replace(PLAN, beats=3)
    tiny = PLANS["tiny"]
    assert replace(tiny, vector_lanes=2).vector_plan.beats == tiny.machine.lanes // 2
    with pytest.raises(ValueError, match="vector_lanes must divide the 8 elements of a word"):
        replace(tiny, vector_lanes=3)


def shown(one):
    """What an instruction shows by what it writes: each by itself, so that nothing hides it."""
    if one.opcode & 2:
        return set()
    flags, slots, *_ = fields_of(one)
    kinds = {name for name in ("raw", "argmax", "top_k") if getattr(flags, name)}
    if flags.header:
        kinds.add("header before" if flags.rows or flags.argmax or flags.top_k else "header aside")
    if flags.codes and not flags.raw:
        kinds.add("static scale" if slots.static_scale else "row scale")
    if not flags.rows:
        return kinds
    if flags.table:
        return kinds | {"long table" if flags.long_table else "table"}
    if flags.combine == Combine.PASS:
        kinds.add(f"scale {flags.scale}")
        kinds |= {name for name in ("maximum", "causal", "counted") if getattr(flags, name)}
    if flags.scale == (Scale.MULTIPLIER if flags.combine == Combine.PRODUCT else Scale.NONE):
        kinds.add(f"combine {flags.combine}")
    return kinds


def values_of(one, buffer, state):
    """How many different words or halves of words it writes at most."""
    after = buffer.copy()
    execute(one, after, state)
    return len(np.unique(after[(after != buffer).any(axis=1)].view("<i2")))


def every_kind(stimulus, buffer):
    """Random instructions, each of which shows something that those before it did not."""
    drawn = stimulus.instructions(buffer, 400)
    kept, seen, state = [drawn[0]], set(), VectorState(PLAN)
    execute(drawn[0], buffer, state)
    for before, one in pairwise(drawn):
        if one.opcode & 2:
            execute(one, buffer, state)
        elif not shown(one) <= seen and values_of(one, buffer, state) >= 8:
            seen |= shown(one)
            kept += [before, one] if before.opcode == Opcode.CHANNELS else [one]
    assert len(seen) == len(Combine) + len(Scale) + 12
    return kept


def test_random_instructions_write_what_the_model_writes(unit):
    stimulus = Stimulus(PLAN, np.random.default_rng(15))
    buffer = stimulus.buffer()
    unit(buffer, every_kind(stimulus, buffer), idle=0.2, stall=0.2)


def test_what_random_instructions_seldom_show(unit):
    rng = np.random.default_rng(3)
    buffer = rng.integers(0, 256, (2048, 16), dtype=np.uint8)
    base, upper = rng.integers(-(1 << 15), 1 << 15, (2, 400))
    write_rows(buffer, 600, 0, ((base & 0xFFFF) | ((upper - base) << 32)).astype("<i8")[None])
    places = {"a": 0, "b": 50, "c": 100, "d_distance": 50, "a_stride": 2, "b_stride": 2}
    places |= {"c_stride": 2, "rows": 1300, "rows_stride": 2, "elements": 16}

    def rows(flags, **slots):
        return instruction(Opcode.ROWS, (2, 0), flags, **places | slots)

    unit(
        buffer,
        [
            # Sums that saturate, cells of every format.
            rows({"rows": 1, "combine": Combine.ADD}),
            *(
                rows({"rows": 1, "combine": Combine.CELL}, cell_fraction_bits=bits)
                for bits in (4, 11, 15)
            ),
            # What lies behind a row's last element counts for nothing.
            rows({"rows": 1, "scale": Scale.L2_NORMALIZE}, elements=5, multiplier=40000, offset=39),
            # Ranks that are not asked for do not leave with the next instruction's.
            rows({"top_k": 1}, ranks=1),
            rows({"top_k": 1}, ranks=2, a=20),
            # The second load begins at its own first segment.
            instruction(Opcode.TABLE, (1, 0), first=600, elements=256),
            instruction(Opcode.TABLE, (1, 0), first=650, elements=256, table=1),
            rows({"rows": 1, "table": 1}),
            rows({"rows": 1, "table": 1}, table=1),
        ],
    )


ROWS = {"a": 0, "rows": 1300, "codes": 1600, "elements": 9}


@pytest.mark.parametrize(
    ("opcode", "flags", "slots", "fault"),
    [
        (0x54, {}, {}, Fault.OPCODE),
        (Opcode.ROWS, {}, {}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1, "argmax": 1}, {}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1, "scale": 7}, {}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1, "combine": Combine.PRODUCT}, {}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1, "scale": Scale.AFFINE}, {"elements": 33}, Fault.FIELD),
        (Opcode.ROWS, {"codes": 1}, {"elements": 33}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1, "table": 1}, {"table": 4}, Fault.FIELD),
        (Opcode.ROWS, {"top_k": 1}, {"ranks": 3}, Fault.FIELD),
        (Opcode.REDUCE, {"rows": 1}, {}, Fault.FIELD),
        (Opcode.ROWS, {"rows": 1}, {"a": 1 << 16}, Fault.BUFFER),
        (
            Opcode.ROWS,
            {"rows": 1, "combine": Combine.CELL},
            {"b": 8, "c": 8, "d_distance": -9, "cell_fraction_bits": 11},
            Fault.BUFFER,
        ),
        (Opcode.ROWS, {"rows": 1}, {"rows": (1 << 16) - 2, "rows_stride": 1}, Fault.BUFFER),
    ],
)
def test_an_illegal_instruction_is_a_fault_and_writes_nothing(
    simulator, opcode, flags, slots, fault
):
    """It may read, and is told what it asks for, until its fields have been looked at.

    What is given behind it does not start.
    """
    behind = instruction(Opcode.ROWS, (1, 0), {"rows": 1}, **ROWS)
    one = instruction(opcode, (2, 3), flags, **{**ROWS, **slots})
    with pytest.raises(ValueError):
        execute(one, np.zeros((2048, 16), np.uint8), VectorState(PLAN))
    asked = {} if fault == Fault.OPCODE else reads(PLAN, one)
    inputs = {
        f"{name}__words": np.zeros((len(places), 16), np.uint8) for name, places in asked.items()
    }
    outputs = {f"{name}__requests": len(places) for name, places in asked.items()}
    result = simulator.run(
        {"instructions": instruction_beats([one, behind]), **inputs},
        {"completions": 1, **outputs},
        after={
            f"{name}__words": {f"{name}__requests": np.arange(len(asked[name])) + 1}
            for name in asked
        },
        drain=60,
    )
    assert result.beats["completions"][0, 0] == fault


def test_an_instruction_without_rows_only_completes(simulator):
    empty = [
        instruction(0x54, (0, 1), {}),
        instruction(Opcode.REDUCE, (1, 0), {"rows": 1, "maximum": 1}, **ROWS),
        instruction(Opcode.ROWS, (1, 0), {"rows": 1, "counted": 1}, **ROWS),
    ]
    expectation = Expectation(PLAN, np.zeros((2048, 16), np.uint8), empty)
    result = simulator.run(expectation.inputs, {"completions": len(empty)})
    assert not result.beats["completions"].any()


def test_short_rows_stream_without_a_gap(simulator):
    count = 24
    buffer = Stimulus(PLAN, np.random.default_rng(6)).buffer()
    one = instruction(
        Opcode.ROWS,
        (count, 0),
        {"codes": 1, "header": 1},
        **{**ROWS, "elements": 8, "a_stride": 1, "codes_stride": 2},
    )
    expectation = Expectation(PLAN, buffer, [one])
    result = simulator.run(expectation.inputs, expectation.outputs, after=expectation.after)
    expectation.check(result)
    for port in ("rows", "codes"):
        cycles = result.cycles[f"{port}__requests"]
        assert len(cycles) == count
        assert (np.diff(cycles) == 1).all()


def test_a_loaded_table_is_the_function():
    spec = TableSpec(function="gelu")
    entries = segments(spec)
    packed = [(entry["base"] & 0xFFFF) | (entry["rise"] << 32) for entry in entries]
    buffer = np.zeros((8 * OPERAND_WORDS, 16), np.uint8)
    write_rows(buffer, 100, 0, np.array([packed], "<i8"))
    x = np.arange(-(1 << 15), 1 << 15, 97)
    write_rows(buffer, 400, 0, x.astype("<i2")[None])
    state = VectorState(PLAN)
    load = instruction(Opcode.TABLE, (1, 0), first=100, elements=len(entries))
    execute(load, buffer, state)
    fields = {"a": 400, "rows": 1000, "elements": len(x)}
    execute(instruction(Opcode.ROWS, (1, 0), {"rows": 1, "table": 1}, **fields), buffer, state)
    assert (read_rows(buffer, 1000, 0, 1, len(x))[0] == interpolate(spec, x)).all()


def test_a_layer_norm_needs_the_reciprocal_of_its_width():
    buffer = np.zeros((2048, 16), np.uint8)
    state = VectorState(PLAN)
    spec = LayerNormSpec(width=8)
    numbers = {"reciprocal": spec.reciprocal_width, "fraction_bits": 3, "elements": 8}
    execute(instruction(Opcode.CHANNELS, (1, 0), **numbers), buffer, state)
    one = instruction(Opcode.ROWS, (1, 0), {"rows": 1, "scale": Scale.LAYER_NORM}, **ROWS)
    with pytest.raises(ValueError, match="reciprocal"):
        execute(one, buffer, state)
