"""The platform of an area: whatever stores many bits is kept apart from the logic."""

from typing import Any

from amaranth.hdl import ClockSignal, Elaboratable, Instance, Shape
from amaranth.lib.memory import Memory

from hw.verilog import SynthesisPlatform

SMALLEST_MEMORY = 2048
"""Bits from which a memory is an array of cells; below, its flip-flops and multiplexers count."""


class AreaPlatform(SynthesisPlatform):
    """Bitcells and large memories are black boxes; a memory that nobody writes is logic."""

    def __init__(self) -> None:
        super().__init__()
        self.memory_bits: dict[str, int] = {}

    def get_memory(self, memory: Memory) -> Elaboratable:
        """Return what Amaranth shall place for ``memory``: the hook of its own library."""
        width = Shape.cast(memory.shape).width
        bits = memory.depth * width
        if not memory.write_ports or bits < SMALLEST_MEMORY:
            return memory.elaborate(None)
        ports: dict[str, Any] = {}
        name = f"memory_{memory.depth}x{width}"
        for index, write in enumerate(memory.write_ports):
            name += f"_w{len(write.en)}"
            ports[f"i_w{index}_clk"] = ClockSignal(write.domain)
            ports[f"i_w{index}_addr"] = write.addr
            ports[f"i_w{index}_data"] = write.data
            ports[f"i_w{index}_en"] = write.en
        for index, read in enumerate(memory.read_ports):
            name += "_a" if read.domain == "comb" else "_r"
            if read.domain != "comb":
                ports[f"i_r{index}_clk"] = ClockSignal(read.domain)
                ports[f"i_r{index}_en"] = read.en
            ports[f"i_r{index}_addr"] = read.addr
            ports[f"o_r{index}_data"] = read.data
        self.memory_bits[name] = bits
        return Instance(name, **ports)
