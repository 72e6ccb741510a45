"""The accelerator's buses against models that were written by nobody here: cocotbext-axi."""

import json
from collections import Counter

import numpy as np
import pytest
from mover import Mover

from golden.networks.instances import sample
from golden.networks.run import run_integer
from hw.accelerator import registers
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.faults import Fault
from hw.accelerator.plan import PLANS
from hw.program import compile_network
from hw.program.text import assemble
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.machine_text import machine_verilog
from sim.accelerator.networks import load
from sim.benches.accelerator_axi import STALLS
from sim.runner import BenchError, run

BASE = 0x4000_0000
COPY = """
    load count0=r1-0:100 address=0x1000 pitch=32 words=2 buffer=0 stride=2
    store count0=r1-0:100 lags=load:0 address=0x2000 pitch=48 words=2 buffer=0 stride=2
    end
"""


def job(folder, name, memory, arguments, fault=Fault.NONE, ends=None, stop=None):
    """Write the image of a program, and return what the bench is told of it."""
    # The reset command is a fault; the pin leaves nothing of what was.
    if stop is not None and stop[0] == "control":
        fault = Fault.STOPPED
    state = registers.DONE if stop is None else registers.IDLE
    memory.tofile(folder / f"{name}.bin")
    values = {f"argument_{number}": value for number, value in enumerate(arguments, 1)}
    return {
        "image": str(folder / f"{name}.bin"),
        "registers": {"memory_size": memory.size, "program": 0, **values},
        "state": registers.FAULT if fault else state,
        "fault": fault,
        "saved": str(folder / name),
        **({} if ends is None else {"ends": ends}),
        **({} if stop is None else {"stop": stop}),
    }


def bench(folder, component, jobs):
    """Run the jobs with every share of pauses; return the log."""
    (folder / "jobs.json").write_text(json.dumps({"base": BASE, "jobs": jobs}))
    verilog = machine_verilog(component)
    plusargs = {"jobs": folder / "jobs.json"}
    assert len(run(verilog, "sim.benches.accelerator_axi", folder, seed=11, plusargs=plusargs)) == 2
    return (folder / "bench.log").read_text()


def copies(folder, cases):
    """Jobs of a small program, and the memory that each shall leave, where it ends."""
    rng = np.random.default_rng(1)
    program = b"".join(one.encode() for one in assemble(COPY))
    jobs, wanted = [], {}
    for index, (rows, fault, ends) in enumerate(cases):
        memory = rng.integers(0, 256, 1 << 14, np.uint8)
        memory[: len(program)] = np.frombuffer(program, np.uint8)
        jobs.append(job(folder, f"copy-{index}", memory, [rows], fault, ends))
        if not fault:
            for row in range(rows):
                memory[0x2000 + 48 * row :][:32] = memory[0x1000 + 32 * row :][:32]
            wanted[f"copy-{index}"] = memory
    return jobs, wanted


@pytest.mark.timeout(400)
def test_copies_with_and_without_pauses(tmp_path):
    """Sequencer, load and store alone, which take seconds to build."""
    jobs, wanted = copies(
        tmp_path,
        [
            (0, Fault.NONE, None),
            (40, Fault.NONE, None),
            (7, Fault.READ, 0x1040),
            (3, Fault.NONE, None),
            (9, Fault.WRITE, 0x2000),
            (9, Fault.NONE, None),
            (1, Fault.READ, 64),
            (40, Fault.NONE, None),
        ],
    )
    bench(tmp_path, Mover(word_bytes=16, bus_bytes=8), jobs)
    for name, memory in wanted.items():
        for stall in STALLS:
            found = np.fromfile(tmp_path / f"{name}-{stall}", np.uint8)
            np.testing.assert_array_equal(found, memory)


def test_another_end_is_seen(tmp_path):
    jobs, _ = copies(tmp_path, [(5, Fault.READ, None)])
    with pytest.raises(BenchError, match="0x2"):
        bench(tmp_path, Mover(word_bytes=16, bus_bytes=8), jobs)


@pytest.mark.timeout(600)
def test_a_network_on_the_whole_machine(tmp_path):
    """Each tensor of an encoder as golden has it, after errors of memory and after resets."""
    plan = PLANS["tiny"]
    loaded = load("sentence encoder", plan.machine)
    program = compile_network(loaded.graph, plan.machine, loaded.maximums, trace=True)
    weights = next(
        place
        for name, (place, _) in program.symbols.items()
        if name.startswith("layer.1.output.weight")
    )
    results = program.traced["sentence"].address
    jobs, good = [], {}
    for index, (length, fault, ends, stop) in enumerate([
        (9, Fault.NONE, None, None),
        (4, Fault.READ, weights, None),
        (2, Fault.NONE, None, None),
        (1, Fault.WRITE, results, None),
        (1, Fault.NONE, None, None),
        (9, Fault.NONE, None, ("control", 2_000)),
        (3, Fault.NONE, None, None),
        (9, Fault.NONE, None, ("pin", 3_000)),
        (4, Fault.NONE, None, None),
    ]):
        given = integer_inputs(loaded, sample(loaded.graph, index, length))
        arguments = program.registers(given)
        name = f"encoder-{index}"
        jobs.append(job(tmp_path, name, program.memory(given), arguments, fault, ends, stop))
        if not fault and stop is None:
            good[name] = given
    log = bench(tmp_path, Accelerator(plan), jobs)
    failed = Counter(line.rsplit(" ", 3)[-3] for line in log.splitlines() if "failed" in line)
    assert min(failed["Read"], failed["Write"]) >= len(STALLS), failed
    for name, given in good.items():
        tensors = run_integer(loaded.graph, given)
        for stall in STALLS:
            memory = np.fromfile(tmp_path / f"{name}-{stall}", np.uint8)
            found = program.results(memory, given, traced=True) | program.results(memory, given)
            assert len(found) > 30
            for tensor, value in found.items():
                np.testing.assert_array_equal(value, tensors[tensor], err_msg=tensor)
