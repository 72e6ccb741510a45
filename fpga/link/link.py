"""The link: requests of a host, each done on the bus once, each answered."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Array, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fpga.link.access import Access
from fpga.link.bus import WORD_BITS, BusSignature
from fpga.link.frame import IDENTITY_WORDS, MOST_WORDS, Opcode, Status
from fpga.link.framing import RECEIVED, SENT, Deframer, Framer
from fpga.link.request_reader import RequestReader
from hw.stream import Buffer, Queue


class Link(wiring.Component):
    """Serves the frames of ``fpga.link.frame``: nothing of a frame is done before its CRC is seen.

    A write that comes twice with one sequence is done once and answered twice, so a host may repeat
    what was not answered. A request that the bus does not answer within ``patience`` cycles ends as
    hung, and so does every later one until that answer comes.

    Members
    -------
    i, o : bytes of the line
    bus : where the words are
    """

    def __init__(self, identity: Sequence[int], patience: int = 1 << 16) -> None:
        if len(identity) != IDENTITY_WORDS:
            raise ValueError(f"an identity has {IDENTITY_WORDS} words, not {len(identity)}")
        self.identity = tuple(identity)
        self.patience = patience
        super().__init__({
            "i": In(stream.Signature(unsigned(8))),
            "o": Out(stream.Signature(unsigned(8))),
            "bus": Out(BusSignature()),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.deframer = deframer = Deframer()
        m.submodules.reader = reader = RequestReader()
        m.submodules.access = access = Access(self.patience)
        m.submodules.framer = framer = Framer()
        wiring.connect(m, wiring.flipped(self.i), deframer.i)
        m.submodules.received = received = Buffer(RECEIVED)
        wiring.connect(m, deframer.o, received.i)
        wiring.connect(m, received.o, reader.i)
        wiring.connect(m, access.bus, wiring.flipped(self.bus))
        # A line takes a byte in many cycles: whether it does so now is no matter of this one.
        m.submodules.answers = answers = Queue(SENT, 1)
        wiring.connect(m, answers.o, framer.i)
        wiring.connect(m, framer.o, wiring.flipped(self.o))

        head, sent = reader.o.p, answers.i
        index, byte = Signal(range(MOST_WORDS + 1)), Signal(2)
        status, word = Signal(8), Signal(WORD_BITS, reset_less=True)
        writes, names = head.opcode == Opcode.WRITE, head.opcode == Opcode.IDENTIFY
        names_of_words = Array(Const(one, WORD_BITS) for one in self.identity)
        # The last write, so that it is not done again.
        last, last_status, known = Signal(8), Signal(8), Signal()
        m.d.comb += [
            reader.index.eq(index),
            access.what.address.eq(head.address + index),
            access.what.write.eq(writes),
            access.what.data.eq(reader.word),
        ]
        with m.FSM(name="link"):
            with m.State("REQUEST"):
                m.d.sync += [index.eq(0), status.eq(head.status)]
                with m.If(reader.o.valid):
                    m.next = "ANSWER"
                    with m.If(head.status == Status.DONE):
                        with m.If(names):
                            m.d.sync += known.eq(0)
                        with m.Elif(writes & known & (head.sequence == last)):
                            m.d.sync += status.eq(last_status)
                        with m.Elif(access.owed):
                            m.d.sync += status.eq(Status.HUNG)
                        with m.Elif(writes):
                            m.d.sync += [last.eq(head.sequence), known.eq(1)]
                            m.next = "FETCH"
            with m.State("ANSWER"):
                m.d.comb += [
                    sent.valid.eq(1),
                    # Whose frame it was is not to be believed where the CRC was wrong.
                    sent.p.data.eq(Mux(status == Status.CORRUPT, 0, head.sequence)),
                ]
                with m.If(sent.ready):
                    m.next = "STATUS"
                    with m.If((status == Status.DONE) & ~writes):
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "START"
            with m.State("START"):
                m.d.sync += word.eq(names_of_words[index])
                m.d.comb += access.start.eq(~names)
                m.next = "ACCESS"
                with m.If(names):
                    m.next = "WORD"
            with m.State("ACCESS"):
                m.d.sync += word.eq(access.word)
                with m.If(access.done):
                    m.d.sync += [status.eq(access.status), last_status.eq(access.status)]
                    m.next = "WORD"
                    with m.If(writes):
                        m.d.sync += index.eq(index + 1)
                        m.next = "FETCH"
                        with m.If((index + 1 == head.count) | (access.status != Status.DONE)):
                            m.next = "ANSWER"
                    with m.Elif(access.status != Status.DONE):
                        m.next = "STATUS"
            with m.State("WORD"):
                m.d.comb += [sent.valid.eq(1), sent.p.data.eq(word[:8])]
                with m.If(sent.ready):
                    m.d.sync += [word.eq(word >> 8), byte.eq(byte + 1)]
                    with m.If(byte == 3):
                        m.d.sync += index.eq(index + 1)
                        m.next = "FETCH"
                        with m.If(index + 1 == head.count):
                            m.next = "STATUS"
            with m.State("STATUS"):
                m.d.comb += [sent.valid.eq(1), sent.p.data.eq(status), sent.p.last.eq(1)]
                m.d.comb += reader.o.ready.eq(sent.ready)
                with m.If(sent.ready):
                    m.next = "REQUEST"
        return m
