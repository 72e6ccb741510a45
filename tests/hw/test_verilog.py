import re

import pytest
from amaranth.hdl import Instance, Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.platform import Shared
from hw.verilog import SynthesisPlatform, definitions, emit


class Doubler(wiring.Component):
    """``o = 2 * i``, without a register."""

    def __init__(self):
        super().__init__({"i": In(4), "o": Out(5)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.i * 2)
        return m


class Adder(Shared):
    """``o = i + offset`` of every beat, one cycle later when ``registered``."""

    def __init__(self, offset, *, key=None, registered=True):
        self.offset = offset
        self.registered = registered
        self.key = key or f"adder_{offset}"
        super().__init__({
            "i": In(stream.Signature(signed(4))),
            "o": Out(stream.Signature(signed(6))),
        })

    def body(self, platform):
        m = Module()
        m.submodules.tree = tree = Doubler()
        m.d.comb += [tree.i.eq(self.i.payload), self.i.ready.eq(self.o.ready)]
        domain = m.d.sync if self.registered else m.d.comb
        domain += [
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(self.i.payload + self.offset),
        ]
        return m


class Pair(Shared):
    """Two equal adders side by side: a definition that needs another."""

    key = "pair"

    def __init__(self):
        super().__init__({"i": In(signed(4)), "o": Out(signed(7))})

    def body(self, platform):
        m = Module()
        total = 0
        for index in range(2):
            m.submodules[f"adder_{index}"] = adder = Adder(1)
            m.d.comb += [adder.i.payload.eq(self.i), adder.i.valid.eq(1), adder.o.ready.eq(1)]
            total += adder.o.payload
        m.d.comb += self.o.eq(total)
        return m


class Top(wiring.Component):
    """``o = 2 * (i + 1) + i - 3`` after one cycle, with ``pairs`` equal pairs."""

    def __init__(self, *extra):
        self.extra = extra
        super().__init__({"i": In(signed(4)), "o": Out(signed(9))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.pair = pair = Pair()
        m.submodules.less = less = Adder(-3, key="less")
        m.submodules += self.extra
        m.d.comb += [
            pair.i.eq(self.i),
            less.i.payload.eq(self.i),
            less.i.valid.eq(1),
            less.o.ready.eq(1),
            self.o.eq(pair.o + less.o.payload),
        ]
        return m


class Cells(wiring.Component):
    """A black box of the technology."""

    def __init__(self):
        super().__init__({"address": In(2), "bits": Out(8)})

    def elaborate(self, platform):
        m = Module()
        ports = {"i_address": self.address, "o_bits": self.bits}
        m.submodules.cells = Instance("cells", p_DEPTH=4, **ports)
        return m


def _modules(text):
    return re.findall(r"^module (\S+?) ?\(", text, re.MULTILINE)


def test_definition_is_emitted_once_after_what_it_needs():
    text = emit(Top())
    modules = _modules(text)
    assert len(set(modules)) == len(modules)
    tops = [name for name in modules if "." not in name]
    assert sorted(tops) == ["adder_1", "less", "pair", "top"]
    assert tops.index("adder_1") < tops.index("pair") < tops.index("top") == 3
    assert r"\adder_1.tree" in modules
    assert r"\less.tree" in modules


def test_counts_of_instances():
    by_name = {one.name: one for one in definitions(Top())}
    assert by_name["top"].instances == {"less": 1, "pair": 1}
    assert by_name["pair"].instances == {"adder_1": 2}
    assert "input [3:0] i__payload" in by_name["adder_1"].stub


def test_same_bytes_without_banner_or_source_lines():
    text = emit(Top())
    assert text == emit(Top())
    assert "Generated" not in text
    assert "src" not in text
    assert ".py" not in text


def test_definition_without_registers_has_clock_ports():
    text = emit(Adder(2, registered=False), name="comb")
    assert _modules(text) == ["comb", r"\comb.tree"] or _modules(text) == [r"\comb.tree", "comb"]
    assert "input clk;" in text
    assert "input rst;" in text


def test_shared_component_can_be_the_top():
    assert "pair" in _modules(emit(Pair(), name="pair"))


def test_simulates_without_a_platform():
    top = Top()

    async def bench(ctx):
        for value in range(-8, 8):
            ctx.set(top.i, value)
            await ctx.tick()
            assert ctx.get(top.o) == 2 * (value + 1) + value - 3

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_black_boxes_are_counted_and_have_a_stub():
    (top,) = definitions(Cells(), platform=SynthesisPlatform())
    assert top.black_boxes == {"cells": 1}
    assert "parameter DEPTH" in top.black_box_stubs["cells"]
    assert "output [7:0] bits" in top.black_box_stubs["cells"]


@pytest.mark.parametrize("other", [Adder(5, key="less"), Adder(-3, key="less", registered=False)])
def test_two_components_of_one_key_are_refused(other):
    with pytest.raises(ValueError, match="two different components claim the key 'less'"):
        emit(Top(other))


def test_names_are_refused():
    with pytest.raises(ValueError, match="Verilog name, not 'a b'"):
        emit(None, name="a b")
    with pytest.raises(ValueError, match="Verilog name, not '1'"):
        emit(Top(Adder(1, key="1")))
    with pytest.raises(ValueError, match="'pair' belongs to a shared component"):
        emit(Top(), name="pair")
    with pytest.raises(ValueError, match="'adder_1' belongs to a shared component"):
        emit(Top(), name="adder_1")
