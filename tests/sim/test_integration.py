"""Files for integrators: table, header, driver, constraints and example, used as they are."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mover import Mover

from hw.accelerator.faults import Fault
from hw.accelerator.integration import integration_files
from hw.accelerator.registers import registers
from hw.program.text import assemble
from hw.verilog import emit
from sim.build import EXECUTABLE, Recipe, build

DRIVER_MAIN = Path(__file__).with_name("driver_main.cpp")
BUS = 8
COPY = """
    load count0=r1-0:100 address=0x1000 pitch=32 words=2 buffer=0 stride=2
    store count0=r1-0:100 lags=load:0 address=0x2000 pitch=32 words=2 buffer=0 stride=2
    end
"""
"""As in test_machine_bench, but for a memory of another make."""


@pytest.fixture(scope="module")
def top():
    component = Mover(word_bytes=16, bus_bytes=BUS)
    # Amaranth warns of a component that nobody elaborates; some tests read its ports only.
    component._MustUse__used = True
    return component


@pytest.fixture(scope="module")
def files(top):
    return integration_files(top, "mover")


def test_every_register_stands_in_table_and_header(files):
    table, header = files["mover_registers.md"], files["mover.h"]
    for one in registers():
        assert f"| 0x{one.offset:03x} | {one.name} |" in table
        assert f"#define MOVER_{one.name.upper()} 0x{one.offset:03x}u" in header
        for bits in one.bits:
            assert f"| {bits.name} | {bits.meaning} |" in table
    for code in Fault:
        assert f"MOVER_FAULT_{code.name} = {int(code)}," in header


@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_the_driver_compiles_without_a_warning(files, tmp_path, standard):
    for name in ("mover.h", "mover.c"):
        (tmp_path / name).write_text(files[name])
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", f"-std={standard}"]
    command = ["gcc", *flags, "-c", "mover.c", "-o", "mover.o"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_constraints_name_every_port_once(files, top):
    ports = re.findall(r"get_ports \{(.*?)\}", files["mover.sdc"])
    named = " ".join(ports).split()
    assert sorted(named) == sorted(["rst", *(name for name in top.signature.members)])


def test_the_files_are_listed(files):
    assert files["mover.f"] == "mover.v\n"


def test_the_driver_runs_a_program_on_the_example(files, top, tmp_path):
    shown = emit(top, "mover") + files["mover_example.v"]
    allowed = "".join(f"/* verilator lint_off {one} */\n" for one in ("SYMRSVDWORD", "UNSIGNED"))
    main = (files["mover.h"] + files["mover.c"]).replace('#include "mover.h"', "")
    with_main = main + DRIVER_MAIN.read_text().replace('#include "mover.h"', "")
    recipe = Recipe(
        verilog=allowed + shown,
        main=with_main,
        top="mover_example",
        optimize="-O1",
    )
    executable = build(recipe) / EXECUTABLE
    rng = np.random.default_rng(1)
    memory = rng.integers(0, 256, 0x4000, np.uint8)
    program = b"".join(one.encode() for one in assemble(COPY))
    memory[: len(program)] = np.frombuffer(program, np.uint8)
    memory[0x800:0x840] = 0
    (tmp_path / "image.hex").write_text(
        "\n".join(bytes(beat[::-1]).hex() for beat in memory.reshape(-1, BUS))
    )
    told = subprocess.run(
        [executable, "33", "+IMAGE=image.hex", "+RESULT=result.hex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told
    assert 0 < int(told.stdout) < 5_000
    lines = [
        line for line in (tmp_path / "result.hex").read_text().split() if not line.startswith("/")
    ]
    result = np.frombuffer(bytes.fromhex("".join(reversed(lines[: len(memory) // BUS]))), np.uint8)
    memory[0x2000 : 0x2000 + 33 * 32] = memory[0x1000 : 0x1000 + 33 * 32]
    np.testing.assert_array_equal(result[::-1], memory)
