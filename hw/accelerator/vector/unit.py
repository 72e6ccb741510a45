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

    An instruction starts when the one before it has completed. Whether it is illegal or leaves the
    buffer is seen before it writes (``hw.accelerator.vector.bounds``): then it completes with its
    fault, and nothing starts after it until the reset. Throughput is one word of each
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
        running, waiting = Signal(), Signal()
        done, begins, taken, loaded = Signal(), Signal(), Signal(), Signal()
        new = decode.o.p
        m.submodules.bounds = bounds = Bounds(plan)
        for part in (operands, loader, chain, bounds):
            m.d.comb += part.settings.eq(settings)
        for part in (operands, chain, bounds):
            m.d.comb += part.begins.eq(begins)
        m.d.comb += [
            # What does nothing completes a cycle later than what is under way.
            decode.o.ready.eq(~running | (done & ~new.nothing)),
            taken.eq(decode.o.valid & decode.o.ready),
            begins.eq(taken & ~new.nothing & (self.fault == Fault.NONE)),
            operands.new.eq(new),
            chain.constants.eq(loader.constants),
            self.busy.eq(running | decode.o.valid),
            done.eq(running & ~waiting & ~chain.busy),
        ]
        m.d.sync += [
            running.eq(begins | (running & ~done)),
            self.completed.eq(done | (taken & new.nothing) | bounds.fails),
        ]
        left = self._write(m, settings, new, chain, begins, bounds.checked)
        with m.If(begins):
            m.d.sync += [settings.eq(new), loaded.eq(~new.opcode[1]), waiting.eq(1)]
        with m.Else():
            m.d.sync += waiting.eq(left | ~loaded | ~bounds.checked)
            with m.If(loader.finished):
                m.d.sync += loaded.eq(1)
        with m.If((self.fault == Fault.NONE) & ((taken & new.wrong_opcode) | bounds.fails)):
            m.d.sync += self.fault.eq(Mux(bounds.fails, bounds.fault, Fault.OPCODE))

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

    def _write(
        self, m: Module, settings: Any, new: Any, chain: Chain, begins: Signal, checked: Signal
    ) -> Value:
        """Join the writers; return whether anything will be left to be written."""
        flags, slots = settings.flags, row_slots(settings)
        aside = Signal()
        left, still_left = Signal(len(RESULTS)), Signal(len(RESULTS))
        m.d.comb += chain.before.eq(~aside)
        uses = {
            "rows": _results(new.flags) | (new.flags.codes & new.flags.header),
            "codes": new.flags.codes,
        }
        with m.If(begins):
            # Headers go by the port of rows if it is free.
            m.d.sync += aside.eq(new.flags.codes & new.flags.header & ~_results(new.flags))
        for number, name in enumerate(RESULTS):
            m.submodules[f"writer_{name}"] = writer = Writer(
                self.plan.address_bits, self.plan.word_bytes
            )
            wiring.connect(m, writer.port, wiring.flipped(getattr(self, name)))
            waits, job = Signal(name=f"waits_{name}"), writer.jobs
            m.d.comb += [
                # An illegal instruction writes nothing.
                job.valid.eq(waits & checked),
                job.p.rows.eq(settings.rows),
                job.p.base.eq(slots.codes),
                job.p.stride.eq(slots.codes_stride),
            ]
            m.d.comb += still_left[number].eq(left[number] & ~writer.finished)
            with m.If(begins):
                used = uses[name] & ~new.opcode[1]
                m.d.sync += [waits.eq(used), left[number].eq(used)]
            with m.Else():
                # The writer has no other job.
                m.d.sync += [waits.eq(waits & ~checked), left[number].eq(still_left[number])]
            if name == "codes":
                wiring.connect(m, chain.codes, writer.i)
                m.d.comb += [
                    job.p.base.eq(slots.codes + aside),
                    job.p.words.eq(settings.code_words + (flags.header & ~aside)),
                ]
                continue
            m.d.comb += [
                job.p.words.eq(1),
                writer.i.payload.eq(Mux(aside, chain.headers.payload, chain.results.payload)),
                # Only one of them is asked for.
                writer.i.valid.eq(chain.headers.valid | chain.results.valid),
                chain.headers.ready.eq(writer.i.ready),
                chain.results.ready.eq(writer.i.ready),
            ]
            with m.If(~aside):
                m.d.comb += [job.p.base.eq(slots.rows), job.p.stride.eq(slots.rows_stride)]
            with m.If(flags.rows):
                m.d.comb += job.p.words.eq(settings.words)
            with m.Elif(flags.top_k):
                m.d.comb += job.p.words.eq(slots.ranks)
        return still_left.any()


def _results(flags: Any) -> Value:
    """Whether anything but codes is written."""
    return flags.rows | flags.argmax | flags.top_k
