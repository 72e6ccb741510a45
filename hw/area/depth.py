"""Longest paths across the borders of modules: in gates, or as a bound in picoseconds."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hw.area.library import is_flip_flop

REGISTER = ""
"""Name of all registers and black boxes taken together, where a port's name would stand."""

Paths = dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Depth:
    """Longest paths of a module, by where they begin.

    ``inside`` is the longest that begins anywhere and ends in a register; ``to_register`` has the
    longest from every input port to a register, ``to_port[output][source]`` the longest from an
    input port, or from ``REGISTER``, to an output port.
    """

    inside: int = 0
    to_register: Paths = field(default_factory=dict)
    to_port: dict[str, Paths] = field(default_factory=dict)

    @property
    def worst(self) -> int:
        """Longest path of any kind."""
        return max([self.inside, *(n for paths in self.to_port.values() for n in paths.values())])

    def as_dict(self) -> dict[str, Any]:
        """The same as data for JSON."""
        return asdict(self)


def module_depth(
    netlist: Mapping[str, Any], below: Mapping[str, Depth], *, gate: int = 1, segment: int = 0
) -> Depth:
    """Return the depth of one module of Yosys' JSON, given those of the modules that it places.

    A path costs ``gate`` per gate, inverters too, and ``segment`` per stretch between registers,
    ports and placed modules: with the module's own delay for it, and gates for nothing, the sum is
    a bound. Cells of an unknown type are black boxes: registers at their outputs and inputs.
    """
    drivers: dict[int, tuple[str, str]] = {}
    cells = netlist["cells"]
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output":
                drivers.update((bit, (name, port)) for bit in bits if isinstance(bit, int))
    inputs: dict[int, str] = {}
    for name, port in netlist["ports"].items():
        if port["direction"] == "input":
            inputs.update((bit, name) for bit in port["bits"] if isinstance(bit, int))

    def needs(pin: tuple[str, str]) -> Iterator[tuple[str, int, list[Any]]]:
        """Ports of the pin's cell from which it is driven: their source's name, gates and bits."""
        cell = cells[pin[0]]
        kind, connections = cell["type"], cell["connections"]
        if kind in below:
            for source, gates in below[kind].to_port.get(pin[1], {}).items():
                yield source, gates + segment, connections.get(source, [])
        elif kind.startswith("$_") and not is_flip_flop(kind):
            for port, bits in connections.items():
                if cell["port_directions"][port] == "input":
                    yield port, gate, bits
        else:
            yield REGISTER, segment, []

    arrivals: dict[tuple[str, str], Paths] = {}

    def arrival(bits: list[Any]) -> Paths:
        paths: Paths = {}
        for bit in bits:
            if bit in inputs:
                paths.setdefault(inputs[bit], segment)
            elif bit in drivers:
                _merge(paths, arrivals.get(drivers[bit], {}), 0)
        return paths

    for pin in _ordered(drivers, needs):
        paths: Paths = {}
        for source, gates, bits in needs(pin):
            _merge(paths, {REGISTER: 0} if source == REGISTER else arrival(bits), gates)
        arrivals[pin] = paths

    ends: Paths = {}
    inside = 0
    for cell in cells.values():
        kind = cell["type"]
        if kind in below:
            inside = max(inside, below[kind].inside)
            for port, gates in below[kind].to_register.items():
                _merge(ends, arrival(cell["connections"].get(port, [])), gates)
        elif not kind.startswith("$_") or is_flip_flop(kind):
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) != "output":
                    _merge(ends, arrival(bits), 0)
    to_port = {
        name: arrival(port["bits"])
        for name, port in netlist["ports"].items()
        if port["direction"] == "output"
    }
    return Depth(
        inside=max([inside, *ends.values()]),
        to_register={name: gates for name, gates in ends.items() if name != REGISTER},
        to_port=to_port,
    )


def _merge(paths: Paths, other: Paths, gates: int) -> None:
    for source, length in other.items():
        paths[source] = max(paths.get(source, 0), length + gates)


def _ordered(drivers: Mapping[int, tuple[str, str]], needs: Any) -> Iterator[tuple[str, str]]:
    """Yield every pin after those that it depends on; a loop through a placed port is cut."""
    state: dict[tuple[str, str], bool] = {}
    for root in drivers.values():
        stack = [root]
        while stack:
            pin = stack[-1]
            if pin not in state:
                state[pin] = False
                for _, _, bits in needs(pin):
                    stack.extend(
                        drivers[bit] for bit in bits if bit in drivers and drivers[bit] not in state
                    )
                continue
            stack.pop()
            if not state[pin]:
                state[pin] = True
                yield pin
