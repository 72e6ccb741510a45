# amaranth: UnusedElaboratable=no
"""The weight unit behind the memory port: every beat, for whom, in which order, at what pace."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from memory_models import AxiMemory, BufferModel, run, sender, taker

from golden.spec import CoreSpec, MacroSpec
from hw.accelerator.faults import Fault
from hw.accelerator.memory_port import MemoryPort
from hw.accelerator.weight_unit import WeightUnit
from hw.core.plan import CorePlan
from hw.macro.plan import MacroPlan
from sim.fast import watch

WORD, COLUMNS, SETS, CORES = 16, 8, 4, 5
BUFFER = 512
SPEC = CoreSpec(macro=MacroSpec(lanes=8, columns=COLUMNS, weight_sets=SETS), macros=2, rows=8)
PLAN = CorePlan(macro=MacroPlan(weight_lanes=2))
SIZE = 1 << 14
ACTIVATIONS = 0x31


class Bench:
    """A weight unit with its memory."""

    def __init__(self, *, bus_bytes=WORD, latency=12, stall=0.0, seed=1):
        self.rng = np.random.default_rng(seed)
        self.stall = stall
        self.unit = unit = WeightUnit(SPEC, PLAN, CORES, BUFFER)
        top = Module()
        top.submodules.unit = unit
        top.submodules.port = self.port = MemoryPort(WORD, bus_bytes)
        wiring.connect(top, unit.memory, self.port.weights)
        self.simulator = Simulator(top)
        self.simulator.add_clock(1e-6)
        self.memory = AxiMemory(self.port.bus, SIZE, latency=latency, stall=stall, seed=seed)
        self.memory.attach(self.simulator)
        self.buffer = BufferModel(BUFFER, WORD, self.rng, stall)
        self.simulator.add_testbench(self.buffer.read(unit.codes), background=True)
        self.completed = []
        self.channels = []
        for name in ("weights", "channels"):
            watch(self.simulator, name, getattr(unit, name))
        self.simulator.add_testbench(self._count, background=True)

    async def _count(self, ctx):
        ctx.set(self.port.size, SIZE)
        while True:
            _, _, completed = await ctx.tick().sample(self.unit.completed)
            if completed:
                self.completed.append(len(self.channels))

    def run(self, instructions, cycles=30_000):
        """Run ``instructions`` and compare every beat."""
        weights, channels, ends = expected_beats(self.memory.data, instructions, self.buffer.data)
        found, unit = [], self.unit
        self.simulator.add_testbench(sender(unit.instructions, instructions, self.rng, self.stall))
        self.simulator.add_testbench(taker(unit.weights, len(weights), found, self.rng, self.stall))
        self.simulator.add_testbench(
            taker(unit.channels, len(channels), self.channels, self.rng, self.stall)
        )

        async def wait(ctx):
            while len(self.completed) < len(instructions):
                await ctx.tick()
            await ctx.tick().repeat(20)
            assert not ctx.get(unit.busy) and not ctx.get(unit.fault)

        self.simulator.add_testbench(wait)
        run(self.simulator, cycles)
        assert [plain_weights(one) for one in found] == weights
        assert [plain_channels(one) for one in self.channels] == channels
        # A pulse comes with or after an instruction's last channel, and before the next one's.
        assert len(self.completed) == len(ends)
        for done, end in zip(self.completed, ends, strict=True):
            assert done in (end - 1, end)


def plain_weights(one):
    beat = one.beat
    data = [[beat.data[lane][column] for column in range(COLUMNS)] for lane in range(2)]
    return one.cores, data, beat.lane, beat.set, beat.last


def plain_channels(one):
    beat = one.beat
    return one.cores, beat.multiplier, beat.bias, beat.column, beat.set, beat.last


def expected_beats(data, instructions, words=()):
    """Beats of weights and channels by the words of docs/accelerator.md."""
    weights, channels, ends = [], [], []
    for one in instructions:
        address, tiling = one["slots"][:2]
        k_tiles, tiles = tiling & 0xFFFF, tiling >> 16 & 0xFF
        groups, first = 1 << (tiling >> 24 & 15), tiling >> 28
        if not one["counts"][0] or not k_tiles or not tiles:
            ends.append(len(channels))
            continue
        count = k_tiles * tiles * WORD * COLUMNS
        if one.get("opcode") == ACTIVATIONS:
            codes = matrix(words, one, k_tiles, tiles)
            numbers = np.tile(np.array([one["slots"][3], 0]), (tiles, COLUMNS, 1))
        else:
            codes = np.frombuffer(data, np.uint8, count, address)
            numbers = np.frombuffer(data, "<u4", tiles * COLUMNS * 2, address + count)
        codes = codes.reshape(k_tiles, tiles, WORD // 2, 2, COLUMNS).tolist()
        numbers = numbers.reshape(tiles, COLUMNS, 2)
        masks = [
            sum(1 << core for core in range(t * groups, (t + 1) * groups)) for t in range(tiles)
        ]
        for k in range(k_tiles):
            place = (first + k) % SETS
            weights += [
                (masks[t], codes[k][t][i], 2 * i, place, int(i == WORD // 2 - 1))
                for t in range(tiles)
                for i in range(WORD // 2)
            ]
        place = (first + k_tiles - 1) % SETS
        for t in range(tiles):
            for column in range(COLUMNS):
                multiplier, bias = (int(value) for value in numbers[t, column])
                bias -= (bias >> 31) << 32
                last = int(column == COLUMNS - 1)
                channels.append((masks[t], multiplier & 0xFFFF, bias, column, place, last))
        ends.append(len(channels))
    return weights, channels, ends


def matrix(words, one, k_tiles, tiles):
    """Tiles (k, t, W, W / 2) of the buffer's rows, or of their columns."""
    first, _, stride = one["slots"][:3]
    depth, width, second = k_tiles * WORD, tiles * COLUMNS, one["flags"] >> 1
    whole = np.zeros((depth, width), np.uint8)
    for n in range(min(one["counts"][1], width if one["flags"] & 1 else depth)):
        count = k_tiles if one["flags"] & 1 else (tiles + second + 1) // 2
        row = [words[first + n * stride + i].to_bytes(WORD, "little") for i in range(count)]
        codes = np.frombuffer(b"".join(row), np.uint8)
        if one["flags"] & 1:
            whole[:, n] = codes
        else:
            whole[n] = codes[second * COLUMNS :][:width]
    return whole.reshape(k_tiles, WORD, tiles, COLUMNS).transpose(0, 2, 1, 3)


def activations(
    rows, k_tiles, tiles, *, transposed, second=0, group_bits=0, first=0, at=0, stride=1
):
    given = instruction(at, k_tiles, tiles, group_bits, first)
    given["slots"][2:4] = [stride, 0xBEEF]
    counts = [1, rows]
    return given | {"opcode": ACTIVATIONS, "flags": transposed | second << 1, "counts": counts}


def instruction(address, k_tiles, tiles, group_bits=0, first=0, rows=1):
    tiling = k_tiles | tiles << 16 | group_bits << 24 | first << 28
    return {"counts": [rows, 0], "slots": [address, tiling, *[0] * 9]}


def draw(rng, count):
    """Instructions of all tilings, some with nothing to do."""
    drawn = []
    while len(drawn) < count:
        k_tiles, tiles = int(rng.integers(0, 6)), int(rng.integers(0, CORES + 1))
        group_bits, first = int(rng.integers(0, 3)), int(rng.integers(0, SETS))
        if tiles << group_bits <= CORES:
            address = int(rng.integers(0, 100)) * WORD
            rows = int(rng.random() > 0.2)
            drawn.append(instruction(address, k_tiles, tiles, group_bits, first, rows))
    return drawn


@pytest.mark.parametrize("bus_bytes", [16, 4])
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_every_beat(bus_bytes, stall):
    bench = Bench(bus_bytes=bus_bytes, stall=stall, seed=bus_bytes)
    shared = instruction(32, 2, 2, group_bits=1, first=3)
    bench.run([*draw(bench.rng, 24 * bus_bytes // WORD), shared])


def test_channels_are_given_while_weights_go_on():
    bench = Bench(latency=40)
    instructions = [instruction(0, 2, CORES)] * 6
    words = 6 * CORES * (2 * WORD // 2 + COLUMNS * 8 // WORD)
    # The last channels have nothing to hide behind.
    bench.run(instructions, cycles=words + CORES * COLUMNS + 40 + 30)


def test_weights_wait_only_when_no_channel_can_be_kept():
    """Channels that nobody takes hold up no weights of their own instruction and the next."""
    bench = Bench()
    instructions = [instruction(0, 2, CORES, first=0), instruction(0, 2, CORES, first=2)]
    weights, _, _ = expected_beats(bench.memory.data, instructions)
    found = []
    unit = bench.unit
    bench.simulator.add_testbench(sender(unit.instructions, instructions, bench.rng))
    bench.simulator.add_testbench(taker(unit.weights, len(weights), found, bench.rng))
    run(bench.simulator, 2000)
    assert [plain_weights(one) for one in found] == weights and not bench.completed


@pytest.mark.parametrize(("tiles", "group_bits"), [(CORES + 1, 0), (3, 1), (1, 3), (255, 15)])
def test_more_tiles_than_cores_are_a_fault(tiles, group_bits):
    bench = Bench()
    given = instruction(0, 1, tiles, group_bits)
    bench.simulator.add_testbench(
        sender(bench.unit.instructions, [given], bench.rng), background=True
    )

    async def wait(ctx):
        await ctx.tick().repeat(30)
        assert ctx.get(bench.unit.fault) == Fault.FIELD
        assert not bench.memory.bursts and not bench.completed

    bench.simulator.add_testbench(wait)
    run(bench.simulator, 1000)


def test_specs_that_do_not_fit_a_word():
    with pytest.raises(ValueError, match="weight_sets must be a power of two, not 3"):
        WeightUnit(replace(SPEC, macro=replace(SPEC.macro, weight_sets=3)), PLAN, CORES, BUFFER)
    with pytest.raises(ValueError, match="weight_lanes 2 and weight_bits 8, not 1 and 8"):
        WeightUnit(SPEC, CorePlan(), CORES, BUFFER)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [0, 9, 17, 40])
def test_rows_of_the_buffer_are_weights(transposed, rows):
    bench = Bench(seed=rows)
    tilings = ((1, 1), (2, 3), (3, 2), (1, CORES), (5, 1))
    bench.run([
        activations(
            rows,
            *tiling,
            transposed=transposed,
            at=11,
            stride=5,
            first=index % SETS,
            second=index % 2 * (not transposed),
        )
        for index, tiling in enumerate(tilings)
    ])


@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_weights_of_memory_and_of_the_buffer_follow_each_other(stall):
    bench = Bench(stall=stall, seed=7)
    given = []
    for one in draw(bench.rng, 8):
        given.append(one)
        rng = bench.rng
        tiles = int(rng.integers(1, 4))
        given.append(
            activations(
                int(rng.integers(0, 50)),
                int(rng.integers(1, 4)),
                tiles,
                transposed=rng.random() < 0.5,
                group_bits=int(rng.integers(0, 1 + (tiles < 3))),
                at=int(rng.integers(0, 100)),
                stride=int(rng.integers(0, 8)),
                first=int(rng.integers(0, SETS)),
            )
        )
    bench.run(given)


@pytest.mark.parametrize(("transposed", "cycles"), [(True, 8 + 4 * 8), (False, 4 * 16)])
def test_a_row_of_the_buffer_is_read_in_a_cycle(transposed, cycles):
    bench = Bench()
    bench.run([activations(99, 2, 2, transposed=transposed)], cycles=cycles + 2 * COLUMNS + 33)


@pytest.mark.parametrize(
    ("rows", "at", "stride", "flags", "fault"),
    [
        (10, BUFFER - 11, 1, 1, Fault.NONE),
        (10, BUFFER - 10, 1, 1, Fault.BUFFER),
        (10, BUFFER - 10, 1, 0, Fault.NONE),
        (10, BUFFER - 9, 1, 0, Fault.BUFFER),
        (10, BUFFER - 10, 1, 2, Fault.BUFFER),
        (10, 0, BUFFER, 0, Fault.BUFFER),
        (1, 1 << 31, 1, 0, Fault.BUFFER),
        (0, 1 << 31, 1, 0, Fault.NONE),
    ],
)
def test_rows_behind_the_buffer_are_a_fault(rows, at, stride, flags, fault):
    bench = Bench()
    given = activations(rows, 2, 2, transposed=flags, at=at, stride=stride)
    bench.simulator.add_testbench(
        sender(bench.unit.instructions, [given], bench.rng), background=True
    )

    async def wait(ctx):
        await ctx.tick().repeat(30)
        assert ctx.get(bench.unit.fault) == fault
        assert bool(ctx.get(bench.unit.busy)) == (fault == Fault.NONE)

    bench.simulator.add_testbench(wait)
    run(bench.simulator, 1000)
