"""A network on the accelerator of a board's top in Verilator, through a pseudo-terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fpga.accelerator import Part, place
from fpga.boards import BOARDS
from fpga.host.accelerator import AcceleratorHost
from fpga.host.client import Client, LinkError, open_port
from fpga.host.inference import Inference, execute, infer, require_fit
from fpga.host.network import run_network
from fpga.simulation import program_of, served
from golden.networks.instances import BERT, sample
from golden.networks.transformer import sentence_encoder
from golden.networks.weights import random_weights
from golden.quantize import quantize_network
from hw.accelerator.machine import Machine
from hw.program import Program, compile_network
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.networks import Loaded, settings
from sim.accelerator.predict import TOLERANCE, predict
from sim.accelerator.run import first_difference, golden_tensors, memory_parts
from sim.accelerator.timeline import Memory

BOARD = BOARDS["sim"]
DESIGN = BOARD.design("accelerator")
MACHINE = DESIGN.plan.machine
SHAPE = replace(BERT, layers=1, width=8, heads=1, feed_forward=16)
SECONDS = 20.0
LENGTHS = (9, 4)


def load_for(machine: Machine) -> Loaded:
    """One layer, so small that its weights cross the line in seconds."""
    real = sentence_encoder("sentence", SHAPE, random_weights(1))
    graph = quantize_network(real, [sample(real, seed) for seed in range(4)], settings(machine))
    return Loaded(graph=graph, maximums={"tokens": max(LENGTHS)})


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_for(MACHINE)


@pytest.fixture(scope="module")
def program(loaded: Loaded) -> Program:
    return compile_network(loaded.graph, MACHINE, loaded.maximums)


@pytest.fixture(scope="module")
def inputs(loaded: Loaded) -> list[dict[str, Any]]:
    return [integer_inputs(loaded, sample(loaded.graph, 1, length)) for length in LENGTHS]


@pytest.fixture(scope="module")
def session(program: Program, inputs: list[dict[str, Any]]) -> Iterator[tuple[Client, list]]:
    """A board that holds the program and has run it once for each input."""
    with served(program_of(BOARD, DESIGN)) as name, open_port(name, SECONDS) as port:
        runs = list(infer(port, BOARD, DESIGN, program, inputs))
        client = Client(port)
        client.identify()
        yield client, runs


def run_again(host: AcceleratorHost, program: Program, given: Mapping[str, Any]) -> Inference:
    """What the board makes of ``given`` with whatever is in its memory."""
    parts = memory_parts(program, given, whole=False)
    outputs = execute(host, program, given, parts)
    return Inference(outputs=outputs, counters={}, sent=0, received=0, seconds=0, repeated=0)


def test_one_program_serves_inputs_of_any_length_bit_by_bit(session, loaded, inputs, program):
    _, runs = session
    for given, run in zip(inputs, runs, strict=True):
        assert first_difference(loaded.graph, run, golden_tensors(loaded, given)) is None
        busy = {name: run.counters[f"{name}_busy"] for name in ("cores", "vector", "engine")}
        assert all(0 < cycles < run.counters["cycles"] for cycles in busy.values())
    assert runs[0].counters["cycles"] > runs[1].counters["cycles"]
    assert runs[0].sent == program.memory_bytes > 100 * runs[1].sent


def test_the_model_of_cycles_knows_a_board(session, inputs, program):
    """Its vector unit, of one lane, included."""
    _, runs = session
    assert DESIGN.plan.vector_plan.lanes == 1
    for given, run in zip(inputs, runs, strict=True):
        cycles = run.counters["cycles"]
        found = predict(program, DESIGN.plan, given, cycles, run.counters, memory=Memory(latency=1))
        assert abs(found.deviation) <= TOLERANCE, found
        assert found.busy["vector"] == pytest.approx(found.measured_busy["vector"], rel=0.02)


def test_a_program_in_memory_beside_the_chip_runs_bit_by_bit():
    """And the model of cycles knows that memory: a beat in four cycles."""
    design = BOARD.design("accelerator-sdram")
    loaded = load_for(design.plan.machine)
    program = compile_network(loaded.graph, design.plan.machine, loaded.maximums)
    given = integer_inputs(loaded, sample(loaded.graph, 1, LENGTHS[0]))
    with served(program_of(BOARD, design)) as name, open_port(name, SECONDS) as port:
        (run,) = infer(port, BOARD, design, program, [given])
    assert first_difference(loaded.graph, run, golden_tensors(loaded, given)) is None
    cycles, memory = run.counters["cycles"], Memory(latency=14, pace=4)
    found = predict(program, design.plan, given, cycles, run.counters, memory=memory)
    assert abs(found.deviation) <= TOLERANCE, found


def test_a_wrong_weight_is_seen(session, loaded, inputs, program):
    client, _ = session
    host = AcceleratorHost(client, DESIGN.memory_bytes)
    address, size = next(
        where for name, where in program.symbols.items() if "feed_forward_out.weights" in name
    )
    kept = host.save(address, size)
    host.load(address, kept ^ 1)
    golden = golden_tensors(loaded, inputs[0])
    told = first_difference(loaded.graph, run_again(host, program, inputs[0]), golden)
    assert told is not None and "differs first at" in told
    host.load(address, kept)
    assert first_difference(loaded.graph, run_again(host, program, inputs[0]), golden) is None


def test_a_fault_is_told_and_the_next_program_runs(session, loaded, inputs, program):
    client, _ = session
    host = AcceleratorHost(client, DESIGN.memory_bytes)
    kept = host.save(0, 64)
    host.load(0, np.zeros(64, np.uint8))
    with pytest.raises(LinkError, match=r"ended with OPCODE of unit sequencer \(an opcode that"):
        run_again(host, program, inputs[1])
    host.load(0, kept)
    run = run_again(host, program, inputs[1])
    assert first_difference(loaded.graph, run, golden_tensors(loaded, inputs[1])) is None


@pytest.mark.parametrize(
    "address",
    [
        *(place(Part.MEMORY, DESIGN.memory_bytes), place(Part.REGISTERS, 0x7C)),
        *(place(Part.INTERRUPT, 4), 3 << 28),
    ],
)
def test_what_is_not_there_is_refused(session, address):
    client, _ = session
    with pytest.raises(LinkError, match="the design refuses it"):
        client.read(address, 1)
    assert client.read(place(Part.REGISTERS), 1) == [0x414D4943]


def test_a_program_that_does_not_fit_is_told(program):
    small = replace(DESIGN, block_bytes=1 << 12)
    with pytest.raises(ValueError, match=r"needs [\d,]+ bytes of memory, but 'accelerator' "):
        require_fit(small, program)
    other = replace(program, machine=replace(program.machine, width=512))
    with pytest.raises(ValueError, match="is for another machine: compile it for 'accelerator'"):
        require_fit(DESIGN, other)


def test_names_that_are_neither_design_nor_network_are_told():
    with pytest.raises(ValueError, match="'nothing' is no network and no file: one of minilm"):
        run_network(None, BOARD, DESIGN, "nothing", (), None)
