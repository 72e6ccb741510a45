"""The vector unit: rows of 16 bits from the buffer, through one chain of stages, and back."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.accelerator.faults import Fault
from hw.accelerator.layout import read_signature, unit_members, write_signature
from hw.accelerator.vector.bounds import Bounds
from hw.accelerator.vector.chain import Chain
from hw.accelerator.vector.decode import Decode, row_slots, settings_layout
from hw.accelerator.vector.loader import Loader
from hw.accelerator.vector.operands import OPERANDS, Operands
from hw.accelerator.vector.plan import VectorPlan
from hw.accelerator.writer import Writer
from hw.platform import Shared

RESULTS = ("rows", "codes")


class VectorUnit(Shared):
    """Combine, scale, table, outputs: what ``docs/accelerator.md`` says of opcodes 0x50 to 0x53.

    An instruction starts when the one before it has completed. Throughput is one word of each
    operand per cycle; a row of one word with a header and nothing else to write takes one as well.

    Parameters
    ----------
    plan : :class:`~hw.accelerator.vector.plan.VectorPlan`

    Members
    -------
    a, b, c : ports that read the buffer
    rows, codes : ports that write it
    others : ``hw.accelerator.layout.unit_members``
    """

    def __init__(self, plan: VectorPlan | None = None) -> None:
        self.plan = VectorPlan() if plan is None else plan
        self.key = self.plan.key
        sizes = (self.plan.address_bits, self.plan.word_bytes)
        super().__init__({
            **unit_members(),
            **{name: Out(read_signature(*sizes)) for name in OPERANDS},
            **{name: Out(write_signature(*sizes)) for name in RESULTS},
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        plan = self.plan
        m.submodules.decode = decode = Decode(plan)
        m.submodules.operands = operands = Operands(plan)
        m.submodules.loader = loader = Loader(plan)
        m.submodules.chain = chain = Chain(plan)
        wiring.connect(m, wiring.flipped(self.instructions), decode.i)
        wiring.connect(m, loader.channels, chain.channels)
        wiring.connect(m, loader.segments, chain.segments)
        settings = Signal(settings_layout(plan), reset_less=True)
        running, done, begins = Signal(), Signal(), Signal()
        new, nothing = decode.o.p, Signal()
        m.submodules.bounds = bounds = Bounds(plan)
        wrong = ~new.empty & (new.wrong_opcode | new.wrong_field | bounds.outside)
        for part in (operands, loader, chain):
            m.d.comb += part.settings.eq(settings)
        m.d.comb += [
            bounds.settings.eq(new),
            nothing.eq(new.empty | wrong),
            # What does nothing completes a cycle later than what is under way.
            decode.o.ready.eq(~running | (done & ~nothing)),
            begins.eq(decode.o.valid & decode.o.ready & ~nothing),
            operands.begins.eq(begins),
            chain.begins.eq(begins),
            chain.constants.eq(loader.constants),
            self.busy.eq(running | decode.o.valid),
        ]
        taken = decode.o.valid & decode.o.ready
        m.d.sync += [
            running.eq(begins | (running & ~done)),
            self.completed.eq(done | (taken & nothing)),
        ]
        with m.If(begins):
            m.d.sync += settings.eq(new)
        with m.If(taken & wrong & (self.fault == Fault.NONE)):
            field = Mux(new.wrong_field, Fault.FIELD, Fault.BUFFER)
            m.d.sync += self.fault.eq(Mux(new.wrong_opcode, Fault.OPCODE, field))

        loads = settings.opcode[1]
        for name in OPERANDS:
            wiring.connect(m, getattr(operands.ports, name), wiring.flipped(getattr(self, name)))
        for name in ("b", "c"):
            wiring.connect(m, getattr(operands.words, name), getattr(chain.words, name))
        a = operands.words.a
        m.d.comb += [
            loader.i.payload.eq(a.payload),
            loader.i.valid.eq(a.valid & loads),
            chain.words.a.payload.eq(a.payload),
            chain.words.a.valid.eq(a.valid & ~loads),
            a.ready.eq(Mux(loads, loader.i.ready, chain.words.a.ready)),
        ]
        written = self._write(m, settings, chain, begins)
        m.d.comb += done.eq(running & Mux(loads, loader.finished, written & ~chain.busy))

        reading = Signal()
        with m.If(begins):
            m.d.sync += reading.eq(1)
        with m.Elif(a.valid & a.ready & a.p.done & operands.idle):
            m.d.sync += reading.eq(0)
        ports = [getattr(self, name).requests for name in RESULTS]
        m.d.comb += [
            self.input_stalled.eq(running & reading & Mux(loads, ~a.valid, chain.starved)),
            self.output_stalled.eq(Cat(port.valid & ~port.ready for port in ports).any()),
        ]
        return m

    def _write(self, m: Module, settings: Any, chain: Chain, begins: Signal) -> Value:
        """Join the writers; return whether all that was asked for is written."""
        flags, slots = settings.flags, row_slots(settings)
        results, aside = Signal(), Signal()
        m.d.comb += [
            results.eq(flags.rows | flags.argmax | flags.top_k),
            # Headers go by the port of rows if it is free.
            aside.eq(flags.codes & flags.header & ~results),
            chain.before.eq(~aside),
        ]
        uses = {"rows": results | aside, "codes": flags.codes}
        left = []
        for name in RESULTS:
            m.submodules[f"writer_{name}"] = writer = Writer(
                self.plan.address_bits, self.plan.word_bytes
            )
            wiring.connect(m, writer.port, wiring.flipped(getattr(self, name)))
            waits, lasts = Signal(name=f"waits_{name}"), Signal(name=f"lasts_{name}")
            job = writer.jobs
            m.d.comb += [
                job.valid.eq(waits & uses[name]),
                job.p.rows.eq(settings.rows),
                job.p.base.eq(slots.codes),
                job.p.stride.eq(slots.codes_stride),
            ]
            with m.If(begins):
                m.d.sync += [waits.eq(1), lasts.eq(1)]
            with m.Else():
                m.d.sync += [waits.eq(waits & ~job.ready), lasts.eq(lasts & ~writer.finished)]
            left.append(lasts & uses[name])
            if name == "codes":
                wiring.connect(m, chain.codes, writer.i)
                m.d.comb += [
                    job.p.base.eq(slots.codes + aside),
                    job.p.words.eq(settings.code_words + (flags.header & ~aside)),
                ]
                continue
            source = {True: chain.headers, False: chain.results}
            m.d.comb += [
                job.p.words.eq(1),
                writer.i.payload.eq(Mux(aside, chain.headers.payload, chain.results.payload)),
                writer.i.valid.eq(Mux(aside, chain.headers.valid, chain.results.valid)),
                *(
                    stream.ready.eq(writer.i.ready & (aside == own))
                    for own, stream in source.items()
                ),
            ]
            with m.If(~aside):
                m.d.comb += [job.p.base.eq(slots.rows), job.p.stride.eq(slots.rows_stride)]
            with m.If(flags.rows):
                m.d.comb += job.p.words.eq(settings.words)
            with m.Elif(flags.top_k):
                m.d.comb += job.p.words.eq(slots.ranks)
        return ~Cat(left).any()
