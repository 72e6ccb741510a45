"""The buffer: banks of words that all units read and write at once."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.layout import read_signature, write_signature
from hw.platform import Shared
from hw.stream import Queue

RESPONSES = 4
"""Words that a port may have waiting: what its requests are granted for."""


class Bank(Shared):
    """A memory that is read and written once in a cycle; ``word`` comes a cycle after ``read``.

    Members
    -------
    read, address, word : one word
    write, target, data : another one; it is read from the next cycle on
    """

    def __init__(self, words: int, word_bytes: int) -> None:
        self.words, self.word_bytes = words, word_bytes
        self.key = f"bank_{words}x{word_bytes}"
        address, word = range(max(2, words)), unsigned(8 * word_bytes)
        super().__init__({
            "read": In(1),
            "address": In(address),
            "word": Out(word),
            "write": In(1),
            "target": In(address),
            "data": In(word),
        })

    def body(self, platform: Any) -> Module:
        m = Module()
        m.submodules.storage = storage = Memory(
            shape=unsigned(8 * self.word_bytes), depth=self.words, init=[]
        )
        write, read = storage.write_port(), storage.read_port()
        m.d.comb += [
            read.en.eq(self.read),
            read.addr.eq(self.address),
            self.word.eq(read.data),
            write.en.eq(self.write),
            write.addr.eq(self.target),
            write.data.eq(self.data),
        ]
        return m


class BankedBuffer(wiring.Component):
    """``words`` words in ``banks`` banks, the lowest bits of an address telling which.

    Each bank serves one read and one write in a cycle, the ports in turn. A word comes two cycles
    after its request was granted; a port that is never refused moves one word a cycle.

    Members
    -------
    reads, writes : ports, numbered (``hw.accelerator.layout``)
    """

    def __init__(
        self, words: int, word_bytes: int, *, reads: int, writes: int, banks: int = 8
    ) -> None:
        if words % banks or words < 2 * banks:
            raise ValueError(
                f"buffer words must be a multiple of {banks} from {2 * banks}, not {words}"
            )
        self.words, self.word_bytes, self.banks = words, word_bytes, banks
        address_bits = (words - 1).bit_length()
        super().__init__({
            "reads": In(read_signature(address_bits, word_bytes)).array(reads),
            "writes": In(write_signature(address_bits, word_bytes)).array(writes),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        banks = [Bank(self.words // self.banks, self.word_bytes) for _ in range(self.banks)]
        for index, bank in enumerate(banks):
            m.submodules[f"bank_{index}"] = bank
        self._read(m, banks)
        self._write(m, banks)
        return m

    def _read(self, m: Module, banks: list[Bank]) -> None:
        ports = self.reads
        offered = []
        granted = [Signal(len(ports), name=f"read_granted_{index}") for index in range(self.banks)]
        for number, port in enumerate(ports):
            # A request counts while the word that it brings is sure to find a place.
            room, waiting = Signal(name=f"room_{number}"), Signal(range(RESPONSES + 1))
            taken = port.words.valid & port.words.ready
            m.d.comb += room.eq(waiting != RESPONSES)
            moved = Signal(name=f"read_moved_{number}")
            bank = Signal(range(self.banks), name=f"read_bank_{number}")
            comes = Signal(name=f"comes_{number}")
            m.submodules[f"responses_{number}"] = queue = Queue(
                unsigned(8 * self.word_bytes), RESPONSES
            )
            offered.append(port.requests.valid & room)
            m.d.comb += [
                port.requests.ready.eq(Cat(g[number] for g in granted).any()),
                moved.eq(port.requests.valid & port.requests.ready),
                queue.i.valid.eq(comes),
                queue.i.payload.eq(_chosen(banks, bank)),
            ]
            m.d.sync += [
                waiting.eq(waiting + moved - taken),
                comes.eq(moved),
                bank.eq(port.requests.payload),
            ]
            wiring.connect(m, queue.o, wiring.flipped(port.words))
        turn, bank_bits = _turn(m, len(ports), "read_turn"), ceil_log2(self.banks)
        for index, bank in enumerate(banks):
            wants = Cat(
                offer & (port.requests.payload[:bank_bits] == index)
                for offer, port in zip(offered, ports, strict=True)
            )
            m.d.comb += granted[index].eq(first_from(m, wants, turn, f"read_{index}"))
            m.d.comb += bank.read.eq(granted[index].any())
            for number, port in enumerate(ports):
                with m.If(granted[index][number]):
                    m.d.comb += bank.address.eq(port.requests.payload >> bank_bits)

    def _write(self, m: Module, banks: list[Bank]) -> None:
        ports = self.writes
        granted = [Signal(len(ports), name=f"write_granted_{index}") for index in range(self.banks)]
        turn, bank_bits = _turn(m, len(ports), "write_turn"), ceil_log2(self.banks)
        for number, port in enumerate(ports):
            m.d.comb += port.requests.ready.eq(Cat(g[number] for g in granted).any())
        for index, bank in enumerate(banks):
            wants = Cat(
                port.requests.valid & (port.requests.p.address[:bank_bits] == index)
                for port in ports
            )
            m.d.comb += granted[index].eq(first_from(m, wants, turn, f"write_{index}"))
            m.d.comb += bank.write.eq(granted[index].any())
            for number, port in enumerate(ports):
                with m.If(granted[index][number]):
                    m.d.comb += [
                        bank.target.eq(port.requests.p.address >> bank_bits),
                        bank.data.eq(port.requests.p.data),
                    ]


def first_from(m: Module, wants: Value, turn: Value, name: str) -> Value:
    """The first one of ``wants`` at or after the place of ``turn``, as one bit."""
    count = len(wants)
    twice = Signal(2 * count, name=f"{name}_twice")
    first = Signal(2 * count, name=f"{name}_first")
    m.d.comb += [
        twice.eq(Cat(wants & ~((1 << turn) - 1)[:count], wants)),
        first.eq(twice & (~twice + 1)),
    ]
    return first[:count] | first[count:]


def _turn(m: Module, count: int, name: str) -> Signal:
    """Counts ``count`` places round and round, so that no port waits for ever."""
    turn = Signal(range(count), name=name)
    m.d.sync += turn.eq(Mux(turn == count - 1, 0, turn + 1))
    return turn


def _chosen(banks: list[Bank], number: Value) -> Value:
    """The word of bank ``number``."""
    chosen: Value = banks[0].word
    for index, bank in enumerate(banks[1:], 1):
        chosen = Mux(number == index, bank.word, chosen)
    return chosen
