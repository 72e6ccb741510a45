"""Verilog around one case: a counter that becomes its inputs, both forms, and their comparison."""

from collections.abc import Iterator, Sequence

from amaranth.hdl import Shape
from amaranth.lib import data

from hw.macro.step import digit_count, step_layout
from hw.verilog import SimulationPlatform, emit
from sim.equivalence.cases import RANDOM_BITS, Case, StepSums, sum_layouts
from sim.equivalence.random_numbers import RANDOM

_NOT_READ = {"set", "first", "last"}
"""Fields of a step that are for the column's registers, not for its sum."""

_INPUTS = ("step", "weights", "addend")
_SUMS = ("addend", "words", "gates")

_CHOICE_BITS = 3
"""Bits of the counter that choose an addend, where not every addend is tried."""

_Leaf = tuple[str, int, int]
"""Name, first bit and width of a number in a layout."""

_MODULE = """\
module counter_{index} (input wire tick, output reg [31:0] left_out,
  output wire [{step_top}:0] step, output wire [{weights_top}:0] weights,
  output wire [{sum_top}:0] addend, input wire [{sum_top}:0] words, input wire [{sum_top}:0] gates);
  reg [31:0] n = 0;
  initial left_out = 0;
{assignments}
  wire possible = {possible};
  always @(edge tick) begin
    n <= n + 1;
    if (!possible) left_out <= left_out + 1;
    else if (words != gates) begin
      $display("step %h, weights %h, addend %h give words %h and gates %h",
        step, weights, addend, words, gates);
      $finish;
    end
  end
endmodule
"""

_COMMON = "  wire [31:0] common = hash(~n);"


class GatesPlatform(SimulationPlatform):
    """The synthesised form of the arithmetic, on its own."""

    arithmetic = "gates"


def bench(cases: Sequence[Case]) -> tuple[str, list[int]]:
    """Return Verilog with both forms of all ``cases``, and how many inputs each counts through.

    An edge of ``tick_0`` compares case 0 at its input and takes the next one; ``left_out_0`` counts
    those that no feeder can give. A difference is displayed, and finishes the simulation.
    """
    total = StepSums(cases)
    # This one only tells widths: each form is emitted from one of its own.
    total._MustUse__used = True
    modules, wires, counts = [], [], []
    ports = {form: [".clk(1'b0)", ".rst(1'b0)"] for form in ("words", "gates")}
    for index, case in enumerate(cases):
        bits, assignments = (_random if case.method == "random" else _counted)(case)
        tops = {
            name: Shape.cast(total.signature.members[f"{name}_{index}"].shape).width - 1
            for name in ("step", "weights", "sum")
        }
        modules.append(
            _MODULE.format(
                index=index,
                **{f"{name}_top": top for name, top in tops.items()},
                assignments="\n".join(assignments),
                possible=" && ".join(_possible(case)) or "1'b1",
            )
        )
        counts.append(1 << bits)
        wires.append(_place(index, tops))
        for form in ports:
            ports[form] += [f".{name}_{index}({name}_{index})" for name in _INPUTS]
            ports[form].append(f".sum_{index}({form}_{index})")
    heads = [f"input wire tick_{k}, output wire [31:0] left_out_{k}" for k in range(len(cases))]
    places = [f"{form} {form} ({', '.join(listed)});" for form, listed in ports.items()]
    top = [f"module top ({', '.join(heads)});", *wires, *places, "endmodule"]
    words = emit(StepSums(cases), "words", SimulationPlatform())
    gates = emit(StepSums(cases), "gates", GatesPlatform())
    return "\n".join([words, gates, *modules, *top, ""]), counts


def _place(index: int, tops: dict[str, int]) -> str:
    wires = {"step": "step", "weights": "weights"} | dict.fromkeys(_SUMS, "sum")
    lines = [f"wire [{tops[kind]}:0] {name}_{index};" for name, kind in wires.items()]
    links = ", ".join(f".{name}({name}_{index})" for name in ("tick", "left_out", *wires))
    return "\n".join([*lines, f"counter_{index} counter_{index} ({links});"])


def _counted(case: Case) -> tuple[int, list[str]]:
    """Slice the counter into the numbers of the step, the weights and the addend."""
    lines, used = [], 0
    for port, name, first, width in _numbers(case):
        if name in _NOT_READ or name in _never_set(case):
            lines.append(f"  assign {port}[{first} +: {width}] = 0;")
        elif name in _always_set(case):
            lines.append(f"  assign {port}[{first} +: {width}] = 1;")
        elif port == "addend" and case.method == "chosen addends":
            token = first // width
            choice = f"choice_{token}"
            place = f"n[{used} +: {_CHOICE_BITS}]"
            lines += [
                f"  wire [{_CHOICE_BITS - 1}:0] {choice} = {place} + {3 * token};",
                f"  assign {port}[{first} +: {width}] = {_addends(choice, width)};",
            ]
        else:
            lines.append(f"  assign {port}[{first} +: {width}] = n[{used} +: {width}];")
            used += width
    return used + (_CHOICE_BITS if case.method == "chosen addends" else 0), lines


def _addends(choice: str, width: int) -> str:
    """The ends of the range, its middle, alternating bits, and two that look random."""
    ones, half = (1 << width) - 1, 1 << (width - 1)
    alternating = ones // 3
    values = [0, ones, half, half - 1, alternating, ones ^ alternating]
    chosen = [f"{choice} == {index} ? {width}'d{value}" for index, value in enumerate(values)]
    return " : ".join([*chosen, f"(n * 32'h9e3779b1) >> ({choice} == 6 ? 9 : 3)"])


def _random(case: Case) -> tuple[int, list[str]]:
    """Every fourth input has numbers of one kind, the others each of their own."""
    lines = [RANDOM, _COMMON]
    numbers = list(_numbers(case))
    for index, (port, name, first, width) in enumerate(numbers):
        value = "1" if name in _always_set(case) else "0"
        if name not in _NOT_READ | _never_set(case) | _always_set(case):
            seed = f"n * {2 * len(numbers)} + {2 * index}"
            kind = f"common[1:0] == 0 ? common >> 2 : hash({seed})"
            value = f"number({kind}, {seed} + 1, {width})"
        lines.append(f"  assign {port}[{first} +: {width}] = {value};")
    return RANDOM_BITS, lines


def _numbers(case: Case) -> Iterator[tuple[str, str, int, int]]:
    layouts = sum_layouts(case)
    for port in _INPUTS:
        for name, first, width in _leaves(layouts[port], port, 0):
            yield port, name, first, width


def _leaves(shape: object, name: str, first: int) -> Iterator[_Leaf]:
    if isinstance(shape, data.ArrayLayout):
        width = Shape.cast(shape.elem_shape).width
        for index in range(shape.length):
            yield from _leaves(shape.elem_shape, name, first + index * width)
    elif isinstance(shape, data.Layout):
        for member, field in shape:
            yield from _leaves(field.shape, str(member), first + field.offset)
    else:
        yield name, first, Shape.cast(shape).width


def _never_set(case: Case) -> set[str]:
    """Numbers of a step that stay zero: an unsigned input or a magnitude has no negative digit."""
    magnitude = case.plan.encoding == "sign_magnitude"
    return {"negative"} if magnitude or case.spec.input_sign == "unsigned" else set()


def _always_set(case: Case) -> set[str]:
    """Numbers of a step that stay one: a signed input taken whole has the negative digit."""
    whole = case.spec.input_sign == "signed" and digit_count(case.spec, case.plan) == 1
    return {"negative"} if whole and case.plan.encoding == "twos_complement" else set()


def _possible(case: Case) -> Iterator[str]:
    """Conditions on a step: a digit that counts has a place in the input, and a lane."""
    layout, digits = step_layout(case.spec, case.plan), digit_count(case.spec, case.plan)
    if case.plan.feeder == "ring":
        bits, shifts = layout["bits"].offset, layout["shift"]
        width = Shape.cast(shifts.shape.elem_shape).width
        for lane in range(case.spec.lanes):
            place = f"step[{shifts.offset + lane * width} +: {width}]"
            yield f"(!step[{bits + lane}] || {place} < {digits})"
    for helper in range(case.plan.helpers):
        array = layout["helpers"]
        members = array.shape.elem_shape
        start = array.offset + helper * members.size
        digit, chosen, shift = (
            f"step[{start + members[name].offset} +: {members[name].width}]"
            for name in ("digit", "lane", "shift")
        )
        yield f"({digit} == 0 || ({chosen} < {case.spec.lanes} && {shift} < {digits}))"
