"""Runs without Python in the cycle loop: a generated C++ main around the Verilator model.

``build(component, "name").run({"i": beats}, {"o": count})`` gives the same ``Result`` as the
benches in Python: same pauses, same rules, same time-out; ``sim/native.cpp`` is the loop.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from numpy.typing import NDArray

from hw.verilog import VerilogPlatform, emit
from sim.beats import Port, stream_ports
from sim.build import CACHE, EXECUTABLE, Recipe
from sim.build import build as build_recipe
from sim.exchange import gates_of, require_streams, share_of
from sim.execution import execute
from sim.traffic import After, Beats, Result, Share, StreamError, require_pauses

MAIN = Path(__file__).with_name("native.cpp")

_STREAM_ERROR = 3


class Simulator:
    """An executable that runs one component over its streams."""

    def __init__(
        self, executable: Path, ports: Mapping[str, Port], settings: Sequence[str]
    ) -> None:
        self.executable = executable
        self.ports = dict(ports)
        self.settings = tuple(settings)

    def run(
        self,
        inputs: Mapping[str, Beats],
        outputs: Mapping[str, int],
        *,
        idle: Share = 0.0,
        stall: Share = 0.0,
        burst: float = 1.0,
        seed: int = 0,
        after: After | None = None,
        patience: int = 10_000,
        drain: int = 32,
        aborted: int = 0,
        settings: Mapping[str, int] | None = None,
        waves: Path | None = None,
        limit_seconds: float | None = None,
    ) -> Result:
        """Send ``inputs``, take ``outputs[name]`` beats of each output; see ``Exchange``.

        ``aborted`` is how many cycles of the same run go before it and end in a reset: nothing of
        them may be seen after it. ``settings`` are values of plain input ports, held for the whole
        run. ``waves`` names a VCD file to write, which the build must allow. Raise ``StreamError``
        if a stream breaks a rule, hangs or gives too much, ``TimeoutError`` after
        ``limit_seconds``.
        """
        after = after or {}
        require_streams(self.ports, inputs, outputs, after)
        unknown = sorted(set(settings or {}) - set(self.settings))
        if unknown:
            raise ValueError(f"no plain input {unknown[0]!r}: use one of {list(self.settings)}")
        lines = [f"patience {patience}", f"drain {drain}", f"aborted {aborted}"]
        lines += [f"set {name} {value}" for name, value in (settings or {}).items()]
        lines += [f"trace {waves.resolve()}"] if waves is not None else []
        seeds = np.random.default_rng(seed).integers(0, 1 << 63, len(self.ports))
        with tempfile.TemporaryDirectory(prefix="native-") as name:
            folder = Path(name)
            for port, stream_seed in zip(self.ports.values(), seeds, strict=True):
                share = share_of(idle if port.is_input else stall, port.name)
                require_pauses(share, burst)
                beats = inputs.get(port.name)
                count = outputs.get(port.name, 0) if beats is None else len(beats)
                lines.append(f"stream {port.name} {count} {share} {burst} {stream_seed}")
                if beats is not None:
                    np.ascontiguousarray(beats).tofile(folder / f"{port.name}.beats")
                for other, needed in gates_of(after, port.name, count).items():
                    lines.append(f"after {port.name} {other}")
                    needed.astype("<u8").tofile(folder / f"{port.name}.after.{other}")
            (folder / "run").write_text("\n".join(lines) + "\n")
            total, seconds = self._execute(folder, limit_seconds)
            return Result(
                beats={
                    port.name: _read(folder / f"{port.name}.beats", np.uint8).reshape(
                        -1, port.bytes
                    )
                    for port in self.ports.values()
                    if not port.is_input
                },
                cycles=self._times(folder, "cycles"),
                offered=self._times(folder, "offered"),
                total=total,
                seconds=seconds,
            )

    def _times(self, folder: Path, kind: str) -> dict[str, NDArray[np.int64]]:
        return {name: _read(folder / f"{name}.{kind}", np.dtype("<i8")) for name in self.ports}

    def _execute(self, folder: Path, limit_seconds: float | None) -> tuple[int, float]:
        told = execute(self.executable, folder, limit_seconds, {_STREAM_ERROR: StreamError})
        total, seconds = told.split()[-2:]
        return int(total), float(seconds)


def apart(verilog: str, *prefixes: str) -> str:
    """Keep the modules whose names begin so as they are: compiled once, not at each place."""
    names = "|".join(prefixes)
    pattern = rf"^(module (?:{names})[^;]*;)"
    return re.sub(pattern, r"\1 /*verilator no_inline_module*/", verilog, flags=re.M)


def build(
    component: wiring.Component,
    name: str = "top",
    *,
    platform: VerilogPlatform | None = None,
    verilog: str | None = None,
    settings: Sequence[str] = (),
    flags: Sequence[str] = (),
    waves: bool = False,
    cache: Path = CACHE,
) -> Simulator:
    """Build ``component`` with the native loop; ``name`` is its module's name in waveforms.

    Parameters
    ----------
    platform : Verilog is emitted for it; the simulation form by default
    verilog : text to build instead, with the component's ports: a netlist, a mutant
    settings : plain inputs that ``verilog`` has besides the component's own
    flags : further arguments of Verilator
    """
    ports = stream_ports(component)
    plain = [*_plain_inputs(component), *settings]
    if verilog is None:
        verilog = emit(component, name, platform)
    recipe = Recipe(
        verilog=verilog,
        top=name,
        main=main_text(ports, plain),
        flags=tuple(flags),
        # Waveforms are of short runs: there the compiler takes longer than the simulation.
        optimize="-O1" if waves else Recipe.optimize,
        waves=waves,
    )
    return Simulator(build_recipe(recipe, cache) / EXECUTABLE, ports, plain)


def main_text(ports: Mapping[str, Port], settings: Sequence[str] = ()) -> str:
    """Return the C++ main for these streams and plain inputs."""
    inputs = [port for port in ports.values() if port.is_input]
    outputs = [port for port in ports.values() if not port.is_input]
    lines = []
    for kind, chosen in (("INPUTS", inputs), ("OUTPUTS", outputs)):
        entries = [f'S("{port.name}", {_spelled(port.name + "__")})' for port in chosen]
        lines.append(f"#define {kind}(S) {' '.join(entries)}")
    entries = [f'S("{name}", {_spelled(name)})' for name in settings]
    lines.append(f"#define SETTINGS(S) {' '.join(entries)}")
    return "\n".join([*lines, MAIN.read_text()])


def _spelled(name: str) -> str:
    """How Verilator spells a port in C++: double underlines are its own."""
    return name.replace("__", "___05F")


def _plain_inputs(component: wiring.Component) -> list[str]:
    return [
        "__".join(map(str, path))
        for path, member, _ in component.signature.flatten(component)
        if member.flow is In and path[-1] not in {"payload", "valid", "ready"}
    ]


def _read(path: Path, dtype: Any) -> NDArray[Any]:
    return np.fromfile(path, dtype)
