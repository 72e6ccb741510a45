"""The area of a whole accelerator, with a small component in its place."""

import json

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from click.testing import CliRunner

from hw.__main__ import main
from hw.accelerator.plan import PLANS
from hw.area.design import Design
from hw.area.machine import bitcell_count
from hw.macro.macro import Macro
from hw.macro.plan import MacroPlan


class Pair(wiring.Component):
    """Two macros of the machine, and a register."""

    def __init__(self, plan):
        self.plan = plan
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        for name in ("first", "second"):
            m.submodules[name] = Macro(self.plan.core_spec.macro, self.plan.macro)
        m.d.sync += self.o.eq(self.i)
        return m


def test_bits_of_weight_are_those_of_cores_and_engine():
    """By hand: macros, and an engine that holds a block of keys and one of values, 64 wide."""
    assert bitcell_count(PLANS["tiny"]) == 2 * 8 * 8 * 4 * 8 + 2 * 8 * 64 * 8
    # The 128 KB of the published geometry.
    assert bitcell_count(PLANS["mulcim"]) == 8 * (128 << 10) + 2 * 32 * 64 * 8
    assert Design.of(Macro(PLANS["tiny"].core_spec.macro, MacroPlan()), 5).storage_bits == 5


def test_the_command_tells_the_machine_and_its_definitions(monkeypatch, tmp_path):
    monkeypatch.setattr("hw.area.machine.Accelerator", Pair)
    file = tmp_path / "area.json"
    arguments = ["area", "accelerator", "--library", "gates", "--json", str(file)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "accelerator tiny pairs" in result.output
    (row,) = json.loads(file.read_text())["blocks"]
    assert row["storage_bits"] >= bitcell_count(PLANS["tiny"])
    copies = {one["name"].partition("_")[0]: one["copies"] for one in row["modules"]}
    assert copies == {"column": 16, "macro": 2, "top": 1}
    assert all(f"{one['name']} " in result.output for one in row["modules"])


def test_an_unknown_machine_is_refused():
    with pytest.raises(ValueError, match="config must be one of tiny"):
        CliRunner().invoke(
            main, ["area", "accelerator", "--config", "huge"], catch_exceptions=False
        )
