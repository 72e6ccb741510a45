"""Random programs on RTL; a deadlock and a difference are told by their seed."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from hw.accelerator.plan import PLANS
from sim.__main__ import main
from sim.accelerator import random_programs
from sim.accelerator.random_programs import try_seeds
from sim.accelerator.run import simulator

TINY = PLANS["tiny"]


def test_programs_equal_golden_whatever_memory_does():
    tried = try_seeds(TINY, simulator(TINY), range(20))
    assert [one.wrong for one in tried] == [None] * 20
    assert sum(one.refused is not None for one in tried) <= 2
    assert sum(one.cycles > 0 for one in tried) >= 18


def test_a_difference_and_a_deadlock_are_told(monkeypatch):
    compiled = random_programs.compile_network

    def without_lags(*arguments, **options):
        """A program whose vector unit waits for nobody, or that never ends."""
        program = compiled(*arguments, **options)
        image = bytearray(program.image)
        for index, one in enumerate(program.instructions):
            if one.unit in {"vector", "store"}:
                image[64 * index : 64 * index + 64] = replace(one, lags={}).encode()
        return replace(program, image=bytes(image))

    monkeypatch.setattr(random_programs, "compile_network", without_lags)
    tried = try_seeds(TINY, simulator(TINY), range(5))
    assert any(one.wrong and "differs first at" in one.wrong for one in tried)

    def starved(*arguments, **options):
        """A program whose cores wait for weights that nobody loads."""
        program = compiled(*arguments, **options)
        image = bytearray(program.image)
        for index, one in enumerate(program.instructions):
            if one.unit == "weights":
                # Count 0 is 0.
                image[64 * index + 8 : 64 * index + 16] = bytes(8)
        return replace(program, image=bytes(image))

    monkeypatch.setattr(random_programs, "compile_network", starved)
    tried = try_seeds(TINY, simulator(TINY), range(3))
    assert any(one.wrong and "WATCHDOG" in one.wrong for one in tried)


@pytest.mark.usefixtures("_small_batches")
def test_the_command_tells_seeds(tmp_path):
    arguments = ["programs", "--count", "4", "--seed", "7", "--json", str(tmp_path / "found.json")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "seeds 7 to 10: 4 equal golden, 0 do not" in result.output
    assert json.loads((tmp_path / "found.json").read_text())["equal"] == 4


@pytest.fixture
def _small_batches(monkeypatch):
    """Two processes have work, on the machine that other tests have built."""

    def built(accelerator, **_):
        # Amaranth warns of a component that nobody elaborates.
        accelerator._MustUse__used = True
        return simulator(TINY)

    monkeypatch.setattr("sim.commands.programs.BATCH", 2)
    monkeypatch.setattr("sim.commands.programs.build", built)
