"""A network by its name on a board: compiled, run, told in a table, compared with golden."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fpga.boards import Board
from fpga.design import AcceleratorDesign
from fpga.host.client import Port
from fpga.host.inference import Inference, infer, require_fit
from golden.networks.describe import describe
from hw.program import Program, compile_network
from sim.accelerator.inputs import integer_inputs, sampled, use_of
from sim.accelerator.networks import Loaded, load
from sim.accelerator.run import first_difference, golden_tensors
from sim.row import Mismatch


def run_network(
    opened: Callable[[], AbstractContextManager[Port]],
    board: Board,
    design: AcceleratorDesign,
    name: str,
    texts: Sequence[str],
    data: Path | None,
    longest: int | None = None,
) -> dict[str, Any]:
    """Run the network ``name`` on each of ``texts``, print what came, and return the figures.

    The port is ``opened`` once there is a program for it. ``data`` is the folder of what the
    project does not contain, ``longest`` the length of inputs that is compiled for. Raise
    ``ValueError`` if it does not fit the design, ``Mismatch`` at the first bit that golden has
    otherwise.
    """
    console = Console() if Console().is_terminal else Console(width=110)
    use, machine = use_of(name), design.plan.machine
    texts = texts or use.default
    with Console(stderr=True).status(f"{name}: quantise and compile") as status:
        loaded = load(name, machine, data)
        found = [use.read(text, data) for text in texts]
        given = [
            integer_inputs(loaded, sampled(loaded, one["length"]) if "length" in one else one)
            for one in found
        ]
        maximums = dict(loaded.maximums)
        if longest is not None:
            maximums = dict.fromkeys(maximums, longest)
        program = compile_network(loaded.graph, machine, maximums, decoding=loaded.decoding)
        require_fit(design, program)
    runs = []
    with opened() as port, Console(stderr=True).status("") as status:
        status.update(f"{name} on {port.name}: {program.memory_bytes:,} bytes to the board")
        for text, one in zip(texts, infer(port, board, design, program, given), strict=True):
            runs.append(one)
            status.update(f"{name} on {port.name}: {text!r} took {one.seconds:.0f} s")
    figures = [
        _figures(loaded, program, design, text, use.answer(one.outputs), inputs, one)
        for text, inputs, one in zip(texts, given, runs, strict=True)
    ]
    console.print(_table(f"{name} on {board.name}, {design.name}", design, figures))
    for text, inputs, one in zip(texts, given, runs, strict=True):
        difference = first_difference(loaded.graph, one, golden_tensors(loaded, inputs))
        if difference is not None:
            raise Mismatch(f"input {text!r}: {difference}")
    console.print(f"bit-exact with golden: {len(runs)} inputs")
    return {
        "board": board.name,
        "design": design.name,
        "network": name,
        "megahertz": design.megahertz,
        "divisor": board.divisor(design),
        "memory_bytes": program.memory_bytes,
        "instructions": len(program.instructions),
        "runs": figures,
    }


def _figures(
    loaded: Loaded,
    program: Program,
    design: AcceleratorDesign,
    text: str,
    answer: str,
    inputs: Mapping[str, Any],
    one: Inference,
) -> dict[str, Any]:
    lengths = program.lengths(inputs)
    if loaded.decoding is not None:
        lengths["target"] = len(one.outputs["tokens"])
    cycles = one.counters["cycles"]
    return {
        "input": text,
        "answer": answer,
        "products": sum(size.macs for size in describe(loaded.graph, lengths)),
        "cycles": cycles,
        "milliseconds": round(cycles / design.megahertz / 1e3, 3),
        "sent_bytes": one.sent,
        "received_bytes": one.received,
        "seconds": round(one.seconds, 1),
        "repeated": one.repeated,
        "counters": dict(one.counters),
    }


def _table(title: str, design: AcceleratorDesign, figures: Sequence[Mapping[str, Any]]) -> Table:
    clock = f"ms at {design.megahertz:g} MHz"
    table = Table(
        "input", "answer", "products", "cycles", clock, "bytes sent", "wall s", title=title
    )
    for one in figures:
        table.add_row(
            *(one["input"], one["answer"][:40], f"{one['products']:,}", f"{one['cycles']:,}"),
            *(f"{one['milliseconds']:.2f}", f"{one['sent_bytes']:,}", f"{one['seconds']:.1f}"),
        )
    return table
