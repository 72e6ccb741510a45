"""Which Verilator is found; nothing is built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.verilator import find, packaged


def program(folder: Path, says: str) -> str:
    """Put a ``verilator`` that prints ``says`` in ``folder`` and return the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "verilator"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    "said, version", [("5.036", (5, 36)), ("5.048", (5, 48)), ("6.002", (6, 2))]
)
def test_takes_a_recent_one_from_path_as_it_is(tmp_path, said, version):
    verilator = find(program(tmp_path, f"Verilator {said} 2026-01-01 rev v{said}"))
    assert verilator.path == tmp_path / "verilator"
    assert verilator.version == version
    assert not verilator.environment
    assert not verilator.make_flags


@pytest.mark.parametrize(
    "says", ["Verilator 5.006 2023-01-22 rev (Debian 5.006-3)", "Verilator 4.228", "no version"]
)
def test_takes_the_packaged_one_where_path_has_an_old_or_unknown_one(tmp_path, says):
    path = program(tmp_path, says)
    verilator = find(path)
    assert verilator == packaged(path)
    assert verilator.version >= (5, 48)


def test_takes_the_packaged_one_where_path_has_none(tmp_path):
    verilator = find(str(tmp_path))
    root = Path(verilator.environment["VERILATOR_ROOT"])
    assert (root / "bin/verilator_bin").is_file()
    assert "CFG_CXXFLAGS_PCH_I=-include" in verilator.make_flags
    assert "CFG_GCH_IF_CLANG=" in verilator.make_flags
    assert verilator.environment["MAKEFLAGS"].split() == list(verilator.make_flags)


def test_the_packaged_one_starts_by_its_name(tmp_path):
    environment = os.environ | find(str(tmp_path)).environment
    # `env` looks the name up in the PATH that it was given.
    environment["PATH"] += f"{os.pathsep}/usr/bin{os.pathsep}/bin"
    told = subprocess.run(
        ["/usr/bin/env", "verilator", "--version"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "rev" in told.stdout


def test_a_missing_one_is_one_sentence_with_the_remedy(tmp_path, monkeypatch, capsys):
    with pytest.raises(FileNotFoundError, match="'no-such-package' is not installed"):
        packaged(str(tmp_path), "no-such-package")

    def no_package(*_):
        raise FileNotFoundError("the Python package 'verilator' is not installed")

    monkeypatch.setattr("sim.verilator.packaged", no_package)
    for folder, seen in (
        (str(tmp_path), "there is none on PATH"),
        (program(tmp_path / "old", "Verilator 5.006"), "is too old"),
    ):
        with pytest.raises(FileNotFoundError, match=seen) as error:
            find(folder)
        assert "make setup" in str(error.value)
        assert "\n" not in str(error.value)


def test_the_command_says_what_it_found():
    told = subprocess.run(
        [sys.executable, "-m", "sim.verilator"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Verilator ")
