"""A macro's columns as one Verilog module: the same circuit, four times as quick to simulate.

A machine has thousands of columns. Each by itself is a function that asks in every cycle whether
there is something to do; one module for all columns of a macro asks once. ``python -m sim
equivalence`` runs this form beside that of ``hw.macro.column``, cycle by cycle.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product

from golden.spec import MacroSpec
from hw.macro.column import Column, plan_key, spec_key
from hw.macro.drive import drive_layout
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count

PREFIX = "columns_"
"""First letters of the modules' names."""

_INSTANCE = r"^  {module} column_(\d+) \(\n((?:    \..*\n)*)  \);\n"
_PORT = re.compile(r"^    \.(\w+)\((.*)\),?$", re.M)
_OF_EACH = ("o", "write_data")


def supported(spec: MacroSpec, plan: MacroPlan) -> bool:
    """Whether there is such a form of this macro: of those of the feeder ``fixed``."""
    fits = spec.weight_bits <= 8 and spec.sum_bits <= 32
    return plan.feeder == "fixed" and plan.tokens == 1 and fits


def with_columns(verilog: str, spec: MacroSpec, plan: MacroPlan) -> str:
    """``verilog`` with the columns of the macro of this spec and plan as one module."""
    if not supported(spec, plan):
        return verilog
    column = Column(spec, plan)
    column._MustUse__used = True  # only its name is wanted
    places = re.compile(_INSTANCE.format(module=re.escape(column.key)), re.M)
    head = re.compile(
        rf"^module macro_{spec_key(spec)}_{plan_key(plan)}\(.*?^endmodule\n", re.M | re.S
    )
    found = head.search(verilog)
    if found is None:
        return verilog
    text = found[0]
    ports = {int(place[1]): dict(_PORT.findall(place[2])) for place in places.finditer(text)}
    if sorted(ports) != list(range(spec.columns)):
        raise ValueError(f"the macro has columns {sorted(ports)}, not {spec.columns}")
    # Amaranth names the outputs' wires; as parts of one port they keep their names.
    joined = {
        name: "{" + ", ".join(ports[index][name] for index in reversed(range(spec.columns))) + "}"
        for name in _OF_EACH
    }
    shared = {name: value for name, value in ports[0].items() if name not in _OF_EACH}
    wired = ",\n".join(f"    .{name}({value})" for name, value in {**shared, **joined}.items())
    name = columns_key(spec, plan)
    text = places.sub("", text).replace(
        "endmodule\n", f"  {name} columns (\n{wired}\n  );\nendmodule\n"
    )
    return columns_verilog(spec, plan) + verilog[: found.start()] + text + verilog[found.end() :]


def columns_key(spec: MacroSpec, plan: MacroPlan) -> str:
    """Name of the module of all columns of a macro."""
    return f"{PREFIX}{spec_key(spec)}_{plan_key(plan)}"


def columns_verilog(spec: MacroSpec, plan: MacroPlan) -> str:
    """Verilog of all columns of a macro; ports as of one, ``o`` and ``write_data`` of all.

    The sums are ``hw.macro.column.Column``'s: ``high = (high >> b) + sum(value[l] * w[set][l])``,
    what is shifted out of ``high`` goes into ``low``, and ``o = {high, low}``.
    """
    columns, lanes, low_bits = range(spec.columns), range(spec.lanes), _low_bits(spec, plan)
    high_bits = spec.sum_bits - low_bits
    sums = [f"high_{c}[{high_bits - 1}:0]" + (f", low_{c}" if low_bits else "") for c in columns]
    signals = [
        f"cells [0:{max(2, spec.weight_sets) - 1}][0:{spec.lanes - 1}][0:{spec.columns - 1}]",
        *(f"value_{lane}" for lane in lanes),
        *(f"high_{c}" for c in columns),
    ]
    lows = [f"low_{c}" for c in columns] if low_bits else []
    data_bits = spec.columns * plan.weight_lanes * spec.weight_bits
    ports = {
        **{name: f"input {name};" for name in ("clk", "rst", "enable", "first")},
        "set": f"input [{spec.set_bits - 1}:0] set;",
        "write_set": f"input [{spec.set_bits - 1}:0] write_set;",
        "write": f"input [{spec.lanes - 1}:0] write;",
        "write_data": f"input [{data_bits - 1}:0] write_data;",
        "drive": f"input [{drive_layout(spec, plan).size - 1}:0] drive;",
        "o": f"output [{spec.columns * spec.sum_bits - 1}:0] o;",
    }
    return f"""\
module {columns_key(spec, plan)}({", ".join(ports)}); /*verilator no_inline_module*/
{_lines("  ", ports.values())}
{_lines("  ", [f"reg signed [31:0] {name};" for name in signals])}
{_lines("  ", [f"reg [{low_bits - 1}:0] {name};" for name in lows])}
  always @(posedge clk) begin
    if (enable) begin
{_lines("      ", [*_values(spec, plan), *_sums(spec, plan)])}
    end
    // Nobody else reads the cells, and this block has read them.
    if (|write) begin
{_lines("      ", _writes(spec, plan))}
    end
  end
  assign o = {{{", ".join(reversed(sums))}}};
endmodule
"""


def _low_bits(spec: MacroSpec, plan: MacroPlan) -> int:
    return (digit_count(spec, plan) - 1) * plan.bits_per_cycle


def _values(spec: MacroSpec, plan: MacroPlan) -> Iterator[str]:
    """The digit of each lane as a number of 32 bits."""
    width = plan.bits_per_cycle + 1
    for lane in range(spec.lanes):
        sign = f"{{{32 - width}{{drive[{(lane + 1) * width - 1}]}}}}"
        yield f"value_{lane} = {{{sign}, drive[{lane * width} +: {width}]}};"


def _sums(spec: MacroSpec, plan: MacroPlan) -> Iterator[str]:
    """The step of each column's accumulator."""
    step, low_bits = plan.bits_per_cycle, _low_bits(spec, plan)
    for c in range(spec.columns):
        total = " + ".join(f"value_{lane} * cells[set][{lane}][{c}]" for lane in range(spec.lanes))
        kept = f"(first ? 0 : high_{c} >>> {step}) + " if low_bits else ""
        yield f"high_{c} <= {kept}{total};"
        if low_bits:
            rest = f", low_{c}[{low_bits - 1}:{step}]" if low_bits > step else ""
            yield f"low_{c} <= {{high_{c}[{step - 1}:0]{rest}}};"


def _writes(spec: MacroSpec, plan: MacroPlan) -> Iterator[str]:
    """Each lane's weights, with their signs."""
    bits = spec.weight_bits
    for lane, c in product(range(spec.lanes), range(spec.columns)):
        first = (c * plan.weight_lanes + lane % plan.weight_lanes) * bits
        weight = f"write_data[{first} +: {bits}]"
        weight = f"$signed({weight})" if spec.weight_signed else f"$signed({{1'b0, {weight}}})"
        yield f"if (write[{lane}]) cells[write_set][{lane}][{c}] = {weight};"


def _lines(indent: str, lines: Iterable[str]) -> str:
    return "\n".join(indent + line for line in lines)
