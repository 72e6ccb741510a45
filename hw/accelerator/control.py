"""Control registers behind AXI4-Lite: start, status, faults, watchdog, counters."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator import registers as table
from hw.accelerator.axi import OKAY, SLAVE_ERROR, register_signature
from hw.accelerator.counters import Counters
from hw.accelerator.faults import FAULT_BITS, Fault
from hw.accelerator.layout import UNITS
from hw.stream import Buffer

_SEQUENCER = UNITS.index("sequencer")

_TOTALS = ("cycles_low", "cycles_high", "read_beats", "written_beats")
"""Counted beside what the units count, in the order of their offsets."""

_EVENTS = len(_TOTALS) + len(UNITS) * len(table.COUNTERS)


class Control(wiring.Component):
    """Runs one program at a time and tells how it went.

    Start: ``run`` is 1 from the next cycle on, and ``start`` for its first one. An end, a fault,
    the watchdog or a reset command takes ``run`` away at once and raises the interrupt; then
    ``halt`` keeps the memory port from new bursts until it is ``drained``, and ``resets`` clear the
    units: one part after the other into reset, and when all are, out of it, so that no net goes to
    all registers of a machine. A start that comes meanwhile waits for the last. So every program
    finds the machine as after power-on, whatever became of the one before. A reset command with no
    program under way only clears the status.

    A register is read in four cycles, a counter in up to 47, and written in two. Offsets without a
    register answer with a slave error; so do writes to registers that are only read. Writes take
    whole words: a write with a byte strobe missing is refused in the same way.

    Parameters
    ----------
    configuration : what the register of that name reads as
    word_bytes, cores, bus_bytes : for the register ``geometry``
    parts : of the machine, with a reset each

    Members
    -------
    bus : AXI4-Lite
    interrupt : level, until cleared
    run, start, program, arguments, memory_base, memory_size : for the machine
    halt, resets : see above
    drained : the memory port has nothing under way
    ended : the sequencer met the program's end, all units idle
    progress : an instruction ended or a word moved: the watchdog starts anew
    faults : per unit its fault, the memory port's last
    counted : per unit, bits in the order of ``hw.accelerator.registers.COUNTERS``
    read_beats, written_beats : a memory beat moved
    """

    def __init__(
        self, *, configuration: int, word_bytes: int, cores: int, bus_bytes: int, parts: int = 1
    ) -> None:
        self.parts = parts
        self.constants = {
            "magic": table.MAGIC,
            "version": table.VERSION,
            "configuration": configuration,
            "geometry": word_bytes | cores << 16 | bus_bytes << 24,
        }
        super().__init__({
            "bus": Out(register_signature(table.ADDRESS_BITS)),
            "interrupt": Out(1),
            "run": Out(1),
            "start": Out(1),
            "program": Out(32),
            "arguments": Out(32).array(table.ARGUMENTS),
            "memory_base": Out(32),
            "memory_size": Out(32),
            "halt": Out(1),
            "resets": Out(self.parts, init=-1),
            "drained": In(1),
            "ended": In(1),
            "progress": In(1),
            "faults": In(FAULT_BITS).array(len(UNITS) + 1),
            "counted": In(len(table.COUNTERS)).array(len(UNITS)),
            "read_beats": In(1),
            "written_beats": In(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        values = {one.name: Signal(32, name=one.name, init=one.init) for one in table.stored()}
        written = {
            one.name: Signal(name=f"{one.name}_written")
            for one in table.registers()
            if one.access != "read"
        }
        data = Signal(32)
        self._write(m, written, data)
        for one in table.registers():
            if one.access == "both":
                with m.If(written[one.name]):
                    m.d.sync += values[one.name].eq(data)
        m.d.comb += [values[name].eq(value) for name, value in self.constants.items()]
        m.d.comb += [
            self.program.eq(values["program"]),
            self.memory_base.eq(values["memory_base"]),
            self.memory_size.eq(values["memory_size"]),
            *(
                argument.eq(values[f"argument_{index + 1}"])
                for index, argument in enumerate(self.arguments)
            ),
            self.interrupt.eq((values["interrupt"] & values["interrupt_enable"]).any()),
        ]
        self._sequence(m, values, written, data)
        self._count(m)
        self._read(m, values)
        return m

    def _sequence(
        self, m: Module, values: dict[str, Signal], written: dict[str, Signal], data: Signal
    ) -> None:
        """From start to end, to a quiet bus, to a reset machine."""
        state, fault, unit = Signal(2), Signal(FAULT_BITS), Signal(4)
        draining, waiting = Signal(), Signal()
        reset, cleared, clearing = Signal(), Signal(), Signal()
        # A cycle old. What fails may complete, but no end comes before its fault.
        found, faulty = Signal(FAULT_BITS), Signal(4)
        m.d.sync += found.eq(0)
        for number, code in reversed(list(enumerate(self.faults))):
            with m.If((code != 0) & self.run):
                m.d.sync += [found.eq(code), faulty.eq(number)]
        quiet = Signal(32)
        watchdog = values["watchdog"]
        expired = Signal()
        m.d.comb += expired.eq((watchdog != 0) & (quiet >= watchdog))
        with m.If(~self.run | self.progress):
            m.d.sync += quiet.eq(0)
        with m.Else():
            m.d.sync += quiet.eq(quiet + 1)

        wanted, aborted = Signal(), Signal()
        m.d.comb += [
            wanted.eq((written["control"] & data[0]) | waiting),
            aborted.eq(written["control"] & data[1]),
            self.halt.eq(draining),
            cleared.eq(self.resets.all()),
            clearing.eq(self.resets.any()),
            values["status"].eq(Cat(state, draining, Const(0, 1), fault, unit)),
        ]
        m.d.sync += [
            self.start.eq(0),
            # Halted, so drained for good.
            reset.eq(draining & self.drained & ~cleared),
            self.resets.eq(Cat(reset, self.resets)),
        ]
        with m.If(written["interrupt"]):
            m.d.sync += values["interrupt"][:2].eq(values["interrupt"] & ~data)
        with m.If(self.run):
            failed = (found != 0) | expired | aborted
            own = Mux(aborted, Fault.STOPPED, Fault.WATCHDOG)
            with m.If(failed | self.ended):
                m.d.sync += [self.run.eq(0), draining.eq(1)]
            with m.If(failed):
                m.d.sync += [
                    state.eq(table.FAULT),
                    fault.eq(Mux(found != 0, found, own)),
                    unit.eq(Mux(found != 0, faulty, _SEQUENCER)),
                    values["interrupt"][1].eq(1),
                ]
            with m.Elif(self.ended):
                m.d.sync += [state.eq(table.DONE), values["interrupt"][0].eq(1)]
        with m.Else():
            with m.If(cleared):
                m.d.sync += draining.eq(0)
            with m.If(aborted):
                # A program that waited for its start has been stopped too.
                m.d.sync += [
                    waiting.eq(0),
                    state.eq(Mux(waiting, table.FAULT, table.IDLE)),
                    fault.eq(Mux(waiting, Fault.STOPPED, Fault.NONE)),
                    unit.eq(_SEQUENCER),
                ]
                with m.If(waiting):
                    m.d.sync += values["interrupt"][1].eq(1)
            with m.Elif(wanted):
                m.d.sync += waiting.eq(draining | clearing)
                with m.If(~draining & ~clearing):
                    m.d.sync += [
                        self.run.eq(1),
                        self.start.eq(1),
                        state.eq(table.RUNNING),
                        fault.eq(0),
                        unit.eq(0),
                    ]

    def _count(self, m: Module) -> None:
        """Everything counts from a start on, while a program runs."""
        m.submodules.counters = counters = Counters(1 << ceil_log2(_EVENTS), 32)
        # The first cycle, which clears all, is counted a cycle later, and so are the others.
        ran = Signal()
        m.d.sync += ran.eq(self.run)
        # The upper half follows the turn at which the lower one has started anew, program or not.
        upper = counters.overflows
        events = Cat(self.read_beats, self.written_beats, *self.counted)
        runs = (self.run & ~self.start).replicate(len(events))
        m.d.comb += [
            counters.clear.eq(self.start),
            counters.happens.eq(Cat(ran, upper, events & runs)),
        ]

    def _read(self, m: Module, values: dict[str, Signal]) -> None:
        bus, counters = self.bus, m.submodules.counters
        m.submodules.asked = asked = Buffer(bus.ar.payload.shape())
        m.submodules.answer = answer = Buffer(bus.r.payload.shape())
        wiring.connect(m, wiring.flipped(bus.ar), asked.i)
        wiring.connect(m, answer.o, wiring.flipped(bus.r))
        word, offsets = asked.o.p.addr[2:], table.offsets()
        totals, units = (offsets[name] >> 2 for name in (_TOTALS[0], f"{UNITS[0]}_busy"))
        total = (word >= totals) & (word < totals + len(_TOTALS))
        counted = total | (word >= units) & (word < units + _EVENTS - len(_TOTALS))
        readable = {
            one.offset >> 2: values[one.name] for one in table.stored() if one.access != "write"
        }
        known = word < totals
        # The upper half of the cycles is known after a turn of the lower one.
        early, met = Signal(), Signal()
        event = Mux(total, word - totals, word - units + len(_TOTALS))
        with m.If(counters.told):
            m.d.sync += met.eq(early)
        m.d.comb += [
            early.eq((word == offsets["cycles_high"] >> 2) & ~met),
            counters.wanted.eq(asked.o.valid & counted),
            counters.event.eq(Mux(early, 0, event)),
            answer.i.valid.eq(Mux(counted, counters.told & ~early, asked.o.valid)),
            asked.o.ready.eq(answer.i.valid & answer.i.ready),
        ]
        with m.If(counted):
            m.d.comb += answer.i.p.data.eq(counters.count)
        with m.Elif(known):
            stored = Cat(readable.get(index, Const(0, 32)) for index in range(totals))
            m.d.comb += answer.i.p.data.eq(stored.word_select(word[: ceil_log2(totals)], 32))
        m.d.comb += answer.i.p.resp.eq(Mux(counted | known, OKAY, SLAVE_ERROR))

    def _write(self, m: Module, written: dict[str, Signal], data: Signal) -> None:
        bus = self.bus
        m.submodules.response = response = Buffer(bus.b.payload.shape())
        wiring.connect(m, response.o, wiring.flipped(bus.b))
        moves = Signal()
        m.d.comb += [
            response.i.valid.eq(bus.aw.valid & bus.w.valid),
            moves.eq(response.i.valid & response.i.ready),
            bus.aw.ready.eq(moves),
            bus.w.ready.eq(moves),
            response.i.p.resp.eq(SLAVE_ERROR),
            data.eq(bus.w.p.data),
        ]
        for one in table.registers():
            if one.access != "read":
                place = bus.aw.p.addr[2:] == one.offset >> 2
                with m.If(bus.w.p.strb.all() & place):
                    m.d.comb += [response.i.p.resp.eq(OKAY), written[one.name].eq(moves)]
