"""Words that are read in the cycle that writes them are not used (``fpga.designs.APART``)."""

import importlib
import re
from fnmatch import fnmatchcase
from types import SimpleNamespace

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from fpga.designs import APART, ECP5
from fpga.simulation import Flat
from hw.accelerator.accelerator import Accelerator
from sim.accelerator import machine_bench
from sim.accelerator.machine_text import machine_verilog
from sim.accelerator.random_programs import try_seeds
from sim.fast import FastSimulator
from sim.operators import operator
from sim.paths import modules
from sim.row import GRID

SEED = 70

ENGINE = [f"engine.{one}" for one in ("context", "row_queue", "query_buffer", "row_softmax")]
VECTOR = ["ops.row_buffer", *(f"accelerator.vector.{one}" for one in ("channels", "table_lanes"))]

# Random networks that the machine takes: some have a softmax, ranks or rows that it has not.
SEEDS = (2, 3, 6, 8, 12, 13, 14, 16, 18, 19)

_ARRAY = re.compile(r"^  reg (?:\[\d+:0\] )?\S+ ?\[\d+:0\];", re.M)


class Spoilt(Memory):
    """What is read by a register in the cycle that writes it comes with every bit wrong."""

    def __init__(self, **options):
        super().__init__(**options)
        self.spoilt = []

    def read_port(self, *, domain="sync", **options):
        port = super().read_port(domain=domain, **options)
        if domain == "comb":
            return port
        seen = SimpleNamespace(addr=port.addr, en=port.en, data=Signal.like(port.data))
        self.spoilt.append((port, seen))
        return seen

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = super().elaborate(platform)
        for port, seen in self.spoilt:
            wrong = Signal(name="spoilt")
            meet = (one.en.any() & (one.addr == port.addr) for one in self.write_ports)
            with m.If(port.en):
                m.d.sync += wrong.eq(Cat(*meet).any())
            bits, told = Value.cast(port.data), Value.cast(seen.data)
            m.d.comb += told.eq(Mux(wrong, ~bits, bits))
        return m


def spoil(monkeypatch, places):
    for place in places:
        monkeypatch.setattr(importlib.import_module(f"hw.{place}"), "Memory", Spoilt)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("quantize_rows", ["ops.row_buffer"]),
        ("engine", ENGINE[:-1]),
        ("engine", ENGINE[-1:]),
    ],
)
def test_what_meets_a_write_is_not_used(monkeypatch, name, places):
    spoil(monkeypatch, places)
    row = operator(name)
    for point in row.points:
        chosen = row.point(point)
        simulator = FastSimulator(row.component(chosen))
        for offset, traffic in enumerate(GRID):
            row.verify(chosen, simulator.run, seed=SEED + offset, traffic=traffic)


def test_a_machine_uses_nothing_that_meets_a_write(monkeypatch):
    """All memories that the patterns name, and no others, in a board's accelerator at work."""
    spoil(monkeypatch, ["accelerator.buffer", *VECTOR, *ENGINE])
    plan = ECP5["accelerator-words"].plan
    accelerator = Accelerator(plan)
    verilog = machine_verilog(accelerator, Flat())
    arrays = {name: text for name, text in modules(verilog).items() if _ARRAY.search(text)}
    # A spoilt memory is a module in the one that has it.
    spoilt = {name.rpartition(".")[0] for name, text in arrays.items() if "reg spoilt" in text}
    plain = {name for name, text in arrays.items() if "reg spoilt" not in text}
    # A board's own memory stands beside the accelerator.
    patterns = [f"*.{one}" for one in APART if not one.startswith("target.")]
    for pattern in patterns:
        assert [name for name in spoilt if fnmatchcase(name, pattern)], pattern
        assert not [name for name in plain if fnmatchcase(name, pattern)], pattern
    for name in spoilt:
        assert [pattern for pattern in patterns if fnmatchcase(name, pattern)], name
    monkeypatch.setattr(machine_bench, "machine_verilog", lambda *_: verilog)
    tried = try_seeds(plan, machine_bench.build(accelerator), SEEDS)
    assert [(one.refused, one.wrong) for one in tried] == [(None, None)] * len(SEEDS)
