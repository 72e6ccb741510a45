import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from click.testing import CliRunner

from golden.configs import MACROS
from hw import yosys
from hw.__main__ import main
from hw.area import CMOS, GATES, SMALLEST, Area, Design, ModuleArea, measure
from hw.area.command import mean_cycles
from hw.area.library import Library, flip_flop_transistors, liberty_library
from hw.area.table import Row, figures
from hw.macro.macro import Macro
from hw.macro.plan import PLANS
from hw.platform import Shared

NETLIST = "module top (input a, input b, output o);\n  assign o = a & b;\nendmodule\n"
SIZES = {"INV": 1.5, "BUF": 2.0, "NAND2": 2.5, "NOR2": 2.75, "DFF": 9.0}
GATE = """
  cell ({name}) {{ area : {size};
    {pins}
    pin (Y) {{ direction : output; function : "{function}"; max_capacitance : 1;
      {timing}
    }} }}
"""
TIMING = """
      timing () {{ related_pin : "{pin}"; timing_sense : {sense}_unate;
        cell_rise (grid) {{ {grid} }} cell_fall (grid) {{ {grid} }}
        rise_transition (grid) {{ {grid} }} fall_transition (grid) {{ {grid} }}
      }}
"""
# ABC needs more than two points a side.
POINTS = 'index_1 ("0.01, 0.1, 1"); index_2 ("0.01, 0.1, 1");'
GRID = f'{POINTS} values ("0.1, 0.2, 1", "0.2, 0.3, 1.1", "0.5, 0.6, 1.5");'
UNITS = f"""
  time_unit : "1ns"; capacitive_load_unit (1, pf);
  lu_table_template (grid) {{
    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    {POINTS}
  }}
"""
REGISTER = """
  cell (DFF) { area : 9; ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }
    pin (CK) { direction : input; clock : true; capacitance : 0.01; }
    pin (D) { direction : input; capacitance : 0.01; }
    pin (Q) { direction : output; function : "IQ"; } }
"""


def _liberty():
    gates = [
        ("INV", "A", "!A", "negative"),
        ("BUF", "A", "A", "positive"),
        ("NAND2", "A B", "!(A & B)", "negative"),
        ("NOR2", "A B", "!(A | B)", "negative"),
    ]
    cells = ""
    for name, inputs, function, sense in gates:
        pins = timing = ""
        for pin in inputs.split():
            pins += f"pin ({pin}) {{ direction : input; capacitance : 0.01; }} "
            timing += TIMING.format(pin=pin, sense=sense, grid=GRID)
        cells += GATE.format(
            name=name, size=SIZES[name], pins=pins, function=function, timing=timing
        )
    return f"library (four) {{ {UNITS} {cells} {REGISTER} }}"


class Parity(Shared):
    """``o = ^i`` as a chain of ``len(i) - 1`` gates, behind a register when ``registered``."""

    def __init__(self, width, *, registered=False):
        self.width, self.registered = width, registered
        self.key = f"parity_{width}_{registered}"
        super().__init__({"i": In(width), "o": Out(1)})

    def body(self, platform):
        m = Module()
        last = self.i[0]
        for index in range(1, self.width):
            last = last ^ self.i[index]
        (m.d.sync if self.registered else m.d.comb).__iadd__(self.o.eq(last))
        return m


class Two(wiring.Component):
    """Two equal parities in a row, between registers: ``2 * (width - 1)`` gates deep."""

    def __init__(self, width):
        self.width = width
        super().__init__({"i": In(2 * width - 1), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = Parity(self.width)
        m.submodules.second = second = Parity(self.width)
        held = Signal(2 * self.width - 1)
        m.d.sync += [held.eq(self.i), self.o.eq(second.o)]
        m.d.comb += [
            first.i.eq(held),
            second.i.eq(Cat(first.o, held[self.width :])),
        ]
        return m


class Store(wiring.Component):
    """A memory of ``depth`` words of 32 bits."""

    def __init__(self, depth):
        self.depth = depth
        super().__init__({
            "address": In(range(depth)),
            "data": In(32),
            "write": In(1),
            "q": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=32, depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.write),
            read.addr.eq(self.address),
            read.en.eq(1),
            self.q.eq(read.data),
        ]
        return m


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("yosys")


def test_run_is_kept_and_read_again(tmp_path, monkeypatch):
    script = "read_verilog design.v\nsynth -top top\nwrite_verilog out.v\n"
    first = yosys.run(script, {"design.v": NETLIST}, ["out.v"], tmp_path)
    assert "a & b" in first.outputs["out.v"]
    assert [path.suffixes for path in tmp_path.iterdir()] == [[".json", ".gz"]]

    def refuse(*arguments, **options):
        raise AssertionError("Yosys must not run again")

    monkeypatch.setattr(yosys.subprocess, "run", refuse)
    assert yosys.run(script, {"design.v": NETLIST}, ["out.v"], tmp_path) == first
    with pytest.raises(AssertionError):
        yosys.run(script + "\n", {"design.v": NETLIST}, ["out.v"], tmp_path)


def test_failed_run_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="Yosys failed: ERROR"):
        yosys.run("read_verilog missing.v\n", {}, [], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    with pytest.raises(ValueError, match="plain name, not 'a/b'"):
        yosys.run("", {"a/b": ""}, [], tmp_path)


def test_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        yosys.write_atomically(tmp_path / "file", gzip.compress(b"content"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "cell, transistors",
    [
        ("$_DFF_P_", 24),
        ("$_DFFE_PP_", 32),
        ("$_SDFF_PP0_", 28),
        ("$_SDFFE_PP0P_", 36),
        ("$_DFF_PN0_", 28),
        ("$_DFFE_PN0P_", 36),
    ],
)
def test_transistors_of_a_register(cell, transistors):
    assert flip_flop_transistors(cell) == transistors


@pytest.mark.parametrize("library", [GATES, CMOS, SMALLEST])
def test_definition_counts_as_often_as_it_stands(library, cache):
    one = measure(Parity(5), library, cache=cache)
    two = measure(Two(5), library, cache=cache)
    assert [(module.name, module.copies) for module in two.modules] == [
        ("parity_5_False", 2),
        ("top", 1),
    ]
    assert one.transistors >= 4 * 10
    assert two.flip_flops == 10
    assert two.transistors == 2 * one.transistors + two.flip_flop_transistors
    assert two.cells == 2 * one.cells + 10


def test_depth_crosses_modules(cache):
    exclusive_or = Library(name="xor", gates="AND,XOR", script="strash;map;topo")
    assert measure(Parity(4), exclusive_or, cache=cache).depth == 3
    assert measure(Two(4), exclusive_or, cache=cache).depth == 6
    assert measure(Parity(4, registered=True), exclusive_or, cache=cache).depth == 3


def test_storage_is_apart(cache):
    spec = MACROS["tiny"]
    design = Design.of(Macro(spec, PLANS["fixed"]))
    area = measure(design, cache=cache)
    assert area.storage_bits == spec.bitcell_count == 4 * 4 * 2 * 8
    assert area.storage_transistors() == 6 * 256
    assert area.storage_transistors(latches=True) == 12 * 256
    assert area.flip_flops < spec.bitcell_count
    assert area.as_dict()["transistors"] == area.transistors


def test_large_memory_is_storage_and_a_small_one_is_registers(cache):
    large = measure(Store(64), cache=cache)
    assert (large.storage_bits, large.flip_flops) == (64 * 32, 0)
    small = measure(Store(4), cache=cache)
    assert (small.storage_bits, small.flip_flops) == (0, 4 * 32 + 32)


def test_liberty_gives_micrometres_and_delay(tmp_path, cache):
    path = tmp_path / "four.lib"
    path.write_text(_liberty())
    area = measure(Two(4), liberty_library(path), cache=cache)
    assert {kind for module in area.modules for kind in module.cells} <= SIZES.keys()
    expected = sum(
        module.copies * SIZES[kind] * count
        for module in area.modules
        for kind, count in module.cells.items()
    )
    assert area.square_micrometres == pytest.approx(expected)
    assert area.depth is None
    assert area.as_dict()["transistors"] is None
    assert area.picoseconds >= 3 * 2 * 100
    chain, top = (module.picoseconds for module in area.modules)
    assert area.picoseconds == max(chain, top)
    assert area.picoseconds_bound == 2 * chain + 3 * top
    with pytest.raises(ValueError, match=r"no\.lib' cannot be read"):
        liberty_library(tmp_path / "no.lib")


def _row(plan_name, gates, cycles, *, tokens=1, depth=10):
    module = ModuleArea(name="top", copies=1, cells={"$_NAND_": gates})
    area = Area(name="top", library="gates", modules=(module,), storage_bits=100, depth=depth)
    return Row(
        name=plan_name,
        kind="macro",
        spec_name="default",
        plan_name=plan_name,
        area=area,
        tokens=tokens,
        products=16 * tokens,
        cycles=cycles,
    )


def test_figures_are_against_fixed_of_the_same_group():
    rows = [_row("fixed", 100, 8.0), _row("pairs", 400, 1.0, depth=20), _row("skip", 100, None)]
    fixed, pairs, skip = (figures(row, rows) for row in rows)
    assert fixed["speed_per_area_latches_clocked"] == 1
    assert (pairs["times_fixed"], pairs["per_lane"], pairs["per_mac_per_cycle"]) == (4, 100, 100)
    assert pairs["speed_per_area_logic"] == 2
    assert pairs["speed_per_area_logic_clocked"] == 1
    assert pairs["speed_per_area_bitcells"] == pytest.approx(8 * 1000 / 2200)
    assert pairs["speed_per_area_latches"] == pytest.approx(8 * 1600 / 2800)
    assert (skip["times_fixed"], skip["speed_per_area_logic"]) == (1, None)
    four = figures(_row("pairs-4", 1600, 1.0, tokens=4), rows)
    assert (four["speed_per_area_logic"], four["per_mac_per_cycle"]) == (2, 100)


def test_cycles_come_from_codes_where_they_depend_on_them():
    spec = MACROS["tiny"]
    assert mean_cycles(spec, PLANS["fixed"], None, True) == 8
    assert mean_cycles(spec, PLANS["pairs-4"], None, True) == 1
    assert mean_cycles(spec, PLANS["skip"], None, True) is None
    codes = np.array([[1, 0, 0, 0, -128, 0, 0, 0, 9], [0] * 9])
    assert mean_cycles(spec, PLANS["skip"], codes, True) == (2 + 8 + 1 + 1) / 4
    with pytest.raises(ValueError, match="codes of 3 lanes"):
        mean_cycles(spec, PLANS["skip"], codes[:, :3], True)


def test_command_writes_stable_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["macro-tiny-fixed", "macro-tiny"]
    done = CliRunner().invoke(main, ["area", *names, "--library", "gates", "--json", "area.json"])
    assert done.exit_code == 0, done.output
    data = json.loads(Path("area.json").read_text())
    assert [block["block"] for block in data["blocks"]] == names
    assert data["blocks"][1]["speed_per_area_logic"] > 1
    assert {"cells", "transistors", "gate_equivalents", "storage_bits"} <= data["blocks"][0].keys()


def test_signs_of_inputs_have_their_own_baseline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["macro-tiny-fixed", "macro-tiny"]
    signs = ["--input-sign", "signed", "--input-sign", "unsigned"]
    options = [*signs, "--library", "gates", "--json", "area.json"]
    done = CliRunner().invoke(main, ["area", *names, *options])
    assert done.exit_code == 0, done.output
    blocks = {
        block["block"]: block for block in json.loads(Path("area.json").read_text())["blocks"]
    }
    assert list(blocks) == [f"{name} {sign}" for name in names for sign in signs[1::2]]
    sizes = {name: block["transistors"] for name, block in blocks.items()}
    for sign in signs[1::2]:
        ratio = sizes[f"macro-tiny {sign}"] / sizes[f"macro-tiny-fixed {sign}"]
        assert blocks[f"macro-tiny {sign}"]["times_fixed"] == pytest.approx(ratio)
    assert sizes["macro-tiny unsigned"] != sizes["macro-tiny signed"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["area", "macro-nope"], "unknown name 'macro-nope'"),
        (["area", "macro-tiny", "--liberty", "no.lib"], "'no.lib' cannot be read"),
        (["area", "macro-tiny", "--codes", "no.npy"], "'no.npy' cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code != 0
    assert message in str(done.exception)
