"""The link in Verilator against a line that flips, drops and doubles bytes."""

import numpy as np
import pytest

from fpga.link.bus import REQUEST, RESPONSE
from fpga.link.frame import IDENTITY_WORDS, MOST_WORDS, Opcode, Status, Unframer, framed, request
from fpga.link.link import Link
from sim import native
from sim.beats import pack, unpack
from sim.native import Simulator
from tests.fpga.link_model import LinkModel, value_at

IDENTITY = tuple(range(0x11111111, 0x11111111 * (IDENTITY_WORDS + 1), 0x11111111))
REFUSED = 1 << 29
FRAMES = 10_000


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return native.build(Link(IDENTITY), flags=["-Wno-CASEINCOMPLETE"])


def frame(rng: np.random.Generator, sequence: int) -> bytes:
    """A request of every kind, long or short, its words and addresses full of flags and escapes."""
    kind = int(rng.integers(20))
    count = int(rng.integers(1, 5)) if kind < 18 else int(rng.integers(1, MOST_WORDS + 1))
    address = int(rng.integers(1 << 29))
    if kind == 0:
        return request(sequence, Opcode.IDENTIFY, 0, min(count, IDENTITY_WORDS))
    if kind == 1:
        # Up to the edge of what the bus has, and over it.
        address = REFUSED - 2
    if kind == 2:
        return framed(rng.bytes(int(rng.integers(1, 30))))
    if kind % 2:
        return request(sequence, Opcode.READ, address, count)
    words = rng.integers(0, 1 << 32, count)
    words = np.where(rng.random(count) < 0.3, 0x7E7D7E7D, words).tolist()
    return request(sequence, Opcode.WRITE, address, count, words)


def disturbed(rng: np.random.Generator, sent: bytes) -> bytes:
    """``sent`` with one to four bytes flipped in some bits, dropped or doubled."""
    damaged = bytearray(sent)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(len(damaged)))
        kind = int(rng.integers(3))
        if kind == 0:
            damaged[place] ^= int(rng.integers(1, 256))
        elif kind == 1:
            del damaged[place]
        else:
            damaged.insert(place, damaged[place])
    return bytes(damaged)


def drive(simulator: Simulator, line: bytes, seed: int, **pauses) -> LinkModel:
    """Send ``line`` and compare bus and answers with the model, which is returned."""
    model = LinkModel(IDENTITY, REFUSED)
    model.feed(line)
    ports = simulator.ports
    places = np.array([place for place, _, _ in model.asked], np.int64)
    # ``data`` of a write's response is nothing that anybody reads.
    responses = {
        "data": np.array([value_at(place) for place in places.tolist()], np.int64),
        "error": places >= REFUSED,
    }
    result = simulator.run(
        {
            "i": pack(ports["i"].shape, np.frombuffer(line, np.uint8).astype(np.int64)),
            "bus__response": pack(RESPONSE, responses),
        },
        {"o": len(model.answered), "bus__request": len(model.asked)},
        after={"bus__response": {"bus__request": np.arange(1, len(places) + 1)}},
        seed=seed,
        **pauses,
    )
    assert unpack(ports["o"].shape, result.beats["o"]).tolist() == list(model.answered)
    asked = unpack(REQUEST, result.beats["bus__request"])
    writes = np.array([write for _, write, _ in model.asked])
    words = np.array([word for _, _, word in model.asked])
    assert asked["address"].tolist() == places.tolist()
    assert asked["write"].tolist() == writes.tolist()
    assert (asked["data"] * writes).tolist() == words.tolist()
    return model


def test_ten_thousand_disturbed_frames(simulator):
    rng = np.random.default_rng(6)
    sent, intact = LinkModel(IDENTITY, REFUSED), LinkModel(IDENTITY, REFUSED)
    line = b""
    for index in range(FRAMES):
        one = frame(rng, index % 255 + 1)
        whole = rng.random() > 0.6
        line += one if whole else disturbed(rng, one)
        sent.feed(one)
        if whole:
            intact.feed(one)
    model = drive(simulator, line, seed=1)
    written = [one for one in model.asked if one[1]]
    # Nothing was written that was not sent, nothing twice, and nothing in another order.
    rest = iter(sent.asked)
    assert all(one in rest for one in written)
    # Whatever came whole was done, whatever came before it.
    assert {one for one in intact.asked if one[1]} <= set(written)
    assert len(written) > 3000
    assert model.answered.count(framed(bytes([0, Status.CORRUPT]))) > FRAMES // 4


def test_stalls_on_both_sides(simulator):
    rng = np.random.default_rng(7)
    line = b"".join(frame(rng, index % 255 + 1) for index in range(300))
    drive(simulator, line, seed=2, idle=0.5, stall=0.5, burst=8)


def test_a_write_that_comes_twice_is_done_once(simulator):
    one = request(9, Opcode.WRITE, 5, 2, (1, 2))
    model = drive(simulator, one + one, seed=3)
    assert len(model.asked) == 2 and model.answered == 2 * framed(bytes([9, Status.DONE]))
    again = drive(simulator, one + request(1, Opcode.IDENTIFY, 0, 1) + one, seed=3)
    assert len(again.asked) == 4


def test_a_bus_that_does_not_answer_is_told_and_its_late_answer_is_not_taken(simulator):
    patient = native.build(Link(IDENTITY, patience=200), flags=["-Wno-CASEINCOMPLETE"])
    reads = [request(sequence, Opcode.READ, sequence, 1) for sequence in (1, 2, 3)]
    hung = framed(bytes([1, Status.HUNG])) + framed(bytes([2, Status.HUNG]))
    late = framed(bytes([3, 0xEF, 0xBE, 0xAD, 0xDE, Status.DONE]))
    ports = patient.ports
    result = patient.run(
        {
            "i": pack(ports["i"].shape, np.frombuffer(b"".join(reads), np.uint8).astype(np.int64)),
            "bus__response": pack(RESPONSE, {"data": [0x5A5A5A5A, 0xDEADBEEF], "error": [0, 0]}),
        },
        {"o": len(hung + late), "bus__request": 2},
        # The first answer comes when both requests have been called hung.
        after={
            "bus__response": {"o": [len(hung), 0], "bus__request": [1, 2]},
            "i": {"bus__response": [0] * len(reads[0] + reads[1]) + [1] * len(reads[2])},
        },
    )
    assert unpack(ports["o"].shape, result.beats["o"]).tolist() == list(hung + late)


def test_frames_survive_their_own_reading():
    rng = np.random.default_rng(8)
    bodies = [rng.bytes(int(rng.integers(1, 300))) for _ in range(200)]
    unframer = Unframer()
    assert unframer.feed(b"noise" + b"".join(map(framed, bodies))) == bodies
    assert unframer.corrupt == 0
