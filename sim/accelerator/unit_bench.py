"""One unit between a buffer and a queue of instructions, in Amaranth's own simulator."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hw.accelerator.buffer import BankedBuffer


def run_unit(
    unit: Any,
    contents: np.ndarray,
    instructions: Sequence[Mapping[str, Any]],
    *,
    reads: Sequence[str],
    writes: Sequence[str],
    streams: Mapping[str, Sequence[Any]] | None = None,
    idle: float = 0.2,
    seed: int = 0,
    patience: int = 5_000,
) -> tuple[np.ndarray, int]:
    """The buffer after all ``instructions`` are complete, and the cycles that they took.

    Parameters
    ----------
    contents : (words, word_bytes) bytes that the buffer begins with
    reads, writes : names of the unit's ports to the buffer, single or in arrays
    streams : beats of other streams into the unit
    idle : share of cycles in which a stream pauses
    """
    words, word_bytes = contents.shape
    pauses = random.Random(seed)
    m = Module()
    m.submodules.unit = unit
    sources, sinks = _ports(unit, reads), _ports(unit, writes)
    m.submodules.buffer = buffer = BankedBuffer(
        words, word_bytes, reads=len(sources) + 1, writes=len(sinks) + 1
    )
    for own, port in zip(sources, buffer.reads, strict=False):
        wiring.connect(m, own, port)
    for own, port in zip(sinks, buffer.writes, strict=False):
        wiring.connect(m, own, port)
    inputs = {"instructions": instructions, **(streams or {})}
    state = {"filled": False, "cycles": 0}
    after = contents.copy()

    async def main(ctx: Any) -> None:
        fill = buffer.writes[len(sinks)].requests
        for address in np.flatnonzero(contents.any(axis=1)):
            word = int.from_bytes(contents[address].tobytes(), "little")
            ctx.set(fill.payload, {"address": int(address), "data": word})
            ctx.set(fill.valid, 1)
            await ctx.tick().until(fill.ready)
        ctx.set(fill.valid, 0)
        state["filled"] = True
        left = len(instructions)
        while left:
            *_, completed, fault = await ctx.tick().sample(unit.completed, unit.fault)
            left -= completed
            state["cycles"] += 1
            if fault or state["cycles"] > patience:
                raise RuntimeError(f"{left} instructions left, fault {fault}")

    async def give(ctx: Any, name: str) -> None:
        target = getattr(unit, name)
        while not state["filled"]:
            await ctx.tick()
        for beat in inputs[name]:
            while pauses.random() < idle:
                await ctx.tick()
            ctx.set(target.payload, beat)
            ctx.set(target.valid, 1)
            await ctx.tick().until(target.ready)
            ctx.set(target.valid, 0)

    async def watch(ctx: Any, own: Any) -> None:
        port = own.requests
        while True:
            *_, valid, ready, beat = await ctx.tick().sample(port.valid, port.ready, port.payload)
            if valid and ready:
                written = int(beat.data).to_bytes(word_bytes, "little")
                after[int(beat.address)] = np.frombuffer(written, np.uint8)

    return _simulate(
        m, main, [(give, name) for name in inputs], [(watch, own) for own in sinks], after, state
    )


def _ports(unit: Any, names: Sequence[str]) -> list[Any]:
    found: list[Any] = []
    for name in names:
        port = getattr(unit, name)
        found += port if isinstance(port, list) else [port]
    return found


def _simulate(
    m: Elaboratable, main: Any, givers: Any, watchers: Any, after: np.ndarray, state: Any
) -> tuple[np.ndarray, int]:
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    for process, name in (*givers, *watchers):

        async def background(ctx: Any, process: Any = process, name: Any = name) -> None:
            await process(ctx, name)

        simulator.add_testbench(background, background=True)
    simulator.run()
    return after, state["cycles"]


def instruction(opcode: int, slots: Sequence[int], rows: int, more: int = 0, flags: int = 0) -> Any:
    """What a unit is given: ``slots`` from slot 5 on, counts resolved."""
    return {
        "opcode": opcode,
        "flags": flags,
        "counts": [rows, more],
        "slots": [*slots, *[0] * (11 - len(slots))],
    }


def header(mantissa: int, exponent: int, word_bytes: int) -> np.ndarray:
    """A header word: a row scale."""
    value = mantissa | (exponent & 63) << 16
    return np.frombuffer(value.to_bytes(word_bytes, "little"), np.uint8)
