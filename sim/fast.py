"""Runs in Amaranth's simulator: no build, so the fast loop of a small component."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator, SimulatorContext

from sim.beats import stream_ports
from sim.exchange import Exchange
from sim.traffic import Beats, Result, Rules


class FastSimulator:
    """Amaranth's simulator around one component; each run starts from reset."""

    def __init__(self, component: wiring.Component) -> None:
        self._ports = stream_ports(component)
        members = [
            ("__".join(map(str, path)), member.flow is In, Value.cast(value))
            for path, member, value in component.signature.flatten(component)
        ]
        self._signals = {name: value for name, _, value in members}
        self._exchange: Exchange | None = None
        # All inputs are one signal: setting each by itself settles the whole circuit each time.
        inputs = [name for name, is_input, _ in members if is_input]
        self._places: dict[str, tuple[int, int]] = {}
        total = 0
        for name in inputs:
            width = len(self._signals[name])
            self._places[name] = (total, width)
            total += width
        self._driven = Signal(total)
        # A component of gates alone has no clock of its own to tick.
        top = Module()
        top.domains.sync = ClockDomain()
        top.submodules.dut = component
        top.d.comb += Cat(self._signals[name] for name in inputs).eq(self._driven)
        self._simulator = Simulator(top)
        self._simulator.add_clock(1e-6)

    def run(
        self,
        inputs: Mapping[str, Beats],
        outputs: Mapping[str, int],
        *,
        waves: Path | None = None,
        **traffic: Any,
    ) -> Result:
        """Send ``inputs`` and take ``outputs``; ``traffic`` as in ``sim.exchange.Exchange``.

        ``waves`` names a VCD file to write.
        """
        exchange = Exchange(self._ports, inputs, outputs, **traffic)
        if self._exchange is None:
            self._simulator.add_testbench(self._bench)
        else:
            self._simulator.reset()
        self._exchange = exchange
        with ExitStack() as stack:
            if waves is not None:
                stack.enter_context(self._simulator.write_vcd(str(waves)))
            self._simulator.run()
        return exchange.result()

    async def _bench(self, ctx: SimulatorContext) -> None:
        exchange = self._exchange
        driven = 0
        while exchange is not None and not exchange.finished:
            for name, value in exchange.drive().items():
                offset, width = self._places[name]
                driven = driven & ~(((1 << width) - 1) << offset) | value << offset
            ctx.set(self._driven, driven)
            exchange.sample(lambda name: ctx.get(self._signals[name]))
            await ctx.tick()


def watch(simulator: Simulator, name: str, stream: Any) -> None:
    """Check the rules of ``stream``, a stream inside a simulated design, until the run ends."""
    rules = Rules(name)
    signals = [stream.valid, stream.ready, Value.cast(stream.payload)]

    async def checker(ctx: SimulatorContext) -> None:
        cycle = 0
        async for _, reset, valid, ready, payload in ctx.tick().sample(*signals):
            if not reset:
                rules.check(cycle, valid, ready, payload)
            cycle += 1

    simulator.add_testbench(checker, background=True)
