"""Several vector units side by side write what one writes."""

from dataclasses import replace

import numpy as np
import pytest

from hw.accelerator.faults import Fault
from hw.accelerator.layout import FIRST_SLOT
from hw.accelerator.vector.fields import Combine, Opcode
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.vector.units import VectorUnits
from sim.accelerator.unit_bench import run_unit
from sim.accelerator.vector_fields import fields_of
from sim.accelerator.vector_model import VectorState, execute
from sim.accelerator.vector_stimulus import Stimulus, instruction

PLAN = VectorPlan(
    word_bytes=16, address_bits=11, width=32, longest=32, segments=256, units=1, ranks=2
)


def beat(one):
    slots = list(one.slots[FIRST_SLOT:])
    return {"opcode": one.opcode, "flags": one.flags, "counts": list(one.counts), "slots": slots}


def run(count, buffer, instructions, plan=PLAN):
    return run_unit(
        VectorUnits(plan, count),
        buffer,
        [beat(one) for one in instructions],
        reads=["reads"],
        writes=["writes"],
        idle=0.1,
    )


def test_rows_are_shared():
    """Random instructions, causal rows and windows among them, each after the one before it."""
    stimulus = Stimulus(PLAN, np.random.default_rng(0))
    buffer = stimulus.buffer()
    instructions = stimulus.instructions(buffer, 9)
    kinds = [(one.opcode, bool(fields_of(one)[0].causal)) for one in instructions[1:]]
    assert {(Opcode.ROWS, False), (Opcode.REDUCE, False), (Opcode.ROWS, True)} <= set(kinds)
    assert {one.counts[0] for one in instructions} >= {1, 2, 3, 5}
    expected, state = buffer.copy(), VectorState(PLAN)
    for one in instructions:
        execute(one, expected, state)
    after, _ = run(2, buffer, instructions)
    np.testing.assert_array_equal(after, expected)


def test_four_units_move_four_words_a_cycle():
    """Rows an odd number of words apart, then rows that another unit has just written."""
    buffer = Stimulus(PLAN, np.random.default_rng(1)).buffer()
    slots = {"a": 1, "b": 300, "rows": 640, "a_stride": 5, "b_stride": 5, "rows_stride": 5}
    add = {"rows": 1, "combine": Combine.ADD}
    many = instruction(Opcode.ROWS, (32, 0), add, elements=32, **slots)
    again = instruction(Opcode.ROWS, (7, 0), add, elements=32, **{**slots, "a": 640 + 5})
    expected, state = buffer.copy(), VectorState(PLAN)
    for each in (many, again):
        execute(each, expected, state)
    after, cycles = run(4, buffer, [many, again])
    np.testing.assert_array_equal(after, expected)
    # One unit moves 156 words in as many cycles, and drains 29 cycles behind each instruction.
    assert cycles < 156


def test_strides_too_long_to_be_multiplied_are_kept():
    """Row 4 is 65,536 words behind row 0: outside, and not row 0 again."""
    plan = replace(PLAN, address_bits=16)
    fields = {"elements": 9, "a": 0, "a_stride": 1 << 14, "rows": 1200, "rows_stride": 1}
    far = instruction(Opcode.ROWS, (5, 0), {"rows": 1}, **fields)
    with pytest.raises(RuntimeError, match=f"fault {Fault.BUFFER}"):
        run(4, np.zeros((1 << 16, 16), np.uint8), [far], plan)
