"""The instruction set: binary and text say the same, and what does not fit is refused."""

import random

import pytest

from hw.program.fields import COMMON, FIELDS, OPCODES
from hw.program.instructions import BYTES, Count, Instruction, decode
from hw.program.text import assemble, disassemble, listing


def random_instruction(rng: random.Random, name: str) -> Instruction:
    def value(bits: int, signed: bool) -> int:
        number = rng.getrandbits(rng.randint(0, bits))
        return number - (1 << bits) if signed and number >> (bits - 1) else number

    def count() -> Count:
        return Count(
            register=rng.randrange(16), offset=rng.randrange(1 << 16), limit=rng.randrange(1 << 16)
        )

    values = {one.name: value(one.bits, one.signed) for one in FIELDS[name]}
    if name == "branch":
        values["target"] = 0
    return Instruction(
        name=name,
        values=values,
        counts=(count(), count()),
        lags={"cores": rng.randrange(255), "engine": rng.randrange(255)},
    )


@pytest.mark.parametrize("name", OPCODES)
def test_binary_and_text_give_the_instruction_back(name: str) -> None:
    rng = random.Random(name)
    for _ in range(20):
        one = random_instruction(rng, name)
        assert decode(one.encode()) == one
        assert disassemble(one.encode()) == listing([one])
        assert assemble(listing([one])) == [one]


@pytest.mark.parametrize("name", OPCODES)
def test_no_two_fields_share_a_bit(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for one in (*COMMON, *FIELDS[name]):
        bits = {(one.slot, one.low + index) for index in range(one.bits)}
        assert taken.isdisjoint(bits), one.name
        assert one.low + one.bits <= 32, one.name
        taken |= bits


def test_labels_are_bytes_of_the_program() -> None:
    text = (
        "start:\n  sync\n  branch condition=0 target=start\n  branch target=behind\nbehind:\n end\n"
    )
    program = assemble(text)
    assert [one["target"] for one in program] == [0, 0, 3 * BYTES, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("walk far=1", "'walk' is no instruction"),
        ("load speed=1", "'load' has no field 'speed'"),
        ("load words", "must be field=value"),
        ("load words=many", "no number and no label"),
        ("cores tiles=256", "tiles of 'cores' must be 0 to 255, not 256"),
        ("load count0=5", "a count is rREGISTER-OFFSET:LIMIT"),
        ("load lags=wheels:1", "a lag is 0 to 255"),
    ],
)
def test_a_wrong_line_is_named(text: str, told: str) -> None:
    with pytest.raises(ValueError, match="line 2: ") as error:
        assemble(f"sync\n{text}\n")
    assert told in str(error.value)


def test_bytes_that_are_no_program() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        disassemble(b"\0" * 65)
    with pytest.raises(ValueError, match="opcode 0x7f is none"):
        disassemble(b"\x7f" + b"\0" * 63)


def test_a_count_is_clamped() -> None:
    count = Count(register=1, offset=64, limit=64)
    assert [count.value({1: rows}) for rows in (0, 64, 70, 128, 500)] == [0, 0, 6, 64, 64]
    assert Count(limit=9).value({}) == 9
