"""The memory that link and AXI4 master share, in block RAM and in SDRAM."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from fpga.link import store
from fpga.link.bus import REQUEST, RESPONSE, BusSignature
from fpga.link.memory import SharedMemory
from fpga.link.store import BlockStore, require_sizes
from fpga.sdram.controller import SdramController
from fpga.sdram.model import VERILOG, SdramModel
from fpga.sdram.part import SDRAM_32MB
from hw.accelerator.axi import memory_signature
from hw.verilog import emit
from sim import native
from sim.beats import pack, unpack
from sim.row import GRID
from tests.hw.test_memories_apart import Spoilt

SIZE = 1024
HERTZ = 50e6
PART = replace(SDRAM_32MB, power_up=2000.0)


class Stored(wiring.Component):
    """``SharedMemory`` with what holds its bytes: ``size`` of block RAM, or an SDRAM."""

    def __init__(self, size: int, bus_bytes: int) -> None:
        self.store = (
            SdramController(PART, HERTZ, bus_bytes)
            if size == PART.size
            else BlockStore(size, bus_bytes)
        )
        self.shared = SharedMemory(size, bus_bytes)
        super().__init__({
            "bus": In(BusSignature()),
            "memory": In(memory_signature(bus_bytes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.shared, m.submodules.held = shared, held = self.shared, self.store
        wiring.connect(m, shared.store.requests, held.requests)
        wiring.connect(m, held.beats, shared.store.beats)
        wiring.connect(m, wiring.flipped(self.bus), shared.bus)
        wiring.connect(m, wiring.flipped(self.memory), shared.memory)
        if isinstance(held, SdramController):
            m.submodules.chip = chip = SdramModel(PART)
            wiring.connect(m, held.pins, chip.pins)
            for name, cycles in asdict(PART.timing(HERTZ)).items():
                m.d.comb += getattr(chip.limits, name).eq(cycles)
        return m


@pytest.mark.parametrize(
    ("size", "bus_bytes"), [(SIZE, 4), (SIZE, 16), (3 << 12, 8), (PART.size, 8)]
)
def test_what_one_side_writes_the_other_reads(monkeypatch, size, bus_bytes):
    # ``fpga.designs.APART``: nobody uses a word that block RAM reads in the cycle that writes it.
    monkeypatch.setattr(store, "Memory", Spoilt)
    stored = Stored(size, bus_bytes)
    verilog = emit(stored) + (VERILOG.read_text() if size == PART.size else "")
    simulator = native.build(stored, verilog=verilog, flags=["-Wno-CASEINCOMPLETE"])
    # All happens at the end of the memory.
    held = min(size, 3 << 12)
    base = size - held
    shapes = {name: port.shape for name, port in simulator.ports.items()}
    rng = np.random.default_rng(bus_bytes)
    words, parts = held // 4, bus_bytes // 4
    # The link writes all words in any order, one of them beyond; the master reads bursts, then
    # writes others over them; the link reads everything back.
    order = rng.permutation(words)
    first = rng.integers(0, 1 << 32, words)
    bursts = 30
    lengths = rng.integers(1, 17, bursts)
    starts = rng.integers(0, held // bus_bytes - lengths + 1)
    written = rng.integers(0, 1 << 32, (int(lengths.sum()), parts))
    ends = np.cumsum(lengths)
    memory = first.copy()
    read = np.concatenate([
        memory.reshape(-1, parts)[start : start + length]
        for start, length in zip(starts, lengths, strict=True)
    ])
    for start, length, end in zip(starts, lengths, ends, strict=True):
        memory.reshape(-1, parts)[start : start + length] = written[end - length : end]
    last = np.isin(np.arange(1, ends[-1] + 1), ends).astype(np.int64)
    address = np.concatenate([order, [words], np.arange(words), [words]]) + base // 4
    write = np.concatenate([np.ones(words + 1, np.int64), np.zeros(words + 1, np.int64)])
    data = np.concatenate([first[order], np.zeros(words + 2, np.int64)])
    data[words] = 1
    # One more of each kind of burst begins beyond the memory.
    addresses = {
        "addr": np.append(base + starts * bus_bytes, size),
        "len": np.append(lengths - 1, 0),
    }
    inputs = {
        "bus__request": pack(REQUEST, {"address": address, "write": write, "data": data}),
        "memory__ar": pack(shapes["memory__ar"], addresses),
        "memory__aw": pack(shapes["memory__aw"], addresses),
        "memory__w": beats_of(np.vstack([written, written[:1]]), np.append(last, 1), bus_bytes),
    }
    outputs = {
        "bus__response": len(address),
        "memory__r": int(ends[-1]) + 1,
        "memory__b": bursts + 1,
    }
    reads_done = np.concatenate([np.zeros(words + 1), np.full(words + 1, bursts + 1)])
    after = {
        "memory__ar": {"bus__response": np.full(bursts + 1, words + 1)},
        "memory__aw": {"memory__r": np.full(bursts + 1, outputs["memory__r"])},
        "bus__request": {"memory__b": reads_done.astype(np.int64)},
    }
    for seed, traffic in enumerate(GRID):
        pauses = {"idle": traffic.idle, "stall": traffic.stall, "burst": traffic.burst}
        result = simulator.run(inputs, outputs, after=after, seed=seed, **pauses)
        told = unpack(RESPONSE, result.beats["bus__response"])
        assert np.flatnonzero(told["error"]).tolist() == [words, 2 * words + 1]
        assert told["data"][words + 1 : -1].tolist() == memory.tolist()
        beats = result.beats["memory__r"][:, :bus_bytes].copy().view("<u4")
        assert beats[:-1].tolist() == read.tolist()
        flags = tail_bits(result.beats["memory__r"], bus_bytes)
        assert (flags >> 2).tolist() == [*last.tolist(), 1]
        assert (flags & 3).tolist() == [0] * int(ends[-1]) + [2]
        answers = unpack(shapes["memory__b"], result.beats["memory__b"])["resp"]
        assert answers.tolist() == [0] * bursts + [2]


@pytest.mark.parametrize("size", [SIZE, PART.size])
def test_the_link_reads_between_bursts(size):
    """Both sides read at once: neither is given a word of the other."""
    bus_bytes, words = 8, SIZE // 4
    stored = Stored(size, bus_bytes)
    verilog = emit(stored) + (VERILOG.read_text() if size == PART.size else "")
    simulator = native.build(stored, verilog=verilog, flags=["-Wno-CASEINCOMPLETE"])
    rng = np.random.default_rng(3)
    memory = rng.integers(0, 1 << 32, words)
    order, bursts = rng.integers(0, words, 300), 300
    lengths = rng.integers(1, 5, bursts)
    starts = rng.integers(0, words // 2 - lengths + 1)
    fill, ask = np.ones(words, np.int64), np.zeros(300, np.int64)
    requests = {
        "address": np.concatenate([np.arange(words), order]),
        "write": np.concatenate([fill, ask]),
        "data": np.concatenate([memory, ask]),
    }
    addresses = {"addr": starts * bus_bytes, "len": lengths - 1}
    inputs = {
        "bus__request": pack(REQUEST, requests),
        "memory__ar": pack(simulator.ports["memory__ar"].shape, addresses),
    }
    outputs = {"bus__response": words + 300, "memory__r": int(lengths.sum())}
    after = {"memory__ar": {"bus__response": np.full(bursts, words)}}
    read = np.concatenate([
        memory.reshape(-1, 2)[start : start + length]
        for start, length in zip(starts, lengths, strict=True)
    ])
    for idle in (0.3, 0.9, 0.97):
        result = simulator.run(inputs, outputs, after=after, idle=idle, stall=0.3)
        told = unpack(RESPONSE, result.beats["bus__response"])["data"]
        assert told[words:].tolist() == memory[order].tolist()
        beats = result.beats["memory__r"][:, :bus_bytes].copy().view("<u4")
        assert beats.tolist() == read.tolist()


@pytest.mark.parametrize(
    ("size", "bus_bytes", "message"), [(1 << 12, 12, "bus_bytes must be"), (1536, 8, "size must")]
)
def test_a_memory_that_no_bus_serves_is_told(size, bus_bytes, message):
    with pytest.raises(ValueError, match=message):
        require_sizes(size, bus_bytes)


def beats_of(words: np.ndarray, last: np.ndarray, bus_bytes: int) -> np.ndarray:
    """Written beats: a field of ``sim.beats`` has up to 64 bits, so they are put together here."""
    data = words.astype("<u4").view(np.uint8).reshape(len(words), bus_bytes)
    tail = np.zeros((len(words), 4), np.uint8)
    tail[:, 0] = last
    return np.hstack([data, tail])


def tail_bits(beats: np.ndarray, bus_bytes: int) -> np.ndarray:
    """Response and last flag of read beats."""
    return beats[:, bus_bytes].astype(np.int64)
