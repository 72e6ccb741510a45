"""The buffer: banks of words that all units read and write at once."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.spec import ceil_log2
from hw.accelerator.layout import read_signature, write_signature
from hw.accelerator.relay import Relay
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

    Each bank serves one read and one write in a cycle, the ports in turn. Requests stand in
    registers before they are chosen from: a word comes three cycles after its request was taken, or
    later by as many cycles as other ports are served; a port that is never refused moves one word a
    cycle. A write is in its bank when ``ended`` or the port's next write but one says so, and every
    request that is taken afterwards reads it.

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
        requests = self._requests(m, "read", self.reads)
        rooms = [Signal(name=f"room_{number}", init=1) for number in range(len(self.reads))]
        granted = self._granted(
            m,
            "read",
            [request.valid & room for request, room in zip(requests, rooms, strict=True)],
            [request.payload for request in requests],
        )
        for number, (request, port) in enumerate(zip(requests, self.reads, strict=True)):
            bank = Signal(range(self.banks), name=f"read_bank_{number}")
            comes = Signal(name=f"comes_{number}")
            m.submodules[f"responses_{number}"] = queue = Queue(
                unsigned(8 * self.word_bytes), RESPONSES
            )
            level, next_level = (
                Signal(range(RESPONSES + 1), name=f"{name}_{number}")
                for name in ("level", "next_level")
            )
            m.d.comb += [
                request.ready.eq(Cat(g[number] for g in granted).any()),
                queue.i.valid.eq(comes),
                queue.i.payload.eq(_chosen(banks, bank)),
                next_level.eq(level + comes - (port.words.valid & port.words.ready)),
            ]
            m.d.sync += [
                comes.eq(request.valid & request.ready),
                bank.eq(request.payload),
                level.eq(next_level),
                # One word may be on its way from a bank, and one is granted.
                rooms[number].eq(next_level <= RESPONSES - 2),
            ]
            wiring.connect(m, queue.o, wiring.flipped(port.words))
        for index, bank in enumerate(banks):
            m.d.comb += bank.read.eq(granted[index].any())
            for number, request in enumerate(requests):
                with m.If(granted[index][number]):
                    m.d.comb += bank.address.eq(request.payload >> self._bank_bits)

    def _write(self, m: Module, banks: list[Bank]) -> None:
        requests = self._requests(m, "write", self.writes)
        granted = self._granted(
            m,
            "write",
            [request.valid for request in requests],
            [request.p.address for request in requests],
        )
        for number, (request, port) in enumerate(zip(requests, self.writes, strict=True)):
            m.d.comb += request.ready.eq(Cat(g[number] for g in granted).any())
            m.d.sync += port.ended.eq(request.valid & request.ready & request.p.ends)
        for index, bank in enumerate(banks):
            m.d.comb += bank.write.eq(granted[index].any())
            for number, request in enumerate(requests):
                with m.If(granted[index][number]):
                    m.d.comb += [
                        bank.target.eq(request.p.address >> self._bank_bits),
                        bank.data.eq(request.p.data),
                    ]

    @property
    def _bank_bits(self) -> int:
        """Bits of an address that tell its bank."""
        return ceil_log2(self.banks)

    def _requests(self, m: Module, name: str, ports: Any) -> list[Any]:
        """Every port's requests, registered."""
        requests = []
        for number, port in enumerate(ports):
            relay = Relay(port.requests.payload.shape())
            m.submodules[f"{name}_request_{number}"] = relay
            wiring.connect(m, wiring.flipped(port.requests), relay.i)
            requests.append(relay.o)
        return requests

    def _granted(
        self, m: Module, name: str, wants: list[Value], addresses: list[Value]
    ) -> list[Signal]:
        """Per bank which port it serves."""
        turn, granted = _turn(m, len(wants), f"{name}_turn"), []
        for index in range(self.banks):
            here = Signal(len(wants), name=f"{name}_granted_{index}")
            asked = Cat(
                want & (address[: self._bank_bits] == index)
                for want, address in zip(wants, addresses, strict=True)
            )
            m.d.comb += here.eq(first_from(asked, turn))
            granted.append(here)
        return granted


def first_from(wants: Value, turn: Value) -> Value:
    """The first of ``wants`` that has its ``turn``, or else the first of all, as one bit."""
    ours = wants & turn
    return _first(ours) | (_first(wants) & ~ours.any().replicate(len(wants)))


def _first(wants: Value) -> Value:
    """The first of ``wants``: that of their lower half, or else of the upper one."""
    if len(wants) == 1:
        return wants
    half = len(wants) // 2
    lower, upper = wants[:half], wants[half:]
    return Cat(_first(lower), _first(upper) & ~lower.any().replicate(len(upper)))


def _turn(m: Module, count: int, name: str) -> Signal:
    """Ports from one on to the last: the next one in every cycle, so that none waits for ever."""
    turn = Signal(count, name=name)
    m.d.sync += turn.eq(Mux(turn[:-1].any(), turn << 1, ~0))
    return turn


def _chosen(banks: list[Bank], number: Value) -> Value:
    """The word of bank ``number``."""
    chosen: Value = banks[0].word
    for index, bank in enumerate(banks[1:], 1):
        chosen = Mux(number == index, bank.word, chosen)
    return chosen
