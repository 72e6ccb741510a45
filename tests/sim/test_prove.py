"""Which steps are run, and what is kept of them; nothing is measured."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.commands import prove
from sim.sources import rtl_hash, sources


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
    monkeypatch.setattr(prove, "step_hash", lambda name: "today")
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
    monkeypatch.setattr(prove, "step_hash", lambda name: "tomorrow")
    call("ratios")
    assert len(ran) == 2


def test_the_data_folder_is_for_those_that_read_it(ran, tmp_path):
    """A result without it is measured again with it, but not the other way round."""
    call("accuracy", "ratios")
    for arguments in (("--data", str(tmp_path)), ("--data", str(tmp_path)), ()):
        assert call("accuracy", "ratios", *arguments).exit_code == 0
    assert [arguments[:-1] for arguments in ran] == [
        ("golden", "accuracy", "--json"),
        ("sim", "ratios", "--json"),
        ("golden", "accuracy", "--data", str(tmp_path), "--json"),
    ]
    kept = json.loads((tmp_path / "results/accuracy.json").read_text())
    assert kept["command"] == "python -m golden accuracy --data folder"


def test_again_prints_and_keeps_nothing(ran, tmp_path):
    assert call("--again", "area").exit_code == 0
    assert ran == [prove.BEFORE["area"], prove.STEPS["area"]]
    assert not (tmp_path / "results").exists()


def test_again_takes_the_data_folder_for_those_that_read_it(ran, tmp_path):
    assert call("--again", "networks-rtl", "ratios", "--data", str(tmp_path)).exit_code == 0
    assert ran == [("sim", "networks", "--trace", "--data", str(tmp_path)), prove.STEPS["ratios"]]


def test_an_unknown_step_is_refused(ran):
    result = call("speeds")
    assert result.exit_code == 1
    assert "unknown step 'speeds': use one of accuracy, " in result.output
    assert not ran


def test_the_hash_is_of_what_a_circuit_imports(tmp_path):
    (tmp_path / "hw/ops").mkdir(parents=True)
    files = {
        "hw/macro.py": "from hw import stream\n",
        "hw/stream.py": "import hw.ops.clip\n",
        "hw/ops/clip.py": "import numpy\n",
        "hw/ops/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    names = [str(path.relative_to(tmp_path)) for path in sources(["hw.macro"], tmp_path)]
    assert names == ["hw/macro.py", "hw/ops/clip.py", "hw/stream.py"]
    before = rtl_hash(["hw.macro"], tmp_path)
    (tmp_path / "hw/ops/other.py").write_text("a = 1\n")
    assert rtl_hash(["hw.macro"], tmp_path) == before
    (tmp_path / "hw/ops/clip.py").write_text('"""Words."""\n\nimport numpy\n')
    assert rtl_hash(["hw.macro"], tmp_path) == before
    (tmp_path / "hw/ops/clip.py").write_text("a = 1\n")
    assert rtl_hash(["hw.macro"], tmp_path) != before


@pytest.mark.parametrize("name", prove.STEPS)
def test_every_step_holds_for_circuits_that_exist(name):
    for module in prove.CIRCUITS.get(name, ()):
        assert sources([module])
    assert len(prove.step_hash(name)) == 16
