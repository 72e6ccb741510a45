"""The machine's buses against models that were written by nobody here: cocotbext-axi."""

import json

import numpy as np
import pytest
from mover import Mover

from hw.accelerator import registers
from hw.accelerator.faults import Fault
from hw.program.text import assemble
from sim.accelerator.machine_text import machine_verilog
from sim.runner import BenchError, run

WORD = 16
ROWS = 40
BASE = 0x4000_0000
MEMORY = 1 << 14
COPY = """
    load count0=r1-0:100 address=0x1000 pitch=32 words=2 buffer=0 stride=2
    store count0=r1-0:100 lags=load:0 address=0x2000 pitch=48 words=2 buffer=0 stride=2
    end
"""


def jobs(folder, cases):
    """Write the files of one job for each of ``cases``: rows, and what memory refuses."""
    rng = np.random.default_rng(1)
    program = b"".join(one.encode() for one in assemble(COPY))
    listed = []
    for index, (rows, refused) in enumerate(cases):
        memory = rng.integers(0, 256, MEMORY, np.uint8)
        memory[: len(program)] = np.frombuffer(program, np.uint8)
        memory.tofile(folder / f"image-{index}")
        for row in range(rows):
            source = memory[0x1000 + 32 * row :][:32]
            memory[0x2000 + 48 * row :][:32] = source
        memory.tofile(folder / f"expected-{index}")
        fault = {"read_error": Fault.READ, "write_error": Fault.WRITE, None: Fault.NONE}
        kind = next(iter(refused), None)
        listed.append({
            "image": f"image-{index}",
            "registers": {"memory_size": MEMORY, "argument_1": rows, "program": 0},
            "state": registers.FAULT if refused else registers.DONE,
            "fault": fault[kind],
            "expected": {} if refused else {0: f"expected-{index}"},
            **refused,
        })
    (folder / "jobs.json").write_text(json.dumps({"base": BASE, "jobs": listed}))
    return listed


def bench(folder):
    verilog = machine_verilog(Mover(word_bytes=WORD, bus_bytes=8))
    return run(
        verilog,
        "sim.benches.accelerator_axi",
        folder,
        seed=11,
        plusargs={"jobs": folder / "jobs.json"},
    )


@pytest.mark.timeout(400)
def test_programs_run_with_and_without_pauses(tmp_path):
    cases = [
        (0, {}),
        (ROWS, {}),
        (7, {"read_error": BASE + 0x1040}),
        (3, {}),
        (9, {"write_error": BASE + 0x2000}),
        (9, {}),
        (1, {"read_error": BASE}),
        (ROWS, {}),
    ]
    jobs(tmp_path, cases)
    assert len(bench(tmp_path)) == 2


@pytest.mark.timeout(400)
def test_a_wrong_byte_is_seen(tmp_path):
    jobs(tmp_path, [(5, {})])
    expected = np.fromfile(tmp_path / "expected-0", np.uint8)
    expected[0x2000 + 48 * 4] ^= 1
    expected.tofile(tmp_path / "expected-0")
    with pytest.raises(BenchError, match="memory at 0 differs"):
        bench(tmp_path)
