"""Boards by name, each with its pins, what is on its chip, and the designs of its family."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fpga.design import Design
from fpga.designs import FAMILIES
from fpga.identity import Identity, board_number
from fpga.sdram.part import SDRAM_32MB, SdramPart

BAUD = 1_000_000
"""Bits a second of the serial line: what every board's USB chip does."""

SIMULATED_DIVISOR = 8


@dataclass(frozen=True, kw_only=True)
class Chip:
    """An FPGA: its look-up tables of four inputs, block memories, multipliers.

    quick
        Of the quickest speed grade of its family.
    """

    name: str
    family: str
    tables: int
    memories: int
    multipliers: int
    quick: bool = False


CHIPS = {
    chip.name: chip
    for chip in (
        # The 12F is the 25F's silicon, and nextpnr uses all of it.
        Chip(name="LFE5U-12F", family="ecp5", tables=24_288, memories=56, multipliers=28),
        Chip(
            name="LFE5U-25F", family="ecp5", tables=24_288, memories=56, multipliers=28, quick=True
        ),
        Chip(
            name="LFE5UM5G-45F",
            family="ecp5",
            tables=43_848,
            memories=108,
            multipliers=72,
            quick=True,
        ),
        Chip(name="LFE5U-85F", family="ecp5", tables=83_640, memories=208, multipliers=156),
        Chip(name="iCE40UP5K", family="ice40", tables=5_280, memories=30, multipliers=8),
    )
}


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that Amaranth knows.

    module, platform
        Where ``amaranth_boards`` describes it; none for one that exists in simulation only.
    clock
        Frequency of its oscillator in hertz.
    uart
        Connector and its pins for receiving and sending, where no serial chip is on the board.
    enables
        Further outputs that the serial line needs high.
    loader
        Its name in openFPGALoader; none where ``icesprog`` loads it, which takes no name.
    sdram
        Memory beside the chip, the resource ``sdram`` of its platform.
    note
        Where the serial line is.
    """

    name: str
    chip: Chip
    module: str = ""
    platform: str = ""
    clock: int = 0
    uart: tuple[str, str, str] | None = None
    enables: tuple[str, ...] = ()
    loader: str = ""
    sdram: SdramPart | None = None
    note: str = "on the board's USB port"

    @property
    def simulated(self) -> bool:
        """Whether it exists in Verilator only."""
        return not self.module

    @property
    def designs(self) -> Mapping[str, Design]:
        """Designs by name with the chip's clock, those that ask for more than it has left out."""
        chip = self.chip
        return {
            name: replace(design, megahertz=design.quick_megahertz)
            if chip.quick and design.quick_megahertz
            else design
            for name, design in FAMILIES[chip.family].items()
            if design.tables <= chip.tables
            and design.memories <= chip.memories
            and design.multipliers <= chip.multipliers
            and design.sdram in (None, self.sdram)
        }

    def design(self, name: str) -> Design:
        """Return a design; raise ``ValueError`` naming those that there are."""
        if name not in self.designs:
            elsewhere = FAMILIES[self.chip.family].get(name)
            needs = "" if elsewhere is None else " (it needs a larger chip)"
            if elsewhere is not None and elsewhere.sdram not in (None, self.sdram):
                needs = " (it needs SDRAM beside the chip)"
            raise ValueError(
                f"no design {name!r} for {self.name}{needs}: use {', '.join(self.designs)}"
            )
        return self.designs[name]

    def divisor(self, design: Design) -> int:
        """Clock cycles of a bit of the serial line."""
        return SIMULATED_DIVISOR if self.simulated else round(design.megahertz * 1e6 / BAUD)

    def identity(self, design: Design) -> Identity:
        """What the board says of itself with this design in it."""
        return Identity(
            board=board_number(self.name),
            design=design.number,
            clock=round(design.megahertz * 1e6),
        )

    def create_platform_class(self) -> Any:
        """Return Amaranth's class of the board."""
        if self.simulated:
            raise ValueError(f"{self.name} is simulated and needs no bitstream: choose a board")
        return getattr(importlib.import_module(f"amaranth_boards.{self.module}"), self.platform)


BOARDS = {
    board.name: board
    for board in (
        Board(
            name="ulx3s-85f",
            chip=CHIPS["LFE5U-85F"],
            module="ulx3s",
            platform="ULX3S_85F_Platform",
            clock=25_000_000,
            enables=("uart_tx_enable",),
            loader="ulx3s",
            sdram=SDRAM_32MB,
        ),
        Board(
            name="ulx3s-12f",
            chip=CHIPS["LFE5U-12F"],
            module="ulx3s",
            platform="ULX3S_12F_Platform",
            clock=25_000_000,
            enables=("uart_tx_enable",),
            loader="ulx3s",
            sdram=SDRAM_32MB,
        ),
        Board(
            name="orangecrab",
            chip=CHIPS["LFE5U-25F"],
            module="orangecrab_r0_2",
            platform="OrangeCrabR0_2_25FPlatform",
            clock=48_000_000,
            uart=("io", "0", "1"),
            loader="orangeCrab",
            note="a serial adapter on pins 0 (receives) and 1 (sends)",
        ),
        Board(
            name="ecpix5",
            chip=CHIPS["LFE5UM5G-45F"],
            module="ecpix5",
            platform="ECPIX545Platform",
            clock=100_000_000,
            loader="ecpix5",
        ),
        Board(
            name="icebreaker",
            chip=CHIPS["iCE40UP5K"],
            module="icebreaker",
            platform="ICEBreakerPlatform",
            clock=12_000_000,
            loader="ice40_generic",
        ),
        Board(
            name="icesugar",
            chip=CHIPS["iCE40UP5K"],
            module="icesugar",
            platform="ICESugarPlatform",
            clock=12_000_000,
        ),
        Board(
            name="sim",
            chip=CHIPS["LFE5U-85F"],
            sdram=SDRAM_32MB,
            note="a pseudo-terminal, in Verilator",
        ),
        Board(name="sim-ice40", chip=CHIPS["iCE40UP5K"], note="a pseudo-terminal, in Verilator"),
    )
}


def board(name: str) -> Board:
    """Return the board ``name``; raise ``ValueError`` naming the known ones."""
    if name not in BOARDS:
        raise ValueError(f"no board {name!r}: use one of {', '.join(BOARDS)}")
    return BOARDS[name]
