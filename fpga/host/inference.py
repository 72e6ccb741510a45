"""Networks on a board's accelerator: weights and inputs over the link, results compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from fpga.boards import Board
from fpga.design import AcceleratorDesign
from fpga.host.accelerator import AcceleratorHost
from fpga.host.client import Client, Port
from hw.accelerator.vector.fields import Scale
from hw.program.program import Program
from sim.accelerator.run import memory_parts

WATCHDOG = 1 << 20
"""Cycles without progress that end a program."""

SECONDS = 600.0
"""Wait for a program: a simulated board is slow."""


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What a board made of one input.

    outputs, traced
        Tensors by name, as golden has them; those that are for comparison are left on the board.
    counters
        Cycles and every counter by name.
    sent, received
        Bytes of memory that crossed the link.
    seconds
        Wall time, with all that crossed the link.
    repeated
        Requests that were repeated.
    """

    outputs: Mapping[str, np.ndarray]
    traced: Mapping[str, np.ndarray] = field(default_factory=dict)
    counters: Mapping[str, int]
    sent: int
    received: int
    seconds: float
    repeated: int


def require_fit(design: AcceleratorDesign, program: Program) -> None:
    """Raise ``ValueError`` unless the design runs the program and its tensors fit the memory."""
    if program.machine != design.plan.machine:
        raise ValueError(f"{program.name!r} is for another machine: compile it for {design.name!r}")
    if program.memory_bytes > design.memory_bytes:
        raise ValueError(
            f"{program.name!r} needs {program.memory_bytes:,} bytes of memory, but "
            f"{design.name!r} has {design.memory_bytes:,}: take a smaller network or another design"
        )
    scales = {one.values.get("scale") for one in program.instructions}
    if Scale.SOFTMAX in scales and design.plan.vector_plan.softmax is None:
        raise ValueError(
            f"{program.name!r} takes a softmax of whole rows, which {design.name!r} has not: take "
            "another network or design"
        )


def infer(
    port: Port,
    board: Board,
    design: AcceleratorDesign,
    program: Program,
    inputs: Sequence[Mapping[str, Any]],
) -> Iterator[Inference]:
    """Run ``program`` on each of ``inputs``: the whole image goes first, later the inputs only."""
    require_fit(design, program)
    began = perf_counter()
    client = Client(port)
    client.require(board, design)
    host = AcceleratorHost(client, design.memory_bytes)
    for index, given in enumerate(inputs):
        parts = memory_parts(program, given, whole=index == 0)
        outputs = execute(host, program, given, parts)
        yield Inference(
            outputs=outputs,
            counters=host.counters(),
            sent=sum(content.size for content in parts.values()),
            received=sum(program.symbols[name][1] for name in program.outputs),
            seconds=perf_counter() - began,
            repeated=client.repeated,
        )
        began = perf_counter()


def execute(
    host: AcceleratorHost,
    program: Program,
    inputs: Mapping[str, Any],
    parts: Mapping[int, np.ndarray],
) -> dict[str, np.ndarray]:
    """Write ``parts`` to memory, run the program that is there, and return its outputs."""
    for address, content in parts.items():
        host.load(address, content)
    host.start(program.registers(inputs), WATCHDOG)
    host.wait(SECONDS)
    memory = np.zeros(program.memory_bytes, np.uint8)
    for address, size in (program.symbols[name] for name in program.outputs):
        memory[address : address + size] = host.save(address, size)
    return program.results(memory, inputs)
