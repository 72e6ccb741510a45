"""Which steps are run, and what is kept of them; nothing is measured."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.commands import prove


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Commands that were run, each of which writes its figures and does nothing else."""
    told = []

    def run(arguments):
        told.append(arguments)
        if "--json" in arguments:
            Path(arguments[-1]).write_text('{"figure": 1}')

    monkeypatch.setattr(prove, "_run", run)
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    monkeypatch.setattr(prove, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(prove, "rtl_hash", lambda: "today")
    return told


def call(*arguments):
    return CliRunner().invoke(main, ("prove", *arguments))


def test_a_result_is_kept_with_its_command_and_rtl_and_measured_once(ran, tmp_path):
    assert call("ratios").exit_code == 0
    kept = json.loads((tmp_path / "results/ratios.json").read_text())
    expected = {"command": "python -m sim ratios", "rtl": "today", "figures": {"figure": 1}}
    assert kept == expected
    assert "holds for this RTL" in call("ratios").output
    assert len(ran) == 1


def test_a_result_of_another_rtl_is_measured_again(ran, monkeypatch):
    call("ratios")
    monkeypatch.setattr(prove, "rtl_hash", lambda: "tomorrow")
    call("ratios")
    assert len(ran) == 2


def test_again_prints_and_keeps_nothing(ran, tmp_path):
    assert call("--again", "area").exit_code == 0
    assert ran == [prove.BEFORE["area"], prove.STEPS["area"]]
    assert not (tmp_path / "results").exists()


def test_an_unknown_step_is_refused(ran):
    result = call("speeds")
    assert result.exit_code == 1
    assert "unknown step 'speeds': use one of accuracy, " in result.output
    assert not ran


def test_the_hash_is_of_the_circuits(tmp_path, monkeypatch):
    for name in (*prove.CIRCUITS, *prove.NUMBERS):
        path = tmp_path / name / "one.py" if "." not in name else tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a = 1\n")
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    before = prove.rtl_hash()
    (tmp_path / "hw/guide.py").write_text("b = 1\n")
    assert prove.rtl_hash() == before
    (tmp_path / "hw/macro/one.py").write_text("a = 2\n")
    assert prove.rtl_hash() != before
