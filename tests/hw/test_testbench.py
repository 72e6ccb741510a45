import json
import os
import re
import subprocess

import numpy as np
import pytest
from generated import BEATS, BLOCKS, command, each_case, generated, icarus, read

from hw.catalog.selection import select
from hw.generate import write_files
from hw.guide import WAIVERS
from hw.macro.schedule import cycles
from sim.verilator import find


@each_case(*BLOCKS)
def test_passes_in_icarus(case, tmp_path, tool):
    tool("iverilog")
    name, files = generated(case)
    write_files(tmp_path, files)
    code, told = icarus(tmp_path, name)
    assert (code, told.startswith(f"PASS {name.replace('-', '_')}: ")) == (0, True), told
    assert "warning" not in told


def run_verilator(folder, *arguments, line=""):
    """Run Verilator in ``folder``, or a command line that starts with it; return what it told."""
    verilator = find()
    line = line.replace("verilator", str(verilator.path), 1)
    return subprocess.run(
        line or [str(verilator.path), *arguments],
        shell=bool(line),
        cwd=folder,
        env={**os.environ, **verilator.environment},
        capture_output=True,
        text=True,
    )


@each_case("words")
def test_passes_in_verilator_without_a_warning(case, tmp_path):
    name, files = generated(case)
    write_files(tmp_path, files)
    told = run_verilator(tmp_path, line=command(files[f"{name}.md"], "verilator"))
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"PASS {name}: " in told.stdout
    assert "%Warning" not in told.stdout + told.stderr


@each_case("pairs", "ring", "core", "requantizer without tag")
def test_verilog_is_clean_in_verilator_but_for_the_waivers(case, tmp_path):
    name, files = generated(case)
    text = files[f"{name}.v"]
    assert re.findall(r"lint_off (\w+)", text) == list(WAIVERS)
    (tmp_path / "block.v").write_text(text)
    top = ("--top-module", name.replace("-", "_"))
    told = run_verilator(tmp_path, "--lint-only", "-Wall", *top, "block.v")
    assert (told.returncode, told.stderr) == (0, "")


# What is changed in the top module, what is added to it, and what the testbench says.
FAULTS = {
    "takes weights in use": (
        ("weights__ready", ""), "assign weights_ready = 1;", "o_data differs from the vectors",
    ),
    "valid falls": (
        ("o__valid", "rises"),
        """wire rises; reg odd = 0; assign o_valid = rises & (odd | o_ready);
        always @(posedge clk) odd <= ~odd;""",
        "o_valid fell before the transfer",
    ),
    "valid waits for ready": (
        ("o__valid", "rises"), "wire rises; assign o_valid = rises & o_ready;",
        "no transfer for too long",
    ),
    "payload changes": (
        ("o__payload", "sums"),
        "wire [33:0] sums; assign o_data = sums ^ (o_valid & ~o_ready);",
        "o changed before the transfer",
    ),
    "output unknown": (("o__payload", ""), "", "o_data differs from the vectors"),
    "valid unknown": (("o__valid", ""), "", "o_valid is unknown"),
    "ignores back-pressure": (("o__ready", "1'b1"), "", "o_valid fell before the transfer"),
    "no answer": (("o__valid", ""), "assign o_valid = 0;", "no transfer for too long"),
    "answers once too often": (
        ("o__valid", "rises"),
        """wire rises; reg [3:0] n; assign o_valid = rises | &n;
        always @(posedge clk) n <= rst ? 3 : n + (o_valid & o_ready);""",
        "o gives a beat too many",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, extra, said", FAULTS.values(), ids=FAULTS)
def test_finds_a_fault(change, extra, said, tmp_path, tool):
    tool("iverilog")
    name, files = generated("words")
    (port, wire), (head, end) = change, files["macro.v"].rsplit("endmodule", 1)
    head, found = re.subn(rf"\.{port}\(\w+\)", f".{port}({wire})", head)
    assert found == 1
    write_files(tmp_path, files | {"macro.v": f"{head}{extra}\nendmodule{end}"})
    code, told = icarus(tmp_path, name)
    assert code == 1
    assert said in told
    assert "\nFAIL macro: " in told


@each_case("words")
def test_refuses_other_vectors(case, tmp_path, tool):
    tool("iverilog")
    name, files = generated(case)
    write_files(tmp_path, files | {"macro.vectors.txt": "00000000\n"})
    code, told = icarus(tmp_path, name)
    assert code == 1
    assert "macro.vectors.txt is missing or belongs to another testbench" in told


def traced(folder, case):
    """Return the first pass of a case: per stream and beat the cycle of its transfer."""
    name, files = generated(case)
    write_files(folder, files)
    _, told = icarus(folder, name, "+TRACE")
    moves = re.findall(r"pass 0 cycle (\d+): (\w+) (\d+)", told)
    streams, elements = read(files[f"{name}.vectors.txt"])
    latency = json.loads(files[f"{name}.json"])["latency"]
    cycles_by_beat = {(stream, int(beat)): int(cycle) for cycle, stream, beat in moves}
    return cycles_by_beat, (streams, elements, latency)


def group_steps(case, streams, elements, beat):
    """Return the steps of the macro that takes longest for a beat of i."""
    selection = select(BLOCKS[case][0], BLOCKS[case][1])
    spec, plan = selection.spec, selection.plan
    macro_spec, macro_plan = getattr(spec, "macro", spec), getattr(plan, "macro", plan)
    signed = bool(streams["i"]["signed"][beat])
    x = elements(streams["i"]["data"][beat], macro_spec.input_bits, spec.lanes, signed)
    groups = np.reshape(x, (-1, macro_spec.lanes))
    return int(cycles(macro_spec, macro_plan, groups, signed).max())


@each_case("skip", "spill")
def test_latency_of_macros_is_what_the_manifest_says(case, tmp_path, tool):
    tool("iverilog")
    moves, (streams, elements, latency) = traced(tmp_path, case)
    assert latency.startswith("steps + 1 cycles from")
    for beat in range(BEATS):
        steps = group_steps(case, streams, elements, beat)
        assert moves["o", beat] - moves["i", beat] == steps + 1


@each_case("core")
def test_latency_of_cores_is_what_the_manifest_says(case, tmp_path, tool):
    tool("iverilog")
    moves, (streams, elements, latency) = traced(tmp_path, case)
    starts = [0, *(beat + 1 for beat, last in enumerate(streams["o"]["last"]) if last)]
    lasts = [beat for beat, last in enumerate(streams["i"]["last"]) if last]
    waits = [
        moves["o", start] - moves["i", beat] - group_steps(case, streams, elements, beat)
        for beat, start in zip(lasts, starts, strict=False)
    ]
    assert latency.startswith(f"steps + {min(waits)} cycles from")


@each_case("requantizer")
def test_latency_of_requantizers_is_what_the_manifest_says(case, tmp_path, tool):
    tool("iverilog")
    moves, (_, _, latency) = traced(tmp_path, case)
    assert {moves["o", beat] - moves["i", beat] for beat in range(BEATS)} == {6}
    assert latency.startswith("6 cycles from")
