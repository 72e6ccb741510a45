"""From the link's bus to an AXI4-Lite slave, such as the accelerator's control registers."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from fpga.link.bus import ADDRESS_BITS, REQUEST, BusSignature
from hw.accelerator.axi import OKAY, register_signature


class AxiLiteMaster(wiring.Component):
    """Does one access for every request; any answer but "okay" is the bus's error.

    A request takes the slave's own cycles and two more. An address beyond the slave's is an error
    and reaches it not.

    Members
    -------
    bus : of the link
    registers : the slave's ``hw.accelerator.axi.register_signature(address_bits)``
    """

    def __init__(self, address_bits: int) -> None:
        if not 3 <= address_bits <= ADDRESS_BITS + 2:
            raise ValueError(f"address_bits must be 3 to {ADDRESS_BITS + 2}, not {address_bits!r}")
        self.address_bits = address_bits
        super().__init__({
            "bus": In(BusSignature()),
            "registers": In(register_signature(address_bits)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request, response, slave = self.bus.request, self.bus.response, self.registers
        kept = Signal(REQUEST)
        # Channels that have not been taken yet; the answer is awaited once none is left.
        left = {name: Signal(name=f"{name}_left") for name in ("aw", "w", "ar")}
        waiting = Signal()
        byte_address = (kept.address << 2)[: self.address_bits]
        outside = request.p.address[self.address_bits - 2 :].any()
        m.d.comb += [
            request.ready.eq(~waiting & ~response.valid),
            slave.aw.p.addr.eq(byte_address),
            slave.ar.p.addr.eq(byte_address),
            slave.w.p.data.eq(kept.data),
            slave.w.p.strb.eq(Const(0b1111, 4)),
            slave.b.ready.eq(waiting & kept.write),
            slave.r.ready.eq(waiting & ~kept.write),
        ]
        for name, flag in left.items():
            channel = getattr(slave, name)
            m.d.comb += channel.valid.eq(flag)
            with m.If(channel.ready):
                m.d.sync += flag.eq(0)
        with m.If(response.ready):
            m.d.sync += response.valid.eq(0)
        with m.If(request.valid & request.ready):
            m.d.sync += [
                kept.eq(request.payload),
                waiting.eq(~outside),
                left["aw"].eq(request.p.write & ~outside),
                left["w"].eq(request.p.write & ~outside),
                left["ar"].eq(~request.p.write & ~outside),
                response.valid.eq(outside),
                response.p.error.eq(outside),
            ]
        answered = Mux(kept.write, slave.b.valid, slave.r.valid)
        with m.If(waiting & answered):
            m.d.sync += [
                waiting.eq(0),
                response.valid.eq(1),
                response.p.data.eq(slave.r.p.data),
                response.p.error.eq(Mux(kept.write, slave.b.p.resp, slave.r.p.resp) != OKAY),
            ]
        return m
