"""Controller of synchronous DRAM: beats in order, rows kept open, refreshed in time."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from fpga.link.bus import WORD_BITS
from fpga.link.store import request_layout, require_sizes, store_signature
from fpga.sdram.part import SdramPart, SdramTiming
from fpga.sdram.pins import ALL_BANKS, PAD_CYCLES, Command, mode_word, pins_signature
from hw.pipeline import delayed

START_REFRESHES = 8
"""Before the first access; as JESD21-C asks."""

BURSTS = (2, 4, 8)
"""Words of the chip that a beat may have."""


def burst_words(part: SdramPart, bus_bytes: int) -> int:
    """Words of the chip in a beat; raise ``ValueError`` if that is no burst of it."""
    words = 8 * bus_bytes // part.data_bits
    if words not in BURSTS:
        raise ValueError(
            f"a beat of {bus_bytes} bytes is {words} words of {part.name}, not 2, 4 or 8: choose "
            "another width of the bus"
        )
    return words


def timing_of(part: SdramPart, hertz: float) -> SdramTiming:
    """Times in cycles; raise ``ValueError`` where banks that were used before need more of them.

    Two cycles pass anyway from an access to the next bank's PRECHARGE or ACTIVATE.
    """
    timing = part.timing(hertz)
    if timing.write_recovery > 2 or timing.activate_to_other > 2:
        raise ValueError(
            f"{part.name} at {hertz / 1e6:g} MHz waits more than two cycles after a written word "
            "or between banks: choose a slower clock"
        )
    return timing


class SdramController(wiring.Component):
    """A store of ``part.size`` bytes in a chip clocked at ``hertz``; a beat is one burst of it.

    Of a beat's address the upper bits are the row, the lower ones its column, those between the
    bank: what lies in a row after another is in the next bank. A row stays open until another one
    of its bank is wanted, or a refresh. While a burst moves, the row of the next beat is opened.

    Throughput is ``part.data_bits`` a cycle where rows are open, less the refreshes. From a read
    request to its beat, row open, it takes ``3 + part.cas + burst`` cycles, with another row to
    close and one to open ``precharge + activate_to_access`` of ``part.timing(hertz)`` more.
    ``power_up`` of it passes after reset before the first request is looked at.

    Members
    -------
    requests, beats : as ``store_signature`` tells
    pins : the chip, a register in each pad
    """

    def __init__(self, part: SdramPart, hertz: float, bus_bytes: int) -> None:
        require_sizes(part.size, bus_bytes)
        self.burst = burst_words(part, bus_bytes)
        self.timing = timing_of(part, hertz)
        self.part = part
        self.size, self.bus_bytes = part.size, bus_bytes
        super().__init__({
            **store_signature(part.size, bus_bytes).members,
            "pins": Out(pins_signature(part)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        part, timing, burst, pins = self.part, self.timing, self.burst, self.pins
        command, moves = Signal(Command), Signal()
        # Cycles until a command of any kind; of a kind; or of PRECHARGE for the bank used last.
        wait = Signal(range(timing.power_up + 1), init=timing.power_up)
        close_wait = Signal(range(timing.activate_to_activate + 1))
        read_wait = Signal(range(burst + 1))
        write_wait = Signal(range(burst + part.cas + 2))
        used_wait = Signal(range(burst + timing.write_recovery + 1))
        for waiting in (wait, close_wait, read_wait, write_wait, used_wait):
            with m.If(waiting != 0):
                m.d.sync += waiting.eq(waiting - 1)

        # The request that is worked on, and what its bank has open.
        head = Signal(request_layout(self.size, self.bus_bytes))
        has_head, is_open, is_hit = Signal(), Signal(), Signal()
        column, bank, row = self._split(head.address)
        open_banks = Signal(1 << part.bank_bits)
        rows = Array(Signal(part.row_bits, name=f"row_{k}") for k in range(1 << part.bank_bits))
        request = self.requests
        _, next_bank, next_row = self._split(request.p.address)
        m.d.comb += request.ready.eq(~has_head | moves)
        # What CLOSE says of the head, further down, counts more than what is found here.
        with m.If(request.ready):
            m.d.sync += [
                has_head.eq(request.valid),
                head.eq(request.payload),
                is_open.eq(open_banks.bit_select(next_bank, 1)),
                is_hit.eq(open_banks.bit_select(next_bank, 1) & (rows[next_bank] == next_row)),
            ]

        due = self._due(m, command)
        refreshes = Signal(range(START_REFRESHES + 1), init=START_REFRESHES)
        set_up, used_bank = Signal(), Signal(part.bank_bits)
        address = Signal(part.row_bits)
        with m.FSM(name="sdram"):
            with m.State("CLOSE"), m.If((wait == 0) & (close_wait == 0) & (used_wait == 0)):
                m.d.comb += [command.eq(Command.PRECHARGE), address.eq(ALL_BANKS)]
                m.d.sync += [
                    wait.eq(timing.precharge - 1),
                    open_banks.eq(0),
                    is_open.eq(0),
                    is_hit.eq(0),
                ]
                m.next = "REFRESH"
            with m.State("REFRESH"), m.If(wait == 0):
                m.d.comb += command.eq(Command.REFRESH)
                m.d.sync += [wait.eq(timing.refresh - 1), refreshes.eq(refreshes - 1)]
                with m.If(refreshes == 1):
                    m.d.sync += refreshes.eq(1)
                    m.next = "MODE"
                    with m.If(set_up):
                        m.next = "SERVE"
            with m.State("MODE"), m.If(wait == 0):
                m.d.comb += [command.eq(Command.LOAD_MODE), address.eq(mode_word(part, burst))]
                m.d.sync += [wait.eq(timing.mode - 1), set_up.eq(1)]
                m.next = "SERVE"
            with m.State("SERVE"), m.If(wait == 0):
                with m.If(due):
                    m.next = "CLOSE"
                with m.Elif(has_head & is_hit):
                    m.d.comb += [
                        moves.eq(Mux(head.write, write_wait == 0, read_wait == 0)),
                        address.eq(column),
                    ]
                    with m.If(moves):
                        m.d.comb += command.eq(Mux(head.write, Command.WRITE, Command.READ))
                        m.d.sync += [
                            used_bank.eq(bank),
                            read_wait.eq(burst - 1),
                            # Between a word that is read and one that is written nobody drives.
                            write_wait.eq(Mux(head.write, burst - 1, burst + part.cas)),
                            used_wait.eq(
                                Mux(head.write, burst - 2 + timing.write_recovery, burst - 1)
                            ),
                        ]
                with m.Elif(has_head & is_open):
                    may_close = (close_wait == 0) & ((bank != used_bank) | (used_wait == 0))
                    with m.If(may_close):
                        m.d.comb += command.eq(Command.PRECHARGE)
                        # ACTIVATE of this bank or CLOSE comes next.
                        m.d.sync += [wait.eq(timing.precharge - 1), is_open.eq(0)]
                with m.Elif(has_head):
                    m.d.comb += [command.eq(Command.ACTIVATE), address.eq(row)]
                    m.d.sync += [
                        wait.eq(timing.activate_to_access - 1),
                        close_wait.eq(self._open_cycles - 1),
                        open_banks.bit_select(bank, 1).eq(1),
                        rows[bank].eq(row),
                        is_open.eq(1),
                        is_hit.eq(1),
                    ]
        m.d.sync += [
            pins.command.eq(command),
            # LOAD MODE has another register behind every other bank.
            pins.bank.eq(Mux(command == Command.LOAD_MODE, 0, bank)),
            pins.address.eq(address),
        ]
        self._write(m, moves & head.write, head, set_up)
        self._read(m, moves & ~head.write)
        return m

    @property
    def _open_cycles(self) -> int:
        """From any ACTIVATE to a PRECHARGE: one counter serves all banks, and tRC with it."""
        timing = self.timing
        closed = timing.activate_to_activate - timing.precharge
        return max(timing.activate_to_precharge, closed)

    def _split(self, address: Value) -> tuple[Value, Value, Value]:
        """Column of the first word, bank and row of a beat."""
        skipped = self.burst.bit_length() - 1
        bank = self.part.column_bits - skipped
        row = bank + self.part.bank_bits
        return Cat(Const(0, skipped), address[:bank]), address[bank:row], address[row:]

    def _due(self, m: Module, command: Value) -> Value:
        """Whether a row of every bank is to be refreshed."""
        interval = self.timing.refresh_interval
        age, due = Signal(range(interval)), Signal()
        with m.If(command == Command.REFRESH):
            m.d.sync += due.eq(0)
        m.d.sync += age.eq(age + 1)
        with m.If(age == interval - 1):
            m.d.sync += [age.eq(0), due.eq(1)]
        return due

    def _write(self, m: Module, starts: Value, head: Any, set_up: Value) -> None:
        """Drive the words of a beat; what is not written is masked, and all before it is set up."""
        pins, burst, lanes = self.pins, self.burst, self.part.data_bits // 8
        words = Signal(8 * self.bus_bytes)
        masks, driven = Signal(burst * lanes), Signal(burst)
        spread = Cat(~bit for bit in head.enables for _ in range(WORD_BITS // 8))
        m.d.sync += [
            words.eq(Mux(starts, head.data.as_value(), words >> self.part.data_bits)),
            masks.eq(Mux(starts, spread, masks >> lanes)),
            driven.eq(Mux(starts, (1 << burst) - 1, driven >> 1)),
        ]
        m.d.comb += [
            pins.data.eq(words),
            pins.mask.eq(masks | ~set_up.replicate(lanes)),
            pins.driven.eq(driven),
        ]

    def _read(self, m: Module, starts: Value) -> None:
        """Put the words of a beat together."""
        words = Signal(8 * self.bus_bytes)
        m.d.sync += words.eq(Cat(words, self.pins.read) >> self.part.data_bits)
        stages = 1 + PAD_CYCLES + self.part.cas + self.burst
        m.d.comb += [
            self.beats.valid.eq(delayed(m, "read", starts, stages)),
            self.beats.payload.eq(words),
        ]
