"""One word on the bus, with an end to waiting."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.link.bus import REQUEST, WORD_BITS, BusSignature
from fpga.link.frame import Status


class Access(wiring.Component):
    """Does one request at a time; gives up after ``patience`` cycles, and says so.

    A request that was given up stays on the bus until it is taken, and its answer is thrown away
    when it comes; until then nothing else can be asked.

    Members
    -------
    start, what : ask this
    owed : the answer to a request that was given up has not come
    done : the request is over, in this cycle
    word, status : what it gave, from ``done`` on
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        super().__init__({
            "start": In(1),
            "what": In(REQUEST),
            "owed": Out(1),
            "done": Out(1),
            "word": Out(WORD_BITS),
            "status": Out(8),
            "bus": Out(BusSignature()),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request, response = self.bus.request, self.bus.response
        waiting, watched = Signal(), Signal()
        timer = Signal(range(self.patience))
        m.d.comb += response.ready.eq(1)
        m.d.sync += self.done.eq(0)
        with m.If(request.ready):
            m.d.sync += request.valid.eq(0)
        with m.If(response.valid):
            m.d.sync += [waiting.eq(0), watched.eq(0)]
        with m.If(self.start):
            m.d.sync += [
                request.valid.eq(1),
                request.payload.eq(self.what),
                waiting.eq(1),
                watched.eq(1),
                timer.eq(self.patience - 1),
            ]
        with m.If(watched):
            m.d.sync += timer.eq(timer - 1)
            with m.If(response.valid | (timer == 0)):
                verdict = Mux(response.p.error, Status.REFUSED, Status.DONE)
                m.d.sync += [
                    watched.eq(0),
                    self.done.eq(1),
                    self.word.eq(response.p.data),
                    self.status.eq(Mux(response.valid, verdict, Status.HUNG)),
                ]
        m.d.comb += self.owed.eq(waiting)
        return m
