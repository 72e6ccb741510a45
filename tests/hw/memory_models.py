"""A memory on AXI4 and a buffer for Amaranth's simulator, and testbenches that feed and drain."""

from collections import deque

import numpy as np
from amaranth.hdl import Value
from amaranth.sim import Simulator

from hw.accelerator.axi import BURST_BEATS
from sim.fast import watch


class AxiMemory:
    """Answers the bursts of ``bus`` in order, ``latency`` cycles after each was asked for.

    ``stall`` is the share of cycles in which a channel pauses. ``read_error`` and ``write_error``
    are the number of the beat, or burst, that is answered with an error. ``bursts`` lists what was
    asked for.
    """

    def __init__(self, bus, size, *, base=0, latency=5, stall=0.0, seed=0):
        self.bus, self.base, self.latency, self.stall = bus, base, latency, stall
        self.bus_bytes = len(bus.w.p.data) // 8
        rng = np.random.default_rng(seed)
        self.data = bytearray(rng.integers(0, 256, size, np.uint8).tobytes())
        self.rng = rng
        self.read_error = self.write_error = None
        self.bursts = []
        self.read_cycles = []
        self.cycle = 0

    def attach(self, simulator: Simulator) -> None:
        """Run with ``simulator`` and check the rules of what the master drives."""
        for name in ("ar", "aw", "w"):
            watch(simulator, name, getattr(self.bus, name))
        simulator.add_testbench(self._run, background=True)

    def _burst(self, kind, address, length):
        beats = length + 1
        assert beats <= BURST_BEATS and address % self.bus_bytes == 0
        assert address // 4096 == (address + beats * self.bus_bytes - 1) // 4096
        offset = address - self.base
        assert offset >= 0 and offset + beats * self.bus_bytes <= len(self.data)
        self.bursts.append((kind, offset, beats))
        return offset, beats

    async def _run(self, ctx):
        ar, r, aw, w, b = (getattr(self.bus, name) for name in ("ar", "r", "aw", "w", "b"))
        reads, places, beats, answers = deque(), deque(), deque(), deque()
        read_count = write_count = 0
        signals = [
            *(ar.valid, ar.ready, ar.p.addr, ar.p.len, r.valid, r.ready),
            *(aw.valid, aw.ready, aw.p.addr, aw.p.len),
            *(w.valid, w.ready, Value.cast(w.payload), b.valid, b.ready),
        ]
        while True:
            go = self.rng.random(5) >= self.stall
            for stream, index in ((ar, 0), (aw, 1), (w, 2)):
                ctx.set(stream.ready, int(go[index]))
            if not ctx.get(r.valid) and reads and reads[0][0] <= self.cycle and go[3]:
                _, offset, last = reads.popleft()
                word = int.from_bytes(self.data[offset : offset + self.bus_bytes], "little")
                error = read_count == self.read_error
                read_count += 1
                ctx.set(r.payload, {"data": word, "last": last, "resp": 2 * error})
                ctx.set(r.valid, 1)
            if not ctx.get(b.valid) and answers and answers[0] <= self.cycle and go[4]:
                answers.popleft()
                ctx.set(b.p.resp, 2 * (write_count == self.write_error))
                write_count += 1
                ctx.set(b.valid, 1)
            now = [int(one) for one in (await ctx.tick().sample(*signals))[2:]]
            if now[0] and now[1]:
                offset, count = self._burst("read", now[2], now[3])
                for beat in range(count):
                    due = self.cycle + self.latency
                    reads.append((due, offset + beat * self.bus_bytes, beat == count - 1))
            if now[4] and now[5]:
                self.read_cycles.append(self.cycle)
                ctx.set(r.valid, 0)
            if now[6] and now[7]:
                places.append(self._burst("write", now[8], now[9]))
            if now[10] and now[11]:
                beats.append(now[12])
            while places and len(beats) >= places[0][1]:
                offset, count = places.popleft()
                for beat in range(count):
                    word = beats.popleft()
                    assert word >> (8 * self.bus_bytes) == (beat == count - 1)
                    word &= (1 << 8 * self.bus_bytes) - 1
                    start = offset + beat * self.bus_bytes
                    self.data[start : start + self.bus_bytes] = word.to_bytes(
                        self.bus_bytes, "little"
                    )
                answers.append(self.cycle + self.latency)
            if now[13] and now[14]:
                ctx.set(b.valid, 0)
            self.cycle += 1


class BufferModel:
    """A buffer of words behind ports that read and write it, each pausing now and then."""

    def __init__(self, words, word_bytes, rng, stall=0.0):
        self.rng, self.stall = rng, stall
        self.data = [int.from_bytes(rng.bytes(word_bytes), "little") for _ in range(words)]

    def read(self, port):
        """A testbench that serves ``port``, of ``hw.accelerator.layout.read_signature``."""

        async def bench(ctx):
            waiting = deque()
            while True:
                go = self.rng.random(2) >= self.stall
                ctx.set(port.requests.ready, int(go[0] and len(waiting) < 4))
                if waiting and go[1]:
                    ctx.set(port.words.payload, waiting[0])
                    ctx.set(port.words.valid, 1)
                _, _, asked, ready, address, valid, taken = await ctx.tick().sample(
                    *(port.requests.valid, port.requests.ready, port.requests.payload),
                    *(port.words.valid, port.words.ready),
                )
                if asked and ready:
                    waiting.append(self.data[address])
                if valid and taken:
                    waiting.popleft()
                    ctx.set(port.words.valid, 0)

        return bench

    def write(self, port):
        """A testbench that serves ``port``, of ``hw.accelerator.layout.write_signature``."""

        async def bench(ctx):
            while True:
                ctx.set(port.requests.ready, int(self.rng.random() >= self.stall))
                _, _, valid, ready, given = await ctx.tick().sample(
                    port.requests.valid, port.requests.ready, port.requests.payload
                )
                if valid and ready:
                    self.data[given.address] = given.data
                ctx.set(port.ended, valid and ready and given.ends)

        return bench


def sender(stream, items, rng, idle=0.0):
    """A testbench that offers ``items``; its return ends the run with those of other benches."""

    async def bench(ctx):
        for item in items:
            while rng.random() < idle:
                await ctx.tick()
            ctx.set(stream.payload, item)
            ctx.set(stream.valid, 1)
            while not (await ctx.tick().sample(stream.ready))[2]:
                pass
            ctx.set(stream.valid, 0)

    return bench


def taker(stream, count, found, rng, stall=0.0):
    """A testbench that takes ``count`` payloads into the list ``found``."""

    async def bench(ctx):
        while len(found) < count:
            ready = int(rng.random() >= stall)
            ctx.set(stream.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
            if valid and ready:
                found.append(payload)
        ctx.set(stream.ready, 0)

    return bench


def run(simulator, cycles):
    """Run until every testbench has ended; fail after ``cycles``."""
    # The simulator advances by half a cycle.
    if all(simulator.advance() for _ in range(2 * cycles)):
        raise AssertionError(f"the run has not ended after {cycles} cycles")
