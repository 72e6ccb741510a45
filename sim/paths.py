"""Which inputs of a Verilog module its outputs follow without an edge of the clock.

It reads what Amaranth emits, statement by statement, and takes a signal as one whatever its bits:
a path that it finds may not be there, and one that it does not find is not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MODULE = re.compile(r"^module (\\\S+|\w+) ?\(.*?^endmodule\n", re.M | re.S)
_PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\\\S+|\w+) ?;", re.M)
_PLACE = re.compile(r"(\\\S+|\w+) +(?:\\\S+|[\w$]+) *\(\n")

_ITEM = re.compile(r"^  (?! |end\b|\);)(.*\n(?:(?:   .*|  end.*|  \);|)\n)*)", re.M)
_NAME = re.compile(r"\\\S+|[A-Za-z_$][\w$]*")
_TARGET = re.compile(r"^(.*[^=<>!])=(?!=)", re.M)
_PIN = re.compile(r"^    \.(\\\S+|\w+) ?\((.*)\),?$", re.M)
_NAMED = re.compile(r"\(\*.*\*\)\n|wire [^=]*;\n")
_CLOCKED = ("always @(posedge ", "initial", "input ", "output ", "reg ")


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port, and its range as it is written: nothing for a port of one bit."""

    name: str
    is_input: bool
    range: str


def modules(verilog: str) -> dict[str, str]:
    """Each module's text by its name, in their order."""
    return {one[1]: one[0] for one in _MODULE.finditer(verilog)}


def ports(text: str) -> list[Port]:
    """Ports of one module; raise ``ValueError`` for one that is not declared on its own line."""
    found = [
        Port(name=name, is_input=way == "input", range=f"[{last}:0] " if last else "")
        for way, last, name in _PORT.findall(text)
    ]
    if len(found) != text.split(";", 1)[0].count(",") + 1:
        raise ValueError(f"unknown kind of port: {text.split('(', 1)[0]!r}")
    return found


def places(texts: Mapping[str, str], name: str) -> list[str]:
    """Modules among ``texts`` that module ``name`` places."""
    found = [_PLACE.match(item) for item in _items(texts[name])]
    return [place[1] for place in found if place and place[1] in texts]


def paths(texts: Mapping[str, str], name: str) -> dict[str, set[str]]:
    """Per output of module ``name`` the inputs that it follows; ``texts`` has all modules below.

    Raise ``ValueError`` for a statement that is none of those known.
    """
    return _paths(texts, name, {})


def _paths(
    texts: Mapping[str, str], name: str, known: dict[str, dict[str, set[str]]]
) -> dict[str, set[str]]:
    if name in known:
        return known[name]
    sources: dict[str, set[str]] = {}
    for item in _items(texts[name]):
        place = _PLACE.match(item)
        if item.startswith(_CLOCKED) or _NAMED.fullmatch(item):
            continue
        if item.startswith("assign "):
            target, value = item.removeprefix("assign ").split(" = ", 1)
            _join(sources, _NAME.findall(target), _NAME.findall(value + target))
        elif item.startswith("always @*"):
            used = _NAME.findall(item)
            for target in _TARGET.findall(item):
                _join(sources, _NAME.findall(target), used)
        elif place and place[1] in texts:
            pins = {pin: _NAME.findall(value) for pin, value in _PIN.findall(item)}
            if len(pins) != item.count("\n    ."):
                raise ValueError(f"module {name} has an unknown pin of {place[1]!r}")
            for output, inputs in _paths(texts, place[1], known).items():
                used = [one for pin in inputs for one in pins.get(pin, ())]
                _join(sources, pins.get(output, []), used)
        else:
            raise ValueError(f"module {name} has an unknown statement: {item.splitlines()[0]!r}")
    found = ports(texts[name])
    inputs = {port.name for port in found if port.is_input}
    outputs = [port.name for port in found if not port.is_input]
    known[name] = {port: _reached(sources, port) & inputs for port in outputs}
    return known[name]


def _items(text: str) -> list[str]:
    """Statements of a module, without the two spaces in front."""
    return _ITEM.findall(text.split(";", 1)[1].split("\n", 1)[1])


def _join(sources: dict[str, set[str]], targets: list[str], used: list[str]) -> None:
    for target in targets:
        sources.setdefault(target, set()).update(used)


def _reached(sources: Mapping[str, set[str]], port: str) -> set[str]:
    reached, waiting = {port}, [port]
    while waiting:
        more = sources.get(waiting.pop(), set()) - reached
        reached |= more
        waiting += more
    return reached
