"""The accelerator behind the link: its memory, its registers, its interrupt."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fpga.link.axi_lite import AxiLiteMaster
from fpga.link.bus import ADDRESS_BITS, BusSignature
from fpga.link.memory import SharedMemory
from fpga.link.store import BlockStore
from fpga.sdram.controller import SdramController
from hw.accelerator import registers
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.axi import MASTER, SLAVE, memory_signature, register_signature
from hw.accelerator.machine import Machine
from hw.accelerator.plan import FEEDERS, AcceleratorPlan
from hw.accelerator.vector.plan import VectorPlan
from hw.core.plan import CorePlan
from hw.engine.plan import EnginePlan
from hw.macro.plan import MacroPlan


@dataclass(frozen=True, kw_only=True)
class CompactPlan(AcceleratorPlan):
    """An accelerator for bit-serial macros on a small chip: units as fast as those, no faster.

    Macros have a register after every level of their trees. A core has one requantizer, which takes
    a column per cycle as the macros take a bit; the engine takes two scores per cycle; the vector
    unit takes an element per cycle, as many as either gives, has no softmax of whole rows, since
    attention is the engine's, and one layer norm at a time.
    """

    macro: MacroPlan = field(default_factory=lambda: FEEDERS["fixed"])
    query_rows: int = 32
    latency: int = 1
    output_lanes: int = 1
    vector_lanes: int | None = 1
    queue_depth: int = 1

    @property
    def core_plan(self) -> CorePlan:
        """Of each core."""
        return replace(super().core_plan, requantizer_lanes=1, pipelined=True, result_depth=2)

    @property
    def engine_plan(self) -> EnginePlan:
        """Of the engine."""
        return replace(super().engine_plan, softmax_lanes=2)

    @property
    def vector_plan(self) -> VectorPlan:
        """Of the vector unit."""
        return replace(super().vector_plan, softmax=None, units=1)


PLANS: dict[str, AcceleratorPlan] = {
    # The trained ViT: 17 tokens of 64, heads of 32, one table of 256 segments.
    "images": CompactPlan(
        machine=Machine(
            word_bytes=8,
            cores=1,
            buffer_words=1 << 11,
            key_block=4,
            head_size=32,
            longest=32,
            core_rows=32,
            banks=1,
            width=64,
            longest_codes=128,
            segments=256,
            ranks=0,
            bus_bytes=8,
        ),
    ),
    # The transliterator too: contexts of 64, gates of 192, three tables of 1,024 segments.
    "words": CompactPlan(
        machine=Machine(
            word_bytes=8,
            cores=1,
            buffer_words=1 << 12,
            key_block=4,
            head_size=64,
            longest=32,
            core_rows=32,
            banks=1,
            width=192,
            longest_codes=192,
            segments=3072,
            ranks=0,
            bus_bytes=8,
        ),
    ),
    # All trained networks but the sentence encoder: the keyword spotter's 99 tokens on chip.
    "networks": CompactPlan(
        machine=Machine(
            word_bytes=8,
            cores=1,
            buffer_words=10 << 10,
            key_block=4,
            head_size=64,
            longest=128,
            core_rows=32,
            banks=1,
            width=256,
            longest_codes=256,
            segments=3072,
            ranks=0,
            bus_bytes=8,
        ),
    ),
}
"""By the names that designs take: half of ``tiny``'s word, the rest as small as networks allow."""

OFFSET_BITS = ADDRESS_BITS - 2


class Part(IntEnum):
    """Upper two bits of the link's address: what it reaches.

    INTERRUPT
        One word, read only: whether a program has ended or failed.
    """

    MEMORY = 0
    REGISTERS = 1
    INTERRUPT = 2


def place(part: Part, byte: int = 0) -> int:
    """Address of the link, in words, of a byte of ``part``."""
    return part << OFFSET_BITS | byte >> 2


class HostedAccelerator(wiring.Component):
    """An accelerator whose memory is ``store``, which the link reads and writes too.

    Memory begins at bus address 0. A request of the link takes the memory's or the registers' own
    cycles, and waits while a burst is under way.

    Members
    -------
    bus : of the link; ``place`` tells its addresses
    sdram : pins of a memory beside the chip, where ``store`` is its controller
    """

    def __init__(self, plan: AcceleratorPlan, store: BlockStore | SdramController) -> None:
        self.plan, self.store = plan, store
        pins = {"sdram": Out(store.pins.signature)} if isinstance(store, SdramController) else {}
        super().__init__({"bus": In(BusSignature()), **pins})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus_bytes = self.plan.machine.bus_bytes
        m.submodules.accelerator = accelerator = Accelerator(self.plan)
        m.submodules.memory = memory = SharedMemory(self.store.size, bus_bytes)
        m.submodules.store = store = self.store
        m.submodules.registers = slave = AxiLiteMaster(registers.ADDRESS_BITS)
        m.submodules.split = split = Split(len(Part))
        wiring.connect(m, memory.store.requests, store.requests)
        wiring.connect(m, store.beats, memory.store.beats)
        if isinstance(store, SdramController):
            wiring.connect(m, store.pins, wiring.flipped(self.sdram))
        wiring.connect(m, wiring.flipped(self.bus), split.bus)
        wiring.connect(m, split.parts[Part.MEMORY], memory.bus)
        wiring.connect(m, split.parts[Part.REGISTERS], slave.bus)
        attach(m, accelerator, MASTER, memory_signature(bus_bytes), memory.memory)
        attach(m, accelerator, SLAVE, register_signature(registers.ADDRESS_BITS), slave.registers)
        pin = split.parts[Part.INTERRUPT]
        m.d.comb += pin.request.ready.eq(~pin.response.valid | pin.response.ready)
        with m.If(pin.request.ready):
            m.d.sync += [
                pin.response.valid.eq(pin.request.valid),
                pin.response.p.data.eq(accelerator.interrupt),
                pin.response.p.error.eq(pin.request.p.write | pin.request.p.address.any()),
            ]
        return m


class Split(wiring.Component):
    """Gives each request to the part that its upper two bits name; beyond ``count`` is an error.

    Latency is zero, of an error one cycle. One request is under way at a time.

    Members
    -------
    bus : of the link
    parts : buses with the other bits of the address
    """

    def __init__(self, count: int) -> None:
        if not 1 <= count <= 1 << ADDRESS_BITS - OFFSET_BITS:
            raise ValueError(f"a bus has 1 to 4 parts, not {count!r}")
        self.count = count
        super().__init__({"bus": In(BusSignature()), "parts": Out(BusSignature()).array(count)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        request, response = self.bus.request, self.bus.response
        number, chosen = request.p.address[OFFSET_BITS:], Signal(range(self.count + 1))
        nowhere = Signal()
        with m.If(request.valid & request.ready):
            m.d.sync += chosen.eq(number)
        with m.If(number >= self.count):
            m.d.comb += request.ready.eq(~nowhere)
            with m.If(request.valid & request.ready):
                m.d.sync += [nowhere.eq(1), chosen.eq(self.count)]
        with m.If(nowhere):
            m.d.comb += [response.valid.eq(1), response.p.error.eq(1)]
            with m.If(response.ready):
                m.d.sync += nowhere.eq(0)
        for index, part in enumerate(self.parts):
            m.d.comb += [
                part.request.payload.eq(request.payload),
                part.request.p.address.eq(request.p.address[:OFFSET_BITS]),
                part.request.valid.eq(request.valid & (number == index)),
                part.response.ready.eq(response.ready & (chosen == index)),
            ]
            with m.If(number == index):
                m.d.comb += request.ready.eq(part.request.ready)
            with m.If(chosen == index):
                m.d.comb += [
                    response.payload.eq(part.response.payload),
                    response.valid.eq(part.response.valid),
                ]
        return m


def attach(
    m: Module, top: wiring.Component, prefix: str, signature: wiring.Signature, other: Any
) -> None:
    """Connect the flat ports ``prefix`` of ``top`` to the streams of ``other``.

    ``signature`` is that of what stands inside of ``top``; what ``other`` has no use for is left.
    """
    for channel, member in signature.members.items():
        stream = getattr(other, channel)
        fields = member.signature.members["payload"].shape.members
        forth = [(f"{channel}{name}", Value.cast(stream.p[name])) for name in fields]
        forth.append((f"{channel}valid", stream.valid))
        back = [(f"{channel}ready", stream.ready)]
        # Ready goes against the stream.
        driven, drives = (forth, back) if member.flow is Out else (back, forth)
        m.d.comb += [value.eq(getattr(top, f"{prefix}_{name}")) for name, value in driven]
        m.d.comb += [getattr(top, f"{prefix}_{name}").eq(value) for name, value in drives]
