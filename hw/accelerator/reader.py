"""Reads rows of words from the buffer, one job after the other."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import read_job_layout, read_signature, word_layout
from hw.stream import Queue

AHEAD = 8
"""Requests whose words are still to come: more than a port of the buffer keeps waiting."""


class Reader(wiring.Component):
    """Asks for each word of a job's rows in order and gives them on, zeros behind a row's end.

    Throughput is one word per cycle, jobs following each other without a gap; latency about four
    cycles.

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
        job = Signal(self.jobs.payload.shape(), reset_less=True)
        tail_bits = job.tail.shape().width
        marks = data.StructLayout({"last": 1, "done": 1, "tail": tail_bits})
        m.submodules.marks = queue = Queue(marks, AHEAD)
        active, issued = Signal(), Signal()
        row, address = Signal(self.address_bits), Signal(self.address_bits)
        word, rows = Signal.like(job.words), Signal.like(job.rows)
        last, done = Signal(), Signal()
        m.d.comb += [
            last.eq(word == job.words - 1),
            done.eq(last & (rows == job.rows - 1)),
            self.port.requests.valid.eq(active & queue.i.ready),
            self.port.requests.payload.eq(address),
            issued.eq(self.port.requests.valid & self.port.requests.ready),
            queue.i.valid.eq(issued),
            queue.i.p.last.eq(last),
            queue.i.p.done.eq(done),
            queue.i.p.tail.eq(Mux(last, job.tail, 0)),
            self.jobs.ready.eq(~active | (issued & done)),
        ]
        with m.If(issued):
            next_row = row + job.stride
            m.d.sync += [
                word.eq(Mux(last, 0, word + 1)),
                address.eq(Mux(last, next_row, address + 1)),
            ]
            with m.If(last):
                m.d.sync += [row.eq(next_row), rows.eq(rows + 1)]
        with m.If(self.jobs.ready):
            m.d.sync += active.eq(self.jobs.valid)
            with m.If(self.jobs.valid):
                m.d.sync += [
                    job.eq(self.jobs.payload),
                    row.eq(self.jobs.p.base),
                    address.eq(self.jobs.p.base),
                    word.eq(0),
                    rows.eq(0),
                ]
        both = self.port.words.valid & queue.o.valid
        tail = queue.o.p.tail
        content: Value = self.port.words.payload
        if self.tails:
            kept = [(tail == 0) | (byte < tail) for byte in range(self.word_bytes - 1)]
            content = content & Cat(*(keep.replicate(8) for keep in kept), (tail == 0).replicate(8))
        m.d.comb += [
            self.o.valid.eq(both),
            self.o.p.data.eq(content),
            self.o.p.last.eq(queue.o.p.last),
            self.o.p.done.eq(queue.o.p.done),
            self.port.words.ready.eq(self.o.ready & queue.o.valid),
            queue.o.ready.eq(self.o.ready & self.port.words.valid),
        ]
        return m
