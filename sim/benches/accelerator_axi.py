"""Programs on the accelerator behind published models of its buses, ``cocotbext-axi``.

What the bench in C++ and the RTL might both have misread, these models were not written for. Every
program runs without pauses and with random ones on all channels of both buses.

Plusargs: ``jobs``, a JSON file with ``base``, where memory begins, and ``jobs``. Each has
``image``, a file that goes to memory first, ``registers`` by name, and ``state`` and ``fault`` that
it shall end with. Memory is ``ends`` bytes long, where there is one: behind it the model of the bus
answers with errors. After ``stop``, name of a reset and cycles, it is reset by its "pin" or by the
"control" register. ``saved`` gets what is in memory afterwards, a file for each share of pauses.
"""

import json
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, First, RisingEdge
from cocotbext.axi import (
    AddressSpace,
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiSlave,
    MemoryRegion,
)

from hw.accelerator import registers

OFFSETS = registers.offsets()
CHANNELS = {
    "write_if": ("aw_channel", "w_channel", "b_channel"),
    "read_if": ("ar_channel", "r_channel"),
}
STALLS = (0.0, 0.5)
PATIENCE = 500_000
_DRAINING = 1 << 2


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(stall=list(STALLS))
async def programs_run(dut: Any, stall: float) -> None:
    """Every job ends as it shall, and what it leaves in memory is saved."""
    # The package calls cocotb as 1.x was called.
    warnings.filterwarnings("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="cocotbext")
    told = json.loads(Path(cocotb.plusargs["jobs"]).read_text())
    generator = random.Random(int(cocotb.plusargs["seed"]))
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    memory = AxiSlave(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst)
    host = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
    for model in (memory, host):
        for half, names in CHANNELS.items():
            for name in names:
                channel = getattr(getattr(model, half), name)
                channel.set_pause_generator(_pauses(generator, stall))
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    assert await host.read_dword(OFFSETS["magic"]) == registers.MAGIC
    for job in told["jobs"]:
        region = _place(memory, Path(job["image"]).read_bytes(), job.get("ends"), told["base"])
        await _start(dut, host, job["registers"] | {"memory_base": told["base"]})
        await (_stop(dut, host, *job["stop"]) if "stop" in job else _end(dut))
        status = await host.read_dword(OFFSETS["status"])
        assert (status & 3, status >> 4 & 15) == (job["state"], job["fault"]), hex(status)
        while await host.read_dword(OFFSETS["status"]) & _DRAINING:
            pass
        Path(f"{job['saved']}-{stall}").write_bytes(bytes(region.mem))


async def _start(dut: Any, host: AxiLiteMaster, values: dict[str, int]) -> None:
    """Write the registers, and the start."""
    for name, value in values.items():
        await host.write_dword(OFFSETS[name], value)
    await host.write_dword(OFFSETS["interrupt"], 3)
    await host.write_dword(OFFSETS["interrupt_enable"], 3)
    await host.write_dword(OFFSETS["control"], 1)


async def _stop(dut: Any, host: AxiLiteMaster, reset: str, cycles: int) -> None:
    """Reset the machine in the middle of a program."""
    await ClockCycles(dut.clk, cycles)
    assert not dut.interrupt.value, f"the program took less than {cycles} cycles"
    if reset == "control":
        await host.write_dword(OFFSETS["control"], 2)
        return
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    await ClockCycles(dut.clk, 1)


async def _end(dut: Any) -> None:
    """Wait for the interrupt."""
    if not dut.interrupt.value:
        await First(RisingEdge(dut.interrupt), ClockCycles(dut.clk, PATIENCE))
    assert dut.interrupt.value, f"no interrupt within {PATIENCE} cycles"


def _place(memory: AxiSlave, image: bytes, ends: int | None, base: int) -> MemoryRegion:
    """Give the slave a memory with ``image``, as far as it goes, and nothing elsewhere."""
    region = MemoryRegion(len(image) if ends is None else ends)
    region[:] = image[: region.size]
    space = AddressSpace()
    space.register_region(region, base)
    memory.read_if.target = memory.write_if.target = space
    return region


def _pauses(generator: random.Random, share: float) -> Iterator[bool]:
    while True:
        yield generator.random() < share
