"""Boards, their clocks and files, and what is told of a bitstream."""

import json
import re
from dataclasses import replace

import pytest

from fpga import build as build_module
from fpga.boards import BOARDS, board
from fpga.build import ClockMissed, Report, read_report
from fpga.clock import ecp5_dividers, ice40_dividers
from fpga.commands.program import command_line
from fpga.designs import ICE40
from fpga.rate import rate
from fpga.tools import ToolError, run

REAL = [one for one in BOARDS.values() if not one.simulated]


@pytest.mark.parametrize("source", [25_000_000, 48_000_000, 100_000_000])
@pytest.mark.parametrize("wanted", [40e6, 60e6, 80e6, 100e6])
def test_the_dividers_of_ecp5_make_the_clock_within_their_limits(source, wanted):
    one = ecp5_dividers(source, wanted)
    assert source / one.reference * one.feedback == pytest.approx(one.hertz)
    assert one.hertz == pytest.approx(wanted, rel=0.01)
    assert 400e6 <= one.hertz * one.output <= 800e6


@pytest.mark.parametrize("wanted", [18e6, 21e6, 24e6])
def test_the_dividers_of_ice40_make_the_clock_within_their_limits(wanted):
    one = ice40_dividers(12_000_000, wanted)
    assert 12e6 / one.reference * one.feedback / 2**one.output == pytest.approx(one.hertz)
    assert one.hertz == pytest.approx(wanted, rel=0.01)
    assert 533e6 <= one.hertz * 2**one.output <= 1066e6


def test_a_clock_that_no_pll_makes_is_told():
    with pytest.raises(ValueError, match=r"no PLL setting makes 12 MHz of 12 MHz: choose another"):
        ice40_dividers(12_000_000, 12e6)


def test_unknown_names_are_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no board 'arty': use one of ulx3s-85f, ulx3s-12f"):
        board("arty")
    with pytest.raises(ValueError, match=r"no design 'engine' for icebreaker: use macro, softmax"):
        board("icebreaker").design("engine")
    with pytest.raises(ValueError, match="sim is simulated and needs no bitstream"):
        board("sim").create_platform_class()


def test_a_design_is_offered_where_its_multipliers_are():
    assert "parallel" in board("ulx3s-85f").designs
    assert "parallel" not in board("ulx3s-12f").designs


@pytest.mark.parametrize("one", REAL, ids=lambda one: one.name)
def test_every_board_has_a_clock_and_a_serial_line(one):
    design = replace(ICE40["softmax"], megahertz=60 if one.chip.family == "ecp5" else 18)
    files = build_module.make_files(one, design)
    constraints = files["top.lpf" if one.chip.family == "ecp5" else "top.pcf"].decode()
    line = "adapter" if one.uart else "uart"
    assert f"{line}_0__rx" in constraints and f"{line}_0__tx" in constraints
    # nextpnr derives the clock behind the PLL from the one before it.
    (line,) = re.findall("^(?:FREQUENCY PORT|set_frequency) .*", constraints, re.M)
    assert f" {one.clock / 1e6:g}" in line or f" {one.clock}" in line
    assert all(f"{name}_0" in constraints for name in one.enables)
    cell = "EHXPLLL" if one.chip.family == "ecp5" else "SB_PLL40_PAD"
    assert cell in files["top.il"].decode()


def test_a_chip_beside_the_fpga_has_its_pins_and_a_clock_of_its_own():
    one = board("ulx3s-85f")
    files = build_module.make_files(one, one.design("accelerator-sdram"))
    constraints, netlist = files["top.lpf"].decode(), files["top.il"].decode()
    placed = {line.split('"')[1] for line in constraints.splitlines() if "LOCATE" in line}
    pins = {"clk": 1, "clk_en": 1, "cs": 1, "ras": 1, "cas": 1, "we": 1}
    pins |= {"a": 13, "ba": 2, "dqm": 2, "dq": 16}
    for name, count in pins.items():
        assert sum(place.startswith(f"sdram_0__{name}__io") for place in placed) == count, name
    # Of 600 MHz the twelfth part, begun half of it late, and a quarter of it more.
    parameters = dict(re.findall(r"parameter \\(CLKO\w+) (?:32')?([01]+|\d+)\n", netlist))
    values = {name: int(bits, 2 if len(bits) == 32 else 10) for name, bits in parameters.items()}
    assert values["CLKOP_DIV"] == values["CLKOS_DIV"] == 12
    assert (values["CLKOP_CPHASE"], values["CLKOS_CPHASE"], values["CLKOS_FPHASE"]) == (6, 9, 0)
    assert netlist.count("cell \\ODDRX1F") == 1
    assert netlist.count("cell \\IFS1P3DX") == 16


def test_a_design_that_needs_sdram_is_offered_where_it_is():
    assert "accelerator-sdram" in board("ulx3s-85f").designs
    assert "accelerator-sdram" not in board("ecpix5").designs
    assert "accelerator-sdram" in board("sim").designs
    with pytest.raises(ValueError, match=r"for ecpix5 \(it needs SDRAM beside the chip\): use mac"):
        board("ecpix5").design("accelerator-sdram")
    with pytest.raises(
        ValueError, match=r"for ulx3s-12f \(it needs a larger chip\): use macro, so"
    ):
        board("ulx3s-12f").design("accelerator-sdram")


def told(achieved: float, chip_cells: dict[str, int]) -> dict:
    """What nextpnr would have written."""
    path = [{"from": {"cell": "a"}, "to": {"cell": name}} for name in ("b", "b", "c")]
    return {
        "utilization": {name: {"used": used} for name, used in chip_cells.items()},
        "fmax": {"clk": {"achieved": achieved}, "start": {"achieved": 5.0}},
        "critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": path}],
    }


def test_a_report_reads_what_nextpnr_wrote(tmp_path):
    one = board("ulx3s-12f")
    cells = {"TRELLIS_COMB": 5, "TRELLIS_FF": 6, "DP16KD": 7, "MULT18X18D": 8}
    (tmp_path / "nextpnr.json").write_text(json.dumps(told(81.234, cells)))
    report = read_report(one, one.design("macro"), tmp_path, "top.bit", 1)
    counts = (report.tables, report.registers, report.memories, report.multipliers)
    assert counts == (5, 6, 7, 8)
    assert report.megahertz == 81.23 and report.path == ["b", "c"]


def test_a_missed_clock_names_its_path(tmp_path, monkeypatch):
    one = board("ulx3s-12f")
    design = one.design("macro")
    report = Report(
        **{"board": one.name, "design": design.name, "chip": one.chip.name, "tables": 1},
        **{"registers": 1, "memories": 1, "multipliers": 0, "asked_megahertz": 80.0},
        **{
            "megahertz": 79.9,
            "path": ["first", "middle", "last"],
            "seed": 1,
            "bitstream": str(tmp_path),
        },
    )
    monkeypatch.setattr(build_module, "make_files", lambda *_: {})
    monkeypatch.setattr(build_module, "_kept", lambda *_: report)
    with pytest.raises(
        ClockMissed, match=r"79.9 MHz, not 80: its critical path leads from first by 1 .* to last"
    ):
        build_module.build(one, design)


def test_the_rate_of_a_macro_is_its_products_by_its_clock():
    report = Report(
        **{"board": "ulx3s-12f", "design": "macro", "chip": "", "tables": 1, "registers": 1},
        **{"memories": 1, "multipliers": 0, "asked_megahertz": 80.0, "megahertz": 100.0},
        **{"path": [], "seed": 1, "bitstream": ""},
    )
    # 8 x 32 products in 8 cycles.
    assert rate(report) == pytest.approx(3.2)
    assert rate(replace(report, design="softmax")) is None
    on_85f = replace(report, board="ulx3s-85f", megahertz=50.0)
    # An array of 8 x 8; one of 4 x 4 and a core of 8 x 4, a bit a cycle.
    assert rate(replace(on_85f, design="engine")) == pytest.approx(3.2)
    assert rate(replace(on_85f, design="accelerator")) == pytest.approx(1.0)


def test_programming_wants_a_bitstream(tmp_path, monkeypatch):
    one = board("icebreaker")
    monkeypatch.setattr(build_module, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no bitstream: run `make bitstream BOARD="):
        command_line(one, one.design("macro"))
    folder = tmp_path / "icebreaker/macro"
    folder.mkdir(parents=True)
    (folder / "top.bin").touch()
    command = command_line(one, one.design("macro"), flash=True)
    assert command[:4] == ["openFPGALoader", "--board", "ice40_generic", "--write-flash"]
    other = board("icesugar")
    (tmp_path / "icesugar").symlink_to(tmp_path / "icebreaker")
    assert command_line(other, other.design("macro"))[0] == "icesprog"


def test_a_tool_that_refuses_names_its_reason(tmp_path):
    with pytest.raises(ToolError, match=r"icepack failed: .*see .*icepack.log"):
        run("icepack", ["nowhere.asc", "out.bin"], tmp_path, "icepack.log")
