"""The board ``sim``: a hosted design in Verilator, served on a pseudo-terminal."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Fragment, Value
from amaranth.lib import wiring

from fpga.boards import Board
from fpga.design import Design
from fpga.hosted import Hosted
from sim.accelerator.machine_bench import OPTIMIZE
from sim.accelerator.machine_text import for_verilator
from sim.build import CACHE, EXECUTABLE, Recipe, build

MAIN = Path(__file__).with_name("simulation.cpp")


class Flat:
    """The platform of a board's top in simulation: every definition in its place, as on a board."""

    bitcells = "memory"
    arithmetic = "words"


def flat_verilog(component: wiring.Component) -> str:
    """Verilog of ``component`` as module ``top``, with clk, rst and the ports of its members."""
    fragment = Fragment.get(component, Flat())
    domain = ClockDomain("sync")
    fragment.add_domains(domain)
    ports: dict[str, Any] = {"clk": (domain.clk, None), "rst": (domain.rst, None)}
    for path, _, value in component.signature.flatten(component):
        ports["__".join(map(str, path))] = (Value.cast(value), None)
    return verilog.convert_fragment(fragment, ports, "top", emit_src=False)[0]


def program_of(board: Board, design: Design) -> Path:
    """Build ``design`` as ``board`` would have it, and return the program that serves it."""
    words, divisor = board.identity(design).words(), board.divisor(design)
    recipe = Recipe(
        verilog=for_verilator(flat_verilog(Hosted(design.target(), words, divisor))),
        main=f"#define DIVISOR {divisor}\n{MAIN.read_text()}",
        # Amaranth writes the states of a machine and no others.
        flags=("-Wno-CASEINCOMPLETE",),
        optimize=OPTIMIZE,
    )
    return build(recipe, CACHE) / EXECUTABLE


@contextmanager
def served(program: Path) -> Iterator[str]:
    """Run ``program`` and give the name of its terminal; it ends with the block."""
    with subprocess.Popen(
        [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()
