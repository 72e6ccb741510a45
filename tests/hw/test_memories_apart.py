"""Words that are read in the cycle that writes them are not used (``fpga.designs.APART``)."""

import importlib
from types import SimpleNamespace

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from sim.fast import FastSimulator
from sim.operators import operator
from sim.row import GRID

SEED = 70


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
            wrong = Signal()
            meet = (one.en.any() & (one.addr == port.addr) for one in self.write_ports)
            with m.If(port.en):
                m.d.sync += wrong.eq(Cat(*meet).any())
            bits, told = Value.cast(port.data), Value.cast(seen.data)
            m.d.comb += told.eq(Mux(wrong, ~bits, bits))
        return m


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("quantize_rows", ["ops.row_buffer"]),
        ("engine", [f"engine.{one}" for one in ("context", "row_queue", "query_buffer")]),
        ("engine", ["engine.row_softmax"]),
    ],
)
def test_what_meets_a_write_is_not_used(monkeypatch, name, places):
    for place in places:
        monkeypatch.setattr(importlib.import_module(f"hw.{place}"), "Memory", Spoilt)
    row = operator(name)
    for point in row.points:
        chosen = row.point(point)
        simulator = FastSimulator(row.component(chosen))
        for offset, traffic in enumerate(GRID):
            row.verify(chosen, simulator.run, seed=SEED + offset, traffic=traffic)
