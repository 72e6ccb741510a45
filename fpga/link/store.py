"""What memory behind a board's link is made of: beats that are written and read in order."""

from typing import Any

from amaranth.hdl import Module, Mux
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from fpga.link.bus import WORD_BITS
from golden.spec import ceil_log2
from hw.accelerator.axi import BOUNDARY
from hw.pipeline import delayed


def require_sizes(size: int, bus_bytes: int) -> None:
    """Raise ``ValueError`` unless no burst leaves a store of ``size`` bytes that it begins in."""
    if bus_bytes not in (4, 8, 16, 32):
        raise ValueError(f"bus_bytes must be 4, 8, 16 or 32, not {bus_bytes!r}")
    if size < bus_bytes or (size % BOUNDARY and size.bit_count() != 1):
        raise ValueError(f"size must be a power of two or a multiple of {BOUNDARY}, not {size!r}")


def request_layout(size: int, bus_bytes: int) -> data.StructLayout:
    """Which beat; whether it is written, and then which of its words of 32 bits, and what."""
    words = bus_bytes * 8 // WORD_BITS
    return data.StructLayout({
        "address": ceil_log2(size // bus_bytes),
        "write": 1,
        "enables": words,
        "data": data.ArrayLayout(WORD_BITS, words),
    })


def store_signature(size: int, bus_bytes: int) -> wiring.Signature:
    """``size`` bytes, seen by the store: every read is answered, in the order of the requests.

    Who reads has room for what it asked for: ``beats`` does not wait.
    """
    return wiring.Signature({
        "requests": In(stream.Signature(request_layout(size, bus_bytes))),
        "beats": Out(stream.Signature(8 * bus_bytes, always_ready=True)),
    })


class BlockStore(wiring.Component):
    """``size`` bytes of block RAM: a beat a cycle, two cycles after its request.

    Members
    -------
    requests, beats : as ``store_signature`` tells
    """

    def __init__(self, size: int, bus_bytes: int) -> None:
        require_sizes(size, bus_bytes)
        self.size, self.bus_bytes = size, bus_bytes
        super().__init__(store_signature(size, bus_bytes))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        shape = 8 * self.bus_bytes
        m.submodules.cells = cells = Memory(shape=shape, depth=self.size // self.bus_bytes, init=[])
        write, read = cells.write_port(granularity=WORD_BITS), cells.read_port()
        request = self.requests
        asked = request.valid & ~request.p.write
        # Registers on both ways: the cells are spread over the chip.
        m.d.comb += [
            request.ready.eq(1),
            write.addr.eq(read.addr),
            self.beats.valid.eq(delayed(m, "read", asked, 2)),
            self.beats.payload.eq(read.data),
        ]
        m.d.sync += [
            read.addr.eq(request.p.address),
            write.en.eq(Mux(request.valid & request.p.write, request.p.enables, 0)),
            write.data.eq(request.p.data),
        ]
        return m
