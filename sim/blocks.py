"""Modules that are Verilator models of their own, called from the design that places them.

A machine has many copies of a core, and most of its units wait most of the time. As a block a
module is compiled once for all of its places, and a copy that would do again what it just did is
passed over (``sim/blocks.cpp``): that is so when no input has changed and the last edge of the
clock left every bit of its state as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.paths import Port, modules, paths, places, ports

MARK = "/*verilator hier_block*/"
"""What stands behind the header of a module that shall be a block.

It is a pragma of Verilator's own, which never reads it: ``split`` takes every one away.
"""

GLUE = Path(__file__).with_name("blocks.cpp")

_CLOCK = "clk"


@dataclass(frozen=True, kw_only=True)
class Block:
    """One module and all below it, as a model called ``prefix``."""

    prefix: str
    name: str
    verilog: str


@dataclass(frozen=True, kw_only=True)
class Split:
    """A design without its blocks, the blocks, and the C++ text in between."""

    top: str
    blocks: tuple[Block, ...] = ()
    glue: str = ""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Outputs that follow the same inputs, or some of them, without an edge of the clock."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def split(verilog: str, top: str = "top") -> Split:
    """Take the marked modules out of ``verilog``; raise ``ValueError`` as ``paths`` does."""
    if MARK not in verilog:
        return Split(top=verilog)
    texts = modules(verilog)
    head = verilog[: verilog.index("module ")]
    marked = [name for name, text in texts.items() if MARK in _behind_header(text)]
    blocks, shells, calls = [], {}, [GLUE.read_text()]
    for index, name in enumerate(marked):
        prefix = f"Block{index}"
        # Both edges count: there is nothing to be done with the clock low.
        body = "".join(texts[one] for one in _below(texts, name, frozenset()))
        body = body.replace(MARK, "").replace(f"@(posedge {_CLOCK})", f"@(edge {_CLOCK})")
        blocks.append(Block(prefix=prefix, name=name, verilog=head + body))
        found = [port for port in ports(texts[name]) if port.name != _CLOCK]
        groups = _groups(found, paths(texts, name))
        shells[name] = _shell(prefix, name, found, groups)
        calls.append(_calls(prefix, found, groups))
    rest = _below(texts, top, frozenset(marked))
    design = head + "".join(shells.get(one, texts[one]) for one in rest)
    return Split(top=design, blocks=tuple(blocks), glue="\n".join(calls))


def _behind_header(text: str) -> str:
    """What the line that ends a module's header has behind it."""
    return text.split(";", 1)[1].split("\n", 1)[0]


def _below(texts: dict[str, str], top: str, leaves: frozenset[str]) -> list[str]:
    """``top`` and the modules it needs, in the order of the text; ``leaves`` need none."""
    needed: set[str] = set()
    waiting = [top]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [] if name in leaves else places(texts, name)
    return [name for name in texts if name in needed]


def _groups(found: Sequence[Port], followed: dict[str, set[str]]) -> list[_Group]:
    """Outputs by what they follow: first those that follow nothing but the clock."""
    merged: list[tuple[set[str], set[str]]] = []
    for output, inputs in followed.items():
        same = [one for one in merged if (one[0] & inputs) or (not one[0] and not inputs)]
        merged = [one for one in merged if one not in same]
        merged.append((
            set(inputs).union(*(one[0] for one in same)),
            {output}.union(*(one[1] for one in same)),
        ))
    return [
        _Group(
            inputs=tuple(port for port in found if port.name in inputs),
            outputs=tuple(port for port in found if port.name in outputs),
        )
        for inputs, outputs in sorted(merged, key=lambda one: sorted(one[0]))
    ]


def _shell(prefix: str, name: str, found: Sequence[Port], groups: Sequence[_Group]) -> str:
    """The module that stands in the design: calls of the model."""
    inputs = [port for port in found if port.is_input]
    members = ", ".join([
        f"input {_CLOCK}",
        *(f"{'input' if one.is_input else 'output logic'} {one.range}{one.name}" for one in found),
    ])
    lines = [
        f"module {name}({members});",
        f'  import "DPI-C" function chandle {prefix}_create();',
        f'  import "DPI-C" function bit {prefix}_edge(',
        f"    input chandle model, input bit phase, {_formals(inputs)});",
        "  chandle model;",
        "  bit phase;",
        f"  initial model = {prefix}_create();",
        f"  always @(posedge {_CLOCK}) phase <= {prefix}_edge(model, phase, {_names(inputs)});",
    ]
    for number, group in enumerate(groups):
        passed = [*group.inputs, *group.outputs]
        lines += [
            f'  import "DPI-C" function void {prefix}_settle_{number}(',
            f"    input chandle model, input bit phase, {_formals(passed)});",
            f"  always_comb {prefix}_settle_{number}(model, phase, {_names(passed)});",
        ]
    return "\n".join([*lines, "endmodule\n"])


def _formals(passed: Sequence[Port]) -> str:
    ways = {True: "input", False: "output"}
    return ", ".join(f"{ways[one.is_input]} bit {one.range}{one.name}" for one in passed)


def _names(passed: Sequence[Port]) -> str:
    return ", ".join(one.name for one in passed)


def _calls(prefix: str, found: Sequence[Port], groups: Sequence[_Group]) -> str:
    """The functions that the module calls."""
    kind = f"{prefix}_type"
    inputs = [port for port in found if port.is_input]
    parts = [
        f'#include "{prefix}/{prefix}.h"',
        f'#include "{prefix}/{prefix}__Syms.h"',
        f"using {kind} = Block<{prefix}, {prefix}__Syms>;",
        f'extern "C" void* {prefix}_create() {{',
        f"    auto* block = new {kind};",
        "    block->model.eval();",
        "    return block;",
        "}",
        f'extern "C" svBit {prefix}_edge(void* model, svBit phase, {_parameters(inputs)}) {{',
        *_takes(kind, inputs),
        "    block.note(changed);",
        "    block.edge();",
        "    return !phase;",
        "}",
    ]
    for number, group in enumerate(groups):
        passed = _parameters([*group.inputs, *group.outputs])
        parts += [
            f'extern "C" void {prefix}_settle_{number}(void* model, svBit, {passed}) {{',
            *_takes(kind, group.inputs),
            "    block.settle(changed);",
            *(f"    give({_member(one)}, {one.name});" for one in group.outputs),
            "}",
        ]
    return "\n".join([*parts, ""])


def _takes(kind: str, inputs: Sequence[Port]) -> list[str]:
    return [
        f"    auto& block = *static_cast<{kind}*>(model);",
        "    bool changed = false;",
        *(f"    changed |= take({_member(one)}, {one.name});" for one in inputs),
    ]


def _member(port: Port) -> str:
    """How Verilator spells a port in C++: double underlines are its own."""
    return f"block.model.{port.name.replace('__', '___05F')}"


def _parameters(passed: Sequence[Port]) -> str:
    kinds = {(True, True): "const svBitVecVal* ", (True, False): "svBit ",
             (False, True): "svBitVecVal* ", (False, False): "svBit* "}  # fmt: skip
    return ", ".join(f"{kinds[one.is_input, bool(one.range)]}{one.name}" for one in passed)
