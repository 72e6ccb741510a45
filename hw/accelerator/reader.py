"""Reads rows of words from the buffer, one job after the other."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_job_layout, read_signature, word_layout
from hw.accelerator.relay import Relay
from hw.accelerator.row_walk import walk_rows
from hw.stream import Queue

AHEAD = 8
"""Requests whose words are still to come: more than a port of the buffer keeps waiting."""


class Reader(wiring.Component):
    """Asks for each word of a job's rows in order and gives them on, zeros behind a row's end.

    Throughput is one word per cycle, jobs following each other without a gap; latency about five
    cycles. ``ready`` of the words ends in a register; that of the requests should come from one.

    Parameters
    ----------
    tails : the jobs' ``tail`` counts; else whole words are given

    Members
    -------
    jobs : ``hw.accelerator.layout.read_job_layout``
    port : to the buffer
    o : ``hw.accelerator.layout.word_layout``
    """

    def __init__(self, address_bits: int, word_bytes: int, *, tails: bool = False) -> None:
        self.address_bits, self.word_bytes, self.tails = address_bits, word_bytes, tails
        super().__init__({
            "jobs": In(stream.Signature(read_job_layout(address_bits, word_bytes))),
            "port": Out(read_signature(address_bits, word_bytes)),
            "o": Out(stream.Signature(word_layout(word_bytes))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, moves = self.port, Signal()
        walk = walk_rows(m, self.jobs, moves, self.address_bits)
        # Whether the marks have room is known a cycle ahead.
        ahead, next_ahead, room = Signal(range(AHEAD + 1)), Signal(range(AHEAD + 1)), Signal(init=1)
        tail = walk.job.tail
        marks = data.StructLayout({"last": 1, "done": 1, "tail": tail.shape().width})
        m.submodules.marks = queue = Queue(marks, AHEAD)
        m.d.comb += [
            port.requests.valid.eq(walk.active & room),
            port.requests.payload.eq(walk.address),
            moves.eq(port.requests.valid & port.requests.ready),
            queue.i.valid.eq(moves),
            queue.i.p.last.eq(walk.last),
            queue.i.p.done.eq(walk.done),
            queue.i.p.tail.eq(Mux(walk.last, tail, 0)),
        ]
        m.d.comb += next_ahead.eq(ahead + moves - (port.words.valid & port.words.ready))
        m.d.sync += [
            ahead.eq(next_ahead),
            room.eq(next_ahead != AHEAD),
        ]

        left = queue.o.p.tail
        content: Value = port.words.payload
        if self.tails:
            kept = [(left == 0) | (byte < left) for byte in range(self.word_bytes - 1)]
            content = content & Cat(*(keep.replicate(8) for keep in kept), (left == 0).replicate(8))
        m.submodules.relay = relay = Relay(word_layout(self.word_bytes))
        wiring.connect(m, relay.o, wiring.flipped(self.o))
        m.d.comb += [
            # The marks of a word were put before it came.
            relay.i.valid.eq(port.words.valid),
            relay.i.p.data.eq(content),
            relay.i.p.last.eq(queue.o.p.last),
            relay.i.p.done.eq(queue.o.p.done),
            port.words.ready.eq(relay.i.ready),
            queue.o.ready.eq(port.words.valid & relay.i.ready),
        ]
        return m
