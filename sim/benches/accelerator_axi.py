"""Programs on the accelerator behind published models of its buses, ``cocotbext-axi``.

What the bench in C++ and the RTL might both have misread, these models were not written for. Every
program runs without pauses and with random ones on all channels of both buses.

Plusargs: ``jobs``, a JSON file with ``base``, where memory begins, and ``jobs``. Each has
``image``, a file that goes to memory first, ``registers`` by name, ``state`` and ``fault`` that it
shall end with, and ``expected``, files that parts of memory shall equal, by place. From bus address
``read_error`` or ``write_error`` on memory answers with errors.
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
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from hw.accelerator import registers

OFFSETS = registers.offsets()
CHANNELS = {
    "write_if": ("aw_channel", "w_channel", "b_channel"),
    "read_if": ("ar_channel", "r_channel"),
}
PATIENCE = 50_000
_DRAINING = 1 << 2


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(stall=[0.0, 0.5])
async def programs_run(dut: Any, stall: float) -> None:
    """Every job ends as it shall, and leaves in memory what it shall."""
    # The package calls cocotb as 1.x was called.
    warnings.filterwarnings("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="cocotbext")
    told = json.loads(Path(cocotb.plusargs["jobs"]).read_text())
    generator = random.Random(int(cocotb.plusargs["seed"]))
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    ram = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=1 << 32)
    host = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
    for model in (ram, host):
        for half, names in CHANNELS.items():
            for name in names:
                channel = getattr(getattr(model, half), name)
                channel.set_pause_generator(_pauses(generator, stall))
    dut.rst.value = 1
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    assert await host.read_dword(OFFSETS["magic"]) == registers.MAGIC
    base = told["base"]
    for job in told["jobs"]:
        ram.write(base, Path(job["image"]).read_bytes())
        _refuse(ram, job)
        await _run(dut, host, job["registers"] | {"memory_base": base})
        status = await host.read_dword(OFFSETS["status"])
        assert (status & 3, status >> 4 & 15) == (job["state"], job["fault"])
        while await host.read_dword(OFFSETS["status"]) & _DRAINING:
            pass
        for place, file in job["expected"].items():
            wanted = Path(file).read_bytes()
            assert ram.read(base + int(place), len(wanted)) == wanted, f"memory at {place} differs"


async def _run(dut: Any, host: AxiLiteMaster, values: dict[str, int]) -> None:
    """Write the registers, start, and wait for the interrupt."""
    for name, value in values.items():
        await host.write_dword(OFFSETS[name], value)
    await host.write_dword(OFFSETS["interrupt"], 3)
    await host.write_dword(OFFSETS["interrupt_enable"], 3)
    await host.write_dword(OFFSETS["control"], 1)
    if not dut.interrupt.value:
        await First(RisingEdge(dut.interrupt), ClockCycles(dut.clk, PATIENCE))
    assert dut.interrupt.value, f"no interrupt within {PATIENCE} cycles"


def _refuse(ram: AxiRam, job: dict[str, Any]) -> None:
    """Let memory answer with errors from an address on, as the published slave does by itself."""
    for half, name in ((ram.read_if, "_read"), (ram.write_if, "_write")):
        first = job.get(f"{name.removeprefix('_')}_error")
        access = getattr(type(half), name)

        async def refusing(
            address: int, what: Any, half: Any = half, access: Any = access, first: Any = first
        ) -> Any:
            if first is not None and address >= first:
                raise ValueError("an access that memory refuses")
            return await access(half, address, what)

        setattr(half, name, refusing)


def _pauses(generator: random.Random, share: float) -> Iterator[bool]:
    while True:
        yield generator.random() < share
