"""The accelerator's port to memory: three clients that read and one that writes, over AXI4."""

from typing import Any

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS, memory_signature
from hw.accelerator.faults import FAULT_BITS
from hw.accelerator.fetch import AHEAD, INSTRUCTION_BYTES
from hw.accelerator.memory_layout import (
    burst_words,
    memory_read_signature,
    memory_write_signature,
    require_widths,
)
from hw.accelerator.memory_read import MemoryRead, burst_count, word_queue_words
from hw.accelerator.memory_write import MemoryWrite

READERS = ("fetch", "load", "weights")
"""In the order in which they are served: instructions are few and everything waits for them;
operands come in pieces that cores wait for; weights take what is left, which is most."""


class MemoryPort(wiring.Component):
    """Brings words from and to memory by bursts of up to 16 beats; see its two halves.

    Addresses count from ``base``. A request outside ``size`` and an error of the bus are faults;
    whatever is under way then ends as the bus demands, and ``drained`` tells when it has.

    Parameters
    ----------
    latency : cycles of memory latency at which a reader still gets a beat in every cycle

    Members
    -------
    fetch, load, weights : ``hw.accelerator.memory_layout.memory_read_signature``
    store : ``hw.accelerator.memory_layout.memory_write_signature``
    bus : AXI4
    base, size : bus address of byte 0, a multiple of 4096; bytes of memory
    halt : begin no further burst
    drained : nothing is under way
    fault : stays until the reset
    read_beat, written_beat : a beat moves
    """

    def __init__(self, word_bytes: int, bus_bytes: int, latency: int = 40) -> None:
        require_widths(word_bytes, bus_bytes)
        self.word_bytes, self.bus_bytes = word_bytes, bus_bytes
        self.depth = word_queue_words(latency, word_bytes, bus_bytes)
        self.bursts = burst_count(latency)
        super().__init__({
            **{name: In(memory_read_signature(word_bytes)) for name in READERS},
            "store": In(memory_write_signature(word_bytes)),
            "bus": Out(memory_signature(bus_bytes)),
            "base": In(ADDRESS_BITS),
            "size": In(ADDRESS_BITS),
            "halt": In(1),
            "drained": Out(1),
            "fault": Out(FAULT_BITS),
            "read_beat": Out(1),
            "written_beat": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shortest = burst_words(self.word_bytes, self.bus_bytes)
        few = max(shortest, min(AHEAD * INSTRUCTION_BYTES // self.word_bytes, self.depth))
        m.submodules.read = read = MemoryRead(
            self.word_bytes, self.bus_bytes, (few, self.depth, self.depth), self.bursts
        )
        m.submodules.write = write = MemoryWrite(self.word_bytes, self.bus_bytes, self.bursts)
        for client, name in zip(read.clients, READERS, strict=True):
            wiring.connect(m, wiring.flipped(getattr(self, name)), client)
        wiring.connect(m, wiring.flipped(self.store), write.client)
        for half, channels in ((read, ("ar", "r")), (write, ("aw", "w", "b"))):
            for channel in channels:
                outside = wiring.flipped(getattr(self.bus, channel))
                wiring.connect(m, getattr(half, channel), outside)
            m.d.comb += [
                half.base.eq(self.base),
                half.size.eq(self.size),
                half.halt.eq(self.halt),
            ]
        m.d.comb += [
            self.drained.eq(read.idle & write.idle),
            self.fault.eq(Mux(read.fault != 0, read.fault, write.fault)),
            self.read_beat.eq(self.bus.r.valid & self.bus.r.ready),
            self.written_beat.eq(self.bus.w.valid & self.bus.w.ready),
        ]
        return m
