"""The controller of a board's SDRAM before a model of the chip that ends what breaks its rules."""

from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fpga.link.store import request_layout
from fpga.sdram.controller import SdramController, burst_words, timing_of
from fpga.sdram.model import LIMITS, VERILOG, SdramModel
from fpga.sdram.pads import require_clock
from fpga.sdram.part import SDRAM_32MB, SdramPart
from hw.verilog import emit
from sim import native
from sim.beats import pack
from sim.traffic import Result

PART = replace(SDRAM_32MB, power_up=2000.0)
CAS_3 = replace(PART, name="SDRAM at a CAS latency of 3", cas=3)
SLOW_BANKS = replace(PART, name="SDRAM of a long tRC", activate_to_activate=140)
CLOCKS = [
    (SLOW_BANKS, 50e6, 8),
    (PART, 25e6, 8),
    (PART, 50e6, 4),
    (PART, 50e6, 8),
    (PART, 80e6, 16),
    (CAS_3, 100e6, 8),
]
HERTZ, BUS = 50e6, 8
ROW_BEATS = (1 << PART.column_bits) * PART.data_bits // 8 // BUS
BANKS = 1 << PART.bank_bits


class Fitted(wiring.Component):
    """A controller and its chip."""

    def __init__(self, part: SdramPart, hertz: float, bus_bytes: int) -> None:
        self.controller = SdramController(part, hertz, bus_bytes)
        self.model = SdramModel(part)
        super().__init__({
            "requests": In(stream.Signature(request_layout(part.size, bus_bytes))),
            "beats": Out(stream.Signature(8 * bus_bytes)),
            "limits": In(wiring.Signature({name: Out(bits) for name, bits in LIMITS.items()})),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.controller, m.submodules.model = self.controller, self.model
        wiring.connect(m, wiring.flipped(self.requests), self.controller.requests)
        wiring.connect(m, self.controller.pins, self.model.pins)
        wiring.connect(m, wiring.flipped(self.limits), self.model.limits)
        m.d.comb += [
            self.beats.valid.eq(self.controller.beats.valid),
            self.beats.payload.eq(self.controller.beats.payload),
        ]
        return m


@cache
def simulator(part: SdramPart, hertz: float, bus_bytes: int) -> native.Simulator:
    fitted = Fitted(part, hertz, bus_bytes)
    verilog = emit(fitted) + VERILOG.read_text()
    return native.build(fitted, verilog=verilog, flags=["-Wno-CASEINCOMPLETE"])


def run(
    requests: dict[str, np.ndarray],
    part: SdramPart = PART,
    hertz: float = HERTZ,
    bus_bytes: int = BUS,
    idle: float = 0,
    burst: float = 1,
    aborted: int = 0,
    **limits: int,
) -> Result:
    """Send requests; ``limits`` are stricter ones than the controller's."""
    settings = asdict(part.timing(hertz)) | limits
    shape = request_layout(part.size, bus_bytes)
    reads = int((requests["write"] == 0).sum())
    return simulator(part, hertz, bus_bytes).run(
        {"requests": pack(shape, requests)},
        {"beats": reads},
        idle=idle,
        burst=burst,
        aborted=aborted,
        settings={f"limits__{name}": value for name, value in settings.items()},
    )


def drawn(rng: np.random.Generator, part: SdramPart, bus_bytes: int, count: int) -> np.ndarray:
    """Addresses as programs and as nobody has them: steps, jumps, rows of one bank by turns."""
    beats = part.size // bus_bytes
    row = (1 << part.column_bits) * part.data_bits // 8 // bus_bytes
    base = rng.integers(0, beats - 64 * row)
    kinds = [
        base + np.arange(count),
        rng.integers(0, beats, count),
        base + rng.integers(0, 2, count) * BANKS * row,
        base + rng.integers(0, 8, count) * row,
        np.full(count, beats - 1),
    ]
    return np.concatenate(
        [rng.permutation(kinds, axis=0)[:, at : at + 16] for at in range(0, count, 16)], axis=1
    ).ravel()


@pytest.mark.parametrize(("part", "hertz", "bus_bytes"), CLOCKS)
def test_what_was_written_is_read(part, hertz, bus_bytes):
    rng = np.random.default_rng(bus_bytes)
    address = drawn(rng, part, bus_bytes, 640)
    count, words = len(address), bus_bytes // 4
    for share, idle, burst in ((0.5, 0, 1), (0.9, 0.2, 2), (0.2, 0.6, 40)):
        write = (rng.random(count) < share).astype(np.int64)
        # What is read was written before, all of it, or nobody knows what it is.
        first = np.unique(address)
        address_all = np.concatenate([first, address])
        write_all = np.concatenate([np.ones(len(first), np.int64), write])
        enables = rng.integers(0, 1 << words, len(address_all))
        enables[: len(first)] = (1 << words) - 1
        data = rng.integers(0, 1 << 32, (len(address_all), words))
        result = run(
            {"address": address_all, "write": write_all, "enables": enables, "data": data},
            *(part, hertz, bus_bytes, idle, burst),
        )
        memory: dict[int, np.ndarray] = {}
        wanted = []
        for place, writes, enable, word in zip(address_all, write_all, enables, data, strict=True):
            if not writes:
                wanted.append(memory[place])
                continue
            chosen = (enable >> np.arange(words) & 1).astype(bool)
            memory[place] = np.where(chosen, word, memory.get(place, 0))
        assert result.beats["beats"].view("<u4").tolist() == np.array(wanted).tolist()


def reads(address: np.ndarray) -> dict[str, np.ndarray]:
    count = len(address)
    nothing = np.zeros(count, np.int64)
    return {
        "address": address,
        "write": nothing,
        "enables": nothing,
        "data": np.zeros((count, BUS // 4), np.int64),
    }


def test_the_pins_are_busy():
    """Cycles of an access, of which the words of a burst take four; as docs/fpga.md tells."""
    rng, count = np.random.default_rng(1), 4000
    anywhere = rng.integers(0, PART.size // BUS, count)
    one_bank = np.arange(count) % 2 * BANKS * ROW_BEATS
    writes = np.ones(count, np.int64)
    for address, write, most in (
        (12345 + np.arange(count), 0 * writes, 4.1),
        (12345 + np.arange(count), writes, 4.15),
        (anywhere, 0 * writes, 5.8),
        (anywhere, rng.integers(0, 2, count), 6.4),
        (one_bank, 0 * writes, 8.2),
    ):
        cycles = run(reads(address) | {"write": write}).cycles["requests"]
        assert (cycles[-1] - cycles[1]) / (count - 2) < most


@pytest.mark.parametrize(("rows", "more"), [(1, 0), (2, 4)])
def test_a_read_takes_the_cycles_that_are_told(rows, more):
    """In one row, and with one to close and one to open, where no refresh came in between."""
    timing = PART.timing(HERTZ)
    assert timing.precharge + timing.activate_to_access == 4
    result = run(reads(np.arange(200) % rows * BANKS * ROW_BEATS), idle=0.95)
    taken = result.cycles["beats"] - result.cycles["requests"]
    assert np.median(taken) == 3 + PART.cas + 4 + more


def test_every_row_is_refreshed_while_nobody_asks():
    run(reads(np.arange(60)), idle=0.99, burst=1)


def test_a_reset_at_any_time_begins_anew():
    """The chip keeps its open rows, and a burst that was under way."""
    rng, count = np.random.default_rng(5), 300
    address = rng.permutation(PART.size // BUS)[:count]
    data = rng.integers(0, 1 << 32, (count, 2))
    requests = {
        "address": np.concatenate([address, address]),
        "write": np.repeat([1, 0], count),
        "enables": np.full(2 * count, 3),
        "data": np.concatenate([data, 0 * data]),
    }
    for aborted in rng.integers(100, 2500, 40):
        result = run(requests, aborted=int(aborted))
        assert result.beats["beats"].view("<u4").tolist() == data.tolist()


STRICTER = {
    "activate_to_access": (1, "ACTIVATE to READ or WRITE"),
    "activate_to_precharge": (1, "ACTIVATE to PRECHARGE"),
    "activate_to_activate": (4, "ACTIVATE to ACTIVATE of its bank|ACTIVATE to REFRESH"),
    "activate_to_other": (6, "ACTIVATE to ACTIVATE"),
    "precharge": (1, "PRECHARGE to"),
    "write_recovery": (1, "written word to PRECHARGE"),
    "refresh": (1, "REFRESH to a command"),
    "mode": (1, "LOAD MODE to a command"),
    "power_up": (16, "a command [0-9]+ cycles after power-up"),
}
"""By how much a limit must grow until the controller, which knows the other one, breaks it."""


@pytest.mark.parametrize("limit", STRICTER)
def test_the_model_refuses_what_comes_a_cycle_too_early(limit):
    more, message = STRICTER[limit]
    rng = np.random.default_rng(7)
    count = 200
    # Rows of one bank and of others by turns, read and written.
    requests = {
        "address": rng.integers(0, 8, count) * 3 * ROW_BEATS,
        "write": rng.integers(0, 2, count),
        "enables": np.full(count, 3),
        "data": np.zeros((count, 2), np.int64),
    }
    run(requests)
    with pytest.raises(RuntimeError, match=f"SDRAM: ({message})"):
        run(requests, **{limit: getattr(PART.timing(HERTZ), limit) + more})


def test_the_model_refuses_refreshes_that_are_late():
    shorter = PART.timing(HERTZ).refresh_interval // 2
    with pytest.raises(RuntimeError, match=r"SDRAM: 9 refreshes are late"):
        run(reads(np.arange(4000)), refresh_interval=shorter)


def test_what_the_chip_or_the_controller_does_not_take_is_told():
    with pytest.raises(ValueError, match=r"takes a clock of up to 100 MHz, not 120: choose a slow"):
        PART.timing(120e6)
    with pytest.raises(ValueError, match=r"at 50 MHz waits more than two cycles after a written w"):
        timing_of(replace(PART, write_recovery=60.0), 50e6)
    with pytest.raises(ValueError, match=r"a beat of 32 bytes is 16 words of 32 MB SDRAM, not 2"):
        burst_words(PART, 32)


def test_a_clock_that_the_pads_do_not_take_is_told():
    with pytest.raises(ValueError, match=r"in time up to 65 MHz, not at 80: choose a slower clock"):
        require_clock(80e6)


def test_cycles_of_a_clock_are_never_less_than_the_times():
    timing = SDRAM_32MB.timing(50e6)
    assert (timing.precharge, timing.activate_to_activate, timing.write_recovery) == (2, 4, 2)
    assert timing.refresh_interval == 390 and timing.power_up == 10_000
    assert SDRAM_32MB.timing(47.6e6).precharge == 1
    assert SDRAM_32MB.size == 32 << 20
