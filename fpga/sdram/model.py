"""The chip and the pads before it in simulation: ``model.v`` at the controller's pins."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.sdram.part import SdramPart, SdramTiming
from fpga.sdram.pins import pins_signature

VERILOG = Path(__file__).with_name("model.v")
"""Defines the module that stands in the Verilog of ``SdramModel`` as an instance."""

LIMITS = {one.name: 8 for one in fields(SdramTiming)} | {"refresh_interval": 16, "power_up": 16}
"""Bits of each limit."""


class SdramModel(wiring.Component):
    """A chip like ``part`` that ends the simulation where it is treated against ``limits``.

    It sees its pins in the middle of a cycle: a quarter, as on a board, would show it the same.

    Members
    -------
    pins : as the controller drives them, before the registers of the pads
    limits : of ``SdramTiming``, in cycles, held for the whole run
    """

    def __init__(self, part: SdramPart) -> None:
        self.part = part
        super().__init__({
            "pins": In(pins_signature(part)),
            "limits": In(wiring.Signature({name: Out(bits) for name, bits in LIMITS.items()})),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        part, pins = self.part, self.pins
        out = {}
        for name in ("command", "bank", "address", "mask", "data", "driven"):
            # As a pad's register, no reset reaches it.
            out[name] = Signal.like(getattr(pins, name), name=name, reset_less=True)
            m.d.sync += out[name].eq(getattr(pins, name))
        read = Signal(part.data_bits)
        m.d.sync += pins.read.eq(read)
        m.submodules.chip = Instance(
            "sdram_model",
            p_ROW_BITS=part.row_bits,
            p_COLUMN_BITS=part.column_bits,
            p_BANK_BITS=part.bank_bits,
            p_DATA_BITS=part.data_bits,
            i_clk=~ClockSignal(),
            **{f"i_{name}": value for name, value in out.items()},
            i_cas=part.cas,
            **{f"i_{name}": getattr(self.limits, name) for name in LIMITS},
            o_read=read,
        )
        return m
