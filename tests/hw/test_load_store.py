"""The load and store units behind the memory port: rows, gathers, order, faults."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from memory_models import AxiMemory, BufferModel, run, sender

from hw.accelerator.faults import Fault
from hw.accelerator.load_unit import LoadUnit
from hw.accelerator.memory_port import MemoryPort
from hw.accelerator.store_unit import StoreUnit
from sim.fast import watch

WORD = 16
WORDS = 256
SIZE = 1 << 13


class Bench:
    """A unit with its memory and its buffer."""

    def __init__(self, unit, client, *, bus_bytes=WORD, latency=12, stall=0.0, seed=1):
        self.rng = np.random.default_rng(seed)
        self.unit = unit
        top = Module()
        top.submodules.unit = unit
        top.submodules.port = self.port = MemoryPort(WORD, bus_bytes)
        wiring.connect(top, unit.memory, getattr(self.port, client))
        self.simulator = Simulator(top)
        self.simulator.add_clock(1e-6)
        self.memory = AxiMemory(self.port.bus, SIZE, latency=latency, stall=stall, seed=seed)
        self.memory.attach(self.simulator)
        self.buffer = BufferModel(WORDS, WORD, self.rng, stall)
        self.stall = stall
        self.completed = 0
        watch(self.simulator, "memory.requests", unit.memory.requests)
        self.simulator.add_testbench(self._count, background=True)

    async def _count(self, ctx):
        ctx.set(self.port.size, SIZE)
        while True:
            _, _, completed = await ctx.tick().sample(self.unit.completed)
            self.completed += completed

    def run(self, instructions, cycles=20_000):
        """Run until all ``instructions`` are complete."""
        given = sender(self.unit.instructions, instructions, self.rng, self.stall)

        async def wait(ctx):
            while self.completed < len(instructions):
                await ctx.tick()
            await ctx.tick().repeat(20)
            assert self.completed == len(instructions) and not ctx.get(self.unit.busy)
            assert not ctx.get(self.unit.fault) and not ctx.get(self.port.fault)

        self.simulator.add_testbench(given)
        self.simulator.add_testbench(wait)
        run(self.simulator, cycles)

    def fail(self, instruction, code, port_code=0, cycles=2000):
        """Run one instruction that ends in a fault."""
        self.simulator.add_testbench(
            sender(self.unit.instructions, [instruction], self.rng), background=True
        )

        async def wait(ctx):
            await ctx.tick().repeat(150)
            assert ctx.get(self.unit.fault) == code and ctx.get(self.port.fault) == port_code
            assert self.completed == 0 and not self.memory.bursts

        self.simulator.add_testbench(wait)
        run(self.simulator, cycles)


def load_bench(**options):
    bench = Bench(LoadUnit(WORDS, WORD), "load", **options)
    bench.simulator.add_testbench(bench.buffer.read(bench.unit.ids), background=True)
    bench.simulator.add_testbench(bench.buffer.write(bench.unit.port), background=True)
    watch(bench.simulator, "port", bench.unit.port.requests)
    watch(bench.simulator, "ids", bench.unit.ids.requests)
    return bench


def store_bench(**options):
    bench = Bench(StoreUnit(WORDS, WORD), "store", **options)
    bench.simulator.add_testbench(bench.buffer.read(bench.unit.port), background=True)
    watch(bench.simulator, "port", bench.unit.port.requests)
    watch(bench.simulator, "memory.words", bench.unit.memory.words)
    return bench


def instruction(rows, *slots, flags=0):
    return {"counts": [rows, 0], "slots": [*slots, *[0] * (11 - len(slots))], "flags": flags}


def rows_of(given):
    """Addresses in memory and in the buffer of each word of an instruction by strides."""
    rows = given["counts"][0]
    address, stride, words, first, step = given["slots"][:5]
    return [
        (address + row * stride + word * WORD, first + row * step + word)
        for row in range(rows)
        for word in range(words)
    ]


def draw_rows(rng, count):
    """Instructions of all sizes, some with nothing to do, rows overlapping or apart."""
    drawn = []
    while len(drawn) < count:
        rows, words = (int(rng.integers(0, rng.choice([2, 5, 12]))) for _ in range(2))
        stride, step = int(rng.integers(0, 30)) * WORD, int(rng.integers(0, 15))
        if max(rows, 1) * stride + words * WORD > SIZE or max(rows, 1) * step + words > WORDS:
            continue
        address = int(rng.integers(0, (SIZE - rows * stride - words * WORD) // WORD)) * WORD
        first = int(rng.integers(0, WORDS - rows * step - words + 1))
        drawn.append(instruction(rows, address, stride, words, first, step))
    return drawn


def word_at(data, address):
    return int.from_bytes(data[address : address + WORD], "little")


@pytest.mark.parametrize("bus_bytes", [16, 4])
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_rows_are_loaded(bus_bytes, stall):
    bench = load_bench(bus_bytes=bus_bytes, stall=stall, seed=bus_bytes)
    expected = list(bench.buffer.data)
    instructions = draw_rows(bench.rng, 40)
    for one in instructions:
        for address, place in rows_of(one):
            expected[place] = word_at(bench.memory.data, address)
    bench.run(instructions)
    assert bench.buffer.data == expected


@pytest.mark.parametrize("bus_bytes", [16, 4])
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_rows_are_stored(bus_bytes, stall):
    bench = store_bench(bus_bytes=bus_bytes, stall=stall, seed=bus_bytes)
    expected = bytearray(bench.memory.data)
    instructions = draw_rows(bench.rng, 40)
    for one in instructions:
        for address, place in rows_of(one):
            expected[address : address + WORD] = bench.buffer.data[place].to_bytes(WORD, "little")
    bench.run(instructions)
    assert bench.memory.data == expected


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("rows", [1, 3, 4, 5, 11])
def test_rows_are_gathered_by_ids_that_were_just_loaded(rows, stall):
    bench = load_bench(stall=stall, seed=rows)
    table, words, ids_at, to = 20, 3, 7, 40
    ids = bench.rng.integers(0, table, rows).astype("<u4")
    ids[0] = table - 1
    memory = bench.memory.data
    memory[64 : 64 + 4 * rows] = ids.tobytes()
    bench.run([
        instruction(0, 64, 0, 3, 0, 0),
        instruction(1, 64, 0, 3, ids_at, 0),
        instruction(rows, 1024, 5 * WORD, words, to, 4, ids_at, table, flags=1),
        instruction(2, 0, WORD, 1, ids_at, 1),
    ])
    for row, one in enumerate(ids):
        for word in range(words):
            expected = word_at(memory, 1024 + int(one) * 5 * WORD + word * WORD)
            assert bench.buffer.data[to + 4 * row + word] == expected
    assert bench.buffer.data[ids_at : ids_at + 2] == [word_at(memory, 0), word_at(memory, 16)]


def test_an_id_beyond_its_table_is_a_fault():
    bench = load_bench()
    bench.buffer.data[9] = 20
    bench.fail(instruction(1, 1024, WORD, 1, 0, 1, 9, 20, flags=1), Fault.IDENTIFIER)


OUTSIDE = {
    "base": instruction(1, 0, 0, 1, WORDS, 0),
    "rows": instruction(4, 0, 0, 1, WORDS - 4 + 1, 1),
    "stride": instruction(3, 0, 0, 2, 0, (WORDS - 1) // 2 + 1),
    "words": instruction(2, 0, 0, 100, 60, 97),
    "high": instruction(1, 0, 0, 1, 1 << 31, 0),
    "long": instruction(1, 0, 0, 1 << 16 | 1, 0, 0),
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("make", [load_bench, store_bench])
def test_a_row_outside_the_buffer_is_a_fault(name, make):
    make().fail(OUTSIDE[name], Fault.BUFFER)


def test_ids_outside_the_buffer_are_a_fault():
    bench = load_bench()
    bench.fail(instruction(5, 0, WORD, 1, 0, 1, WORDS - 1, 9, flags=1), Fault.BUFFER)


@pytest.mark.parametrize("make", [load_bench, store_bench])
def test_the_last_word_of_the_buffer_is_inside(make):
    make().run([instruction(4, 0, WORD, 1, WORDS - 4, 1), instruction(1, 0, 0, WORDS, 0, 0)])


@pytest.mark.parametrize("make", [load_bench, store_bench])
@pytest.mark.parametrize("address", [SIZE, 8])
def test_a_row_outside_memory_is_a_fault_of_the_port(make, address):
    make().fail(instruction(1, address, 0, 1, 0, 0), 0, Fault.MEMORY)


@pytest.mark.parametrize("make", [load_bench, store_bench])
@pytest.mark.parametrize("words", [2, 10])
def test_instructions_follow_each_other_at_the_pace_of_words(make, words):
    bench = make(latency=40)
    instructions = [instruction(20 // words, 0, words * WORD, words, 0, words)] * 15
    # 300 words, and once the latency of memory and of the port.
    bench.run(instructions, cycles=300 + 40 + 60)


def test_a_store_completes_when_memory_has_answered():
    bench = store_bench(latency=60)

    async def early(ctx):
        await ctx.tick().repeat(55)
        assert bench.completed == 0

    bench.simulator.add_testbench(early)
    bench.run([instruction(2, 0, WORD, 1, 0, 1)])
