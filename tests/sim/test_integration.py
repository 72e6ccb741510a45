"""The files of `python -m hw generate accelerator`, used as an integrator uses them."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from golden.networks.instances import sample
from golden.networks.run import run_integer
from hw.__main__ import main
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.faults import Fault
from hw.accelerator.integration import integration_files
from hw.accelerator.package import constants_settled
from hw.accelerator.plan import PLANS, with_feeder
from hw.accelerator.registers import registers
from hw.generate import write_files
from hw.program import compile_network
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.networks import load
from sim.build import EXECUTABLE, Recipe, build
from sim.verilator import find

# Generating takes a while: all tests on one worker share the files.
pytestmark = [pytest.mark.xdist_group("integration"), pytest.mark.timeout(600)]

DRIVER_MAIN = Path(__file__).with_name("driver_main.cpp")
SUFFIXES = (
    *(".v", ".f", ".sdc", "_registers.md", ".h", ".c", "_example.v", "_example_tb.v"),
    *(".md", ".json"),
)
MEMORY = 1 << 20
"""Bytes of the example's memory."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the command writes for ``tiny``."""
    folder = tmp_path_factory.mktemp("accelerator") / "deep"
    options = ["--arithmetic", "words", "--period", "8", "-o", str(folder)]
    told = CliRunner().invoke(main, ["generate", "accelerator", *options])
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines() == [f"wrote {folder}/accelerator{one}" for one in SUFFIXES]
    return folder


def text(folder, suffix):
    return (folder / f"accelerator{suffix}").read_text()


def run_tool(folder, *command):
    verilator = find()
    command = [str(verilator.path) if one == "verilator" else one for one in command]
    environment = {**os.environ, **verilator.environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_files_and_their_manifest(folder):
    assert {path.name for path in folder.iterdir()} == {f"accelerator{one}" for one in SUFFIXES}
    manifest = json.loads(text(folder, ".json"))
    assert set(manifest["files"]) == {f"accelerator{one}" for one in SUFFIXES[:-1]}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    top = re.search(r"^module accelerator\(.*?^endmodule", text(folder, ".v"), re.M | re.DOTALL)[0]
    ports = {
        name: (direction, int(high or 0) + 1)
        for direction, high, name in re.findall(
            r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", top, re.M
        )
    }
    assert ports == {one["name"]: (one["direction"], one["width"]) for one in manifest["ports"]}
    assert {"m_axi_awvalid", "m_axi_rdata", "s_axi_awaddr", "interrupt", "clk", "rst"} <= set(ports)
    assert all(one["meaning"] for one in manifest["ports"])
    assert manifest["config"] == "tiny" and manifest["plan"]["machine"]["word_bytes"] == 16
    assert text(folder, ".f") == "accelerator.v\n"
    named = " ".join(re.findall(r"get_ports \{(.*?)\}", text(folder, ".sdc"))).split()
    assert sorted([*named, "clk"]) == sorted(ports)
    assert "create_clock -name clk -period 8.000 [get_ports clk]" in text(folder, ".sdc")


def test_every_register_stands_in_table_and_header(folder):
    table, header = text(folder, "_registers.md"), text(folder, ".h")
    for one in registers():
        assert f"| 0x{one.offset:03x} | {one.name} |" in table
        assert f"#define ACCELERATOR_{one.name.upper()} 0x{one.offset:03x}u" in header
        for bits in one.bits:
            assert f"| {bits.name} | {bits.meaning} |" in table
    for code in Fault:
        assert f"ACCELERATOR_FAULT_{code.name} = {int(code)}," in header


def test_verilog_is_clean_in_verilator_but_for_the_waivers(folder):
    """The example has more: two modules in a file, blocking assignments where it reads a file."""
    bench = ["accelerator_example.v", "accelerator_example_tb.v"]
    bench += [f"-Wno-{one}" for one in ("DECLFILENAME", "UNUSEDSIGNAL", "BLKSEQ", "PROCASSINIT")]
    options = ["--lint-only", "-Wall", "--timing", "--top-module", "accelerator_example_tb"]
    told = run_tool(folder, "verilator", *options, "-f", "accelerator.f", *bench)
    assert (told.returncode, told.stderr) == (0, "")


@pytest.fixture(params=["c99", "c11"])
def driver(folder, tmp_path, request):
    """The driver as a shared library, compiled without a warning."""
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={request.param}"]
    library = str(tmp_path / "driver.so")
    told = run_tool(folder, "gcc", *flags, "-shared", "-fPIC", "accelerator.c", "-o", library)
    assert (told.returncode, told.stderr) == (0, "")
    return library


def compiled(name, length, folder):
    """Write ``image.bin`` of a network, and return its argument and what outputs shall be."""
    machine = PLANS["tiny"].machine
    loaded = load(name, machine)
    program = compile_network(loaded.graph, machine, loaded.maximums)
    given = integer_inputs(loaded, sample(loaded.graph, 3, length))
    program.memory(given).tofile(folder / "image.bin")
    tensors = run_integer(loaded.graph, given)

    def require_outputs():
        memory = np.fromfile(folder / "result.bin", np.uint8)
        assert len(memory) == MEMORY
        for output, found in program.results(memory, given).items():
            np.testing.assert_array_equal(found, tensors[output])

    return program.registers(given)[0], require_outputs


def test_the_driver_runs_a_network_on_the_example(folder, driver, tmp_path):
    """The driver in C, the example in Verilog, the sentence encoder: bit for bit as golden."""
    main_text = DRIVER_MAIN.read_text()
    recipe = Recipe(
        verilog=text(folder, ".v") + text(folder, "_example.v"),
        main=main_text.replace('#include "accelerator.h"', text(folder, ".h")),
        top="accelerator_example",
        link="-ldl",
        optimize="-O1",
    )
    executable = build(recipe) / EXECUTABLE
    argument, require_outputs = compiled("sentence encoder", 9, tmp_path)
    plusargs = ["+IMAGE=image.bin", "+RESULT=result.bin"]
    told = run_tool(tmp_path, str(executable), driver, str(argument), *plusargs)
    assert told.returncode == 0, told
    assert 1_000 < int(told.stdout) < 100_000
    require_outputs()


def icarus(folder, work, *plusargs):
    """Compile the example and its testbench by the page's command, and run it."""
    line = next(one.split() for one in text(folder, ".md").splitlines() if "iverilog" in one)
    told = run_tool(folder, *line[: line.index("&&")])
    assert told.returncode == 0 and "warning" not in told.stderr, told.stderr
    return run_tool(work, "vvp", "-N", str(folder / "accelerator.vvp"), *plusargs)


def test_the_example_runs_a_network_in_icarus(folder, tmp_path, tool):
    tool("iverilog")
    argument, require_outputs = compiled("bag_of_words", 4, tmp_path)
    plusargs = [f"+ARGUMENT_1={argument}", "+IMAGE=image.bin", "+RESULT=result.bin"]
    told = icarus(folder, tmp_path, *plusargs)
    assert told.returncode == 0, told
    assert re.search(r"^PASS accelerator: the program ended after \d+ cycles$", told.stdout, re.M)
    require_outputs()
    (tmp_path / "large.bin").write_bytes(bytes(MEMORY + 1))
    told = icarus(folder, tmp_path, "+IMAGE=large.bin")
    assert told.returncode != 0, told
    assert f"memory has {MEMORY} bytes, and large.bin has more" in told.stdout
    told = icarus(folder, tmp_path)
    assert told.returncode != 0, told
    assert re.search(r"^FAIL accelerator: status 1[37] after \d+ cycles", told.stdout, re.M)


def test_other_choices_are_other_files():
    """Name, feeder and bitcells; sizes only of what needs no Verilog."""
    top = Accelerator(with_feeder(PLANS["small"], "fixed"))
    # Amaranth warns of a component that nobody elaborates; its ports are read only.
    top._MustUse__used = True
    files = integration_files(top, "my-machine", 2.5, ["my-machine.v", "my-machine_bitcells.v"])
    assert files["my-machine.f"] == "my-machine.v\nmy-machine_bitcells.v\n"
    assert "module my_machine_example #(" in files["my-machine_example.v"]
    assert "  my_machine accelerator (" in files["my-machine_example.v"]
    assert '#include "my-machine.h"' in files["my-machine.c"]
    assert f"MY_MACHINE_CONFIGURATION_VALUE 0x{top.configuration:08x}u" in files["my-machine.h"]
    assert "-period 2.500" in files["my-machine.sdc"]


REFUSED = {
    "config": (["--config", "huge"], "config must be one of tiny, small, mulcim, not 'huge'"),
    "feeder": (["--feeder", "magic"], "feeder must be one of pairs, fixed, ring, spill-2, not"),
    "period": (["--period", "0"], "period must be 0.1 to 1000 ns, not 0"),
    "field of a block": (["--lanes", "3"], "lanes is no field of 'accelerator': it has config,"),
    "vectors": (["--beats", "3"], "beats is no field of 'accelerator': it has config, feeder"),
    "name": (["--name", "a/b"], "a name has letters, digits, - and _, a letter first, not 'a/b'"),
    "form": (["--arithmetic", "x"], "arithmetic must be one of ('words', 'gates'), not 'x'"),
}


@pytest.mark.parametrize("arguments, said", REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_in_one_sentence(arguments, said, tmp_path):
    out = tmp_path / "out"
    told = CliRunner().invoke(main, ["generate", "accelerator", *arguments, "-o", str(out)])
    assert told.exit_code == 2
    assert f"Error: {said}" in told.output
    assert not out.exists()


def test_sizes_of_a_machine_are_none_of_a_block(tmp_path):
    arguments = ["generate", "macro", "--config", "tiny", "-o", str(tmp_path / "out")]
    told = CliRunner().invoke(main, arguments)
    assert told.exit_code == 2 and "config is no field of 'macro': it has lanes," in told.output


def test_a_full_disk_leaves_what_was(folder, tmp_path, monkeypatch):
    """No file of a package is there by halves."""
    files = {path.name: path.read_text() for path in folder.iterdir() if path.suffix != ".vvp"}
    (tmp_path / "accelerator.h").write_text("old")
    write = Path.write_bytes

    def fails(path, content):
        if path.name == "accelerator.sdc":
            raise OSError("no space left")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="no space left"):
        write_files(tmp_path, files)
    assert [path.name for path in tmp_path.iterdir()] == ["accelerator.h"]
    assert text(tmp_path, ".h") == "old"


def test_constant_bits_are_set_where_the_others_are():
    """A block without a signal in it would never run, and its bits stay unknown."""
    verilog = """\
module one(a, o);
  always @* begin
    x = a;
  end
  always @* begin
    if (a)
      o[1:0] = a;
  end
  always @*
    o[3:2] = 2'h1;
endmodule
"""
    told = constants_settled(verilog)
    assert "always @* begin\n    o[3:2] = 2'h1;\n    if (a)" in told
    assert told.count("o[3:2]") == 1 and told.count("always @*") == 2
    alone = verilog.replace("o[1:0]", "p[1:0]")
    assert constants_settled(alone) == alone
