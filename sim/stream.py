"""cocotb drivers of streams: ``start``, ``send``, ``receive``, ``exchange`` and ``watch``.

Signals are set after the falling edge of the clock and read once they have settled, so that what
is read is what the next rising edge acts on, in any order of tasks.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

from sim.beats import Port
from sim.exchange import Exchange
from sim.traffic import Beats, Result, Rules

PERIOD_NS = 10


async def start(dut: Any, ports: Collection[Port], reset_cycles: int = 2) -> None:
    """Start the clock, silence every stream and reset; return after a falling edge."""
    silence(dut, ports)
    dut["rst"].value = 1
    Clock(dut["clk"], PERIOD_NS, unit="ns").start(start_high=False)
    for _ in range(reset_cycles):
        await FallingEdge(dut["clk"])
    dut["rst"].value = 0


def silence(dut: Any, ports: Iterable[Port]) -> None:
    """Offer nothing to inputs and no ready to outputs."""
    for port in ports:
        dut[f"{port.name}__{'valid' if port.is_input else 'ready'}"].value = 0


async def exchange(
    dut: Any,
    ports: Mapping[str, Port],
    inputs: Mapping[str, Beats],
    outputs: Mapping[str, int],
    **traffic: Any,
) -> Result:
    """Send ``inputs`` and take ``outputs``; ``traffic`` as in ``sim.exchange.Exchange``."""
    run = Exchange(ports, inputs, outputs, **traffic)
    handles = {
        f"{name}__{signal}": dut[f"{name}__{signal}"]
        for name in ports
        for signal in ("payload", "valid", "ready")
    }

    while not run.finished:
        for name, value in run.drive().items():
            handles[name].value = value
        await ReadOnly()
        run.sample(lambda name: read(handles[name]))
        await FallingEdge(dut["clk"])
    silence(dut, ports.values())
    return run.result()


def read(handle: Any) -> int:
    """Unsigned value of a signal of one bit or more."""
    value = handle.value
    return value.to_unsigned() if hasattr(value, "to_unsigned") else int(value)


async def send(dut: Any, port: Port, beats: Beats, **traffic: Any) -> Result:
    """Send ``beats`` to one input stream; return when the last one has been taken."""
    traffic = {"drain": 0} | traffic
    return await exchange(dut, {port.name: port}, {port.name: beats}, {}, **traffic)


async def receive(dut: Any, port: Port, count: int, **traffic: Any) -> Beats:
    """Take ``count`` beats of one output stream, and check its rules; then stop taking."""
    traffic = {"drain": 0} | traffic
    result = await exchange(dut, {port.name: port}, {}, {port.name: count}, **traffic)
    return result.beats[port.name]


async def watch(dut: Any, name: str) -> None:
    """Check the rules of a stream that others drive, until the task is cancelled."""
    rules = Rules(name)
    cycle = 0
    while True:
        await ReadOnly()
        values = [read(dut[f"{name}__{signal}"]) for signal in ("valid", "ready", "payload")]
        rules.check(cycle, *values)
        cycle += 1
        await FallingEdge(dut["clk"])
