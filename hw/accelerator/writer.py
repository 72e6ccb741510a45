"""Writes rows of words to the buffer, one job after the other."""

from typing import Any

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.layout import write_job_layout, write_signature
from hw.accelerator.row_walk import walk_rows


class Writer(wiring.Component):
    """Gives each word of ``i`` the next address of the job's rows.

    Throughput is one word per cycle, jobs following each other without a gap; latency is none.

    Members
    -------
    jobs : ``hw.accelerator.layout.write_job_layout``
    i : words
    port : to the buffer
    finished : the last word of a job is where it belongs
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
        taken = Signal()
        walk = walk_rows(m, self.jobs, taken, self.address_bits)
        m.d.comb += [
            self.port.requests.valid.eq(walk.active & self.i.valid),
            self.port.requests.p.address.eq(walk.address),
            self.port.requests.p.data.eq(self.i.payload),
            self.port.requests.p.ends.eq(walk.done),
            self.i.ready.eq(walk.active & self.port.requests.ready),
            taken.eq(self.i.valid & self.i.ready),
            self.finished.eq(self.port.ended),
        ]
        return m
