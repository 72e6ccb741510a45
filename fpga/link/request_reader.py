"""From bytes of bodies to requests: a header, a verdict, and words that can be read."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from fpga.link.bus import ADDRESS_BITS, WORD_BITS
from fpga.link.frame import CRC_BYTES, HEADER_BYTES, IDENTITY_WORDS, MOST_WORDS, Opcode, Status
from fpga.link.framing import RECEIVED

HEADER = data.StructLayout({
    "sequence": unsigned(8),
    "opcode": unsigned(8),
    "count": unsigned(8),
    "address": unsigned(ADDRESS_BITS),
    "status": unsigned(8),
})
"""A request, and what is wrong with it: ``DONE`` where nothing is, ``MALFORMED`` or ``CORRUPT``."""

MOST_BYTES = HEADER_BYTES + 4 * MOST_WORDS + CRC_BYTES


class RequestReader(wiring.Component):
    """Collects a request; takes no byte of the next one before it has been taken.

    Members
    -------
    i : ``RECEIVED``
    o : ``HEADER``, once per frame, when its CRC was seen
    index : which word of the request to read
    word : that word, one cycle later, while the request is offered
    """

    def __init__(self) -> None:
        super().__init__({
            "i": In(stream.Signature(RECEIVED)),
            "o": Out(stream.Signature(HEADER)),
            "index": In(range(MOST_WORDS)),
            "word": Out(WORD_BITS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.words = words = Memory(shape=unsigned(WORD_BITS), depth=MOST_WORDS, init=[])
        store, fetch = words.write_port(), words.read_port()
        head, position = self.o.p, Signal(range(MOST_BYTES + 2))
        shifted, whole = Signal(24, reset_less=True), Signal(WORD_BITS)
        taken, start = Signal(), HEADER_BYTES
        m.d.comb += [
            self.i.ready.eq(~self.o.valid),
            taken.eq(self.i.valid & self.i.ready),
            whole.eq(Cat(shifted, self.i.p.data)),
            store.addr.eq((position - start)[2:]),
            store.data.eq(whole),
            fetch.addr.eq(self.index),
            self.word.eq(fetch.data),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(taken & self.i.p.end):
            m.d.sync += [
                self.o.valid.eq(1),
                position.eq(0),
                head.status.eq(Mux(self.i.p.good, self._verdict(position), Status.CORRUPT)),
            ]
        with m.Elif(taken):
            # Too long a frame stays at a length that no count allows.
            m.d.sync += [shifted.eq(whole[8:]), position.eq(position + (position <= MOST_BYTES))]
            with m.If(position == 2):
                m.d.sync += Cat(head.sequence, head.opcode, head.count).eq(whole[8:])
            with m.If(position == start - 1):
                m.d.sync += head.address.eq(whole)
            # Three bytes and the address stand before them, so words end where 2 is left over.
            in_words = (position >= start) & (position < start + 4 * MOST_WORDS)
            m.d.comb += store.en.eq(in_words & (position[:2] == (start + 3) % 4))
        return m

    def _verdict(self, position: Signal) -> Any:
        head = self.o.p
        written = Mux(head.opcode == Opcode.WRITE, head.count << 2, 0)
        most = Mux(head.opcode == Opcode.IDENTIFY, IDENTITY_WORDS, MOST_WORDS)
        sound = (
            (position == HEADER_BYTES + CRC_BYTES + written)
            & (head.opcode <= max(Opcode))
            & (head.count != 0)
            & (head.count <= most)
        )
        return Mux(sound, Status.DONE, Status.MALFORMED)
