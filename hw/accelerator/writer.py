"""Writes rows of words to the buffer, one job after the other."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import write_job_layout, write_signature


class Writer(wiring.Component):
    """Gives each word of ``i`` the next address of the job's rows.

    Throughput is one word per cycle, jobs following each other without a gap; latency is zero.

    Members
    -------
    jobs : ``hw.accelerator.layout.write_job_layout``
    i : words
    port : to the buffer
    finished : the last word of a job was taken in this cycle
    """

    def __init__(self, address_bits: int, word_bytes: int) -> None:
        self.address_bits = address_bits
        super().__init__({
            "jobs": In(stream.Signature(write_job_layout(address_bits))),
            "i": In(stream.Signature(unsigned(8 * word_bytes))),
            "port": Out(write_signature(address_bits, word_bytes)),
            "finished": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        job = Signal(self.jobs.payload.shape(), reset_less=True)
        active, taken = Signal(), Signal()
        row, address = Signal(self.address_bits), Signal(self.address_bits)
        word, rows = Signal.like(job.words), Signal.like(job.rows)
        last = Signal()
        m.d.comb += [
            last.eq(word == job.words - 1),
            self.port.requests.valid.eq(active & self.i.valid),
            self.port.requests.p.address.eq(address),
            self.port.requests.p.data.eq(self.i.payload),
            self.i.ready.eq(active & self.port.requests.ready),
            taken.eq(active & self.i.valid & self.port.requests.ready),
            self.finished.eq(taken & last & (rows == job.rows - 1)),
            self.jobs.ready.eq(~active | self.finished),
        ]
        with m.If(taken):
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
        return m
