import hashlib
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Signature
from generated import BEATS, BLOCKS, ROOT, SMALL, each_case, generated

from hw.__main__ import run
from hw.catalog.selection import differences, names, select
from hw.flat import flat_streams
from hw.generate import generate, write_files


@each_case(*BLOCKS)
def test_manifest_tells_the_verilog(case):
    name, files = generated(case)
    manifest = json.loads(files[f"{name}.json"])
    text = files[f"{name}.v"]
    top = re.search(rf"^module {manifest['module']}\(.*?^endmodule", text, re.M | re.DOTALL)[0]
    ports = {
        port: (direction, int(high or 0) + 1)
        for direction, high, port in re.findall(
            r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", top, re.M
        )
    }
    assert ports == {one["name"]: (one["direction"], one["width"]) for one in manifest["ports"]}
    assert all(one["meaning"] for one in manifest["ports"])
    for one in manifest["ports"]:
        if "elements" in one:
            count = np.prod(list(one["elements"]["axes"].values()))
            assert count * one["elements"]["bits"] == one["width"]
    assert set(manifest["files"]) == set(files) - {f"{name}.json"}
    for file, digest in manifest["files"].items():
        assert hashlib.sha256(files[file].encode()).hexdigest() == digest
    assert manifest["spec"] == asdict(select(name, BLOCKS[case][1]).spec)
    for section in manifest["vectors"]["streams"]:
        prefix = f"{section['stream']}_"
        ports = [prefix + word for word in section["words"] if "after_" not in word]
        assert ports == [
            one["name"]
            for one in manifest["ports"]
            if one["name"].startswith(prefix) and "sign" in one
        ]


@each_case("words")
def test_same_input_same_bytes(case, tmp_path):
    _, macro = generated(case)
    assert generate("macro", SMALL, beats=BEATS, arithmetic="words") == macro
    options = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    subprocess.run(
        [sys.executable, "-m", "hw", "generate", "macro", *options, f"--beats={BEATS}",
         "--arithmetic=words", "-o", str(tmp_path / "deep" / "folder")],
        cwd=ROOT, env={"PATH": "", "PYTHONHASHSEED": "7"}, check=True, capture_output=True,
    )  # fmt: skip
    told = {path.name: path.read_text() for path in (tmp_path / "deep" / "folder").iterdir()}
    assert told == macro
    other = generate("macro", SMALL, beats=BEATS, arithmetic="words", seed=2)
    assert {name for name in macro if macro[name] != other[name]} == {
        "macro.vectors.txt", "macro_tb.v", "macro.json",
    }  # fmt: skip


@each_case("words")
def test_name_and_form_are_the_users(case):
    _, macro = generated(case)
    files = generate("macro", SMALL, beats=1, rename="my-block", arithmetic="gates")
    assert set(files) == {name.replace("macro", "my-block") for name in macro}
    assert "module my_block(" in files["my-block.v"]
    assert "module my_block_tb;" in files["my-block_tb.v"]
    assert json.loads(files["my-block.json"])["arithmetic"] == "gates"


def test_only_what_changed_is_written(tmp_path):
    folder = tmp_path / "new"
    assert write_files(folder, {"a": "1", "b": "2"}) == [folder / "a", folder / "b"]
    (folder / "other").write_text("kept")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_files(folder, {"a": "1", "b": "2"}) == []
    assert write_files(folder, {"a": "1", "b": "3"}) == [folder / "b"]
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {"b"}
    assert (folder / "other").read_text() == "kept"


def test_interrupted_writing_leaves_what_was(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    write = Path.write_bytes

    def fails(path, content):
        if path.name == "b":
            raise OSError("no space left")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="no space left"):
        write_files(tmp_path, {"a": "new", "b": "new"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


REFUSED = {
    "unknown name": (["tensor"], "unknown name 'tensor': use one of macro, macro-fixed, "),
    "no lanes": (["macro", "--lanes", "0"], "lanes must be an integer from 1 to 64, not 0"),
    "9-bit fusion": (["macro", "--input-bits", "9"], "input_bits must be 2 to 8, or 16 as two"),
    "unknown feeder": (["macro", "--feeder", "magic"], "feeder must be one of"),
    "unable plan": (["macro-int16", "--feeder", "skip"], "feeder 'skip' takes operands up to 8"),
    "shift": (
        ["requantizer", "--shift", "300"],
        "shift must be an integer from 39 to 103, not 300",
    ),
    "field of another": (["macro", "--rows", "4"], "rows is no field of 'macro': it has lanes, "),
    "no number": (["macro", "--lanes", "many"], "'many' is not a valid integer"),
    "unknown form": (
        ["macro", "--arithmetic", "x"],
        "arithmetic must be one of ('words', 'gates')",
    ),
    "unknown cells": (
        ["macro", "--bitcells", "x"],
        "bitcells must be one of ('memory', 'blackbox')",
    ),
    "no beats": (["macro", "--beats", "0"], "beats must be an integer from 1 to 1000000, not 0"),
    "bad name": (["macro", "--name", "a/b"], "a name has letters, digits, - and _"),
}


@pytest.mark.parametrize("arguments, said", REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_in_one_sentence(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hw", "generate", *arguments, "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stopped:
        run()
    told = capsys.readouterr()
    assert stopped.value.code == 2
    assert told.err.startswith("error: ")
    assert said in told.err
    assert (told.err.count("\n"), told.out) == (1, "")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_named(tmp_path):
    macro = {"macro.v": ""}
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file' is no folder: choose another one"):
        write_files(tmp_path / "file", macro)
    (tmp_path / "macro.v").mkdir()
    with pytest.raises(ValueError, match="is a folder where a file is to be: move it away"):
        write_files(tmp_path, macro)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "macro.v"]


def test_list_has_every_name_and_every_name_can_be_selected(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hw", "list"])
    run()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    listed = [line[0] for line in lines if not line[0].endswith(":")]
    assert listed == [*names(), "accelerator"]
    assert {"macro", "macro-fixed", "macro-spill-1", "macro-tiny-ring", "core-tiny"} <= set(listed)
    assert "macro-int16-ring" not in listed
    for name in names():
        select(name)
    assert "feeder skip, bits_per_cycle 1, products plain" in differences("macro-tiny-skip")


def test_a_component_that_cannot_be_flat_is_refused():
    plain = SimpleNamespace(signature=Signature({"write": In(1)}))
    with pytest.raises(ValueError, match="only streams can be given flat ports, and 'write' is"):
        flat_streams(plain)
    ready = stream.Signature(data.StructLayout({"ready": 1}))
    with pytest.raises(ValueError, match="'i' may not have a field named 'ready'"):
        flat_streams(SimpleNamespace(signature=Signature({"i": In(ready)})))
