"""Macros with their columns as one module beside those with a module for each, cycle by cycle.

``sim.macro_columns`` keeps registers of 32 bits where a column has as many as it needs,
and writes weights in the block that reads them. Both macros get the same vectors, weights and
pauses, random and extreme, and every bit of every port must be the same in every cycle.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Value

from golden.spec import MacroSpec
from hw.macro.column import plan_key, spec_key
from hw.macro.macro import Macro
from hw.macro.plan import MacroPlan
from hw.verilog import emit
from sim.equivalence.random_numbers import RANDOM
from sim.macro_columns import PREFIX, with_columns

CYCLE_BITS = 20
"""Each macro runs ``2**CYCLE_BITS`` cycles."""

_STREAMS = ("i", "weights", "o")


@dataclass(frozen=True, kw_only=True)
class MacroCase:
    """One macro in both forms."""

    spec: MacroSpec
    plan: MacroPlan

    @property
    def name(self) -> str:
        """Verilog-safe name, different for every case."""
        return f"macro_{spec_key(self.spec)}_{plan_key(self.plan)}"

    @property
    def method(self) -> str:
        """What is compared."""
        return "columns, cycle by cycle"


def macro_cases() -> list[MacroCase]:
    """Small macros that see every vector with every weight, and those of the accelerators."""
    small = MacroSpec(lanes=2, columns=2, weight_sets=2, input_bits=4, weight_bits=2)
    unsigned = MacroSpec(
        lanes=3, columns=2, weight_sets=1, input_bits=4, weight_bits=3, weight_signed=False
    )
    plans = [MacroPlan(weight_lanes=1, products="plain", bits_per_cycle=bits) for bits in (1, 2, 4)]
    found = [MacroCase(spec=spec, plan=plan) for spec in (small, unsigned) for plan in plans]
    whole = MacroSpec(lanes=8, columns=32, weight_sets=4)
    for plan in (
        MacroPlan(weight_lanes=2),
        MacroPlan(weight_lanes=2, products="plain", bits_per_cycle=1),
    ):
        found.append(MacroCase(spec=whole, plan=plan))
    return found


def columns_bench(cases: Sequence[MacroCase]) -> tuple[str, list[int]]:
    """Verilog of both forms of all ``cases`` in lock-step, and how many cycles each runs.

    Ports as those of ``sim.equivalence.wrapper.bench``: an edge of ``tick_0`` is half a cycle.
    """
    modules, heads, places = [], [], []
    for index, case in enumerate(cases):
        macro = Macro(case.spec, case.plan)
        widths = {name: len(Value.cast(getattr(macro, name).payload)) for name in _STREAMS}
        each = emit(macro, f"each_{index}")
        together = with_columns(emit(Macro(case.spec, case.plan), case.name), case.spec, case.plan)
        if PREFIX not in together:
            raise ValueError(f"{case.name} has no form with its columns as one module")
        modules += [
            _renamed(each, f"each{index}_", f"each_{index}"),
            _renamed(together, f"together{index}_", ""),
            _lockstep(index, case, widths),
        ]
        heads.append(f"input wire tick_{index}, output wire [31:0] left_out_{index}")
        places.append(
            f"lockstep_{index} lockstep_{index} (.tick(tick_{index}), .left_out(left_out_{index}));"
        )
    top = [f"module top ({', '.join(heads)});", *places, "endmodule"]
    return "\n".join([*modules, *top, ""]), [2 << CYCLE_BITS] * len(cases)


def _renamed(verilog: str, prefix: str, kept: str) -> str:
    """The same modules under names of their own."""
    names = set(re.findall(r"^module (\\?[^\s(]+)", verilog, re.M)) - {kept}
    for name in sorted(names, key=len, reverse=True):
        bare = name.removeprefix("\\")
        new = f"\\{prefix}{bare}" if name.startswith("\\") else f"{prefix}{bare}"
        pattern = rf"^(\s*(?:module )?){re.escape(name)}(?=[\s(])"
        replacement = r"\g<1>" + new.replace("\\", "\\\\")
        verilog = re.sub(pattern, replacement, verilog, flags=re.M)
    return verilog


def _lockstep(index: int, case: MacroCase, widths: dict[str, int]) -> str:
    """A module that drives both macros and compares them."""
    forms = {"each": f"each_{index}", "together": f"together{index}_{case.name}"}
    lines = [
        f"module lockstep_{index} (input wire tick, output wire [31:0] left_out);",
        "  reg [31:0] n = 0;",
        "  assign left_out = 0;",
        RANDOM,
        f"  reg [{widths['i'] - 1}:0] i = 0;",
        f"  reg [{widths['weights'] - 1}:0] weights = 0;",
        "  reg i_valid = 0, weights_valid = 0, o_ready = 0, rst = 1;",
    ]
    outputs = {"i_ready": 1, "weights_ready": 1, "o_valid": 1, "o": widths["o"]}
    for form, module in forms.items():
        lines += [f"  wire [{width - 1}:0] {form}_{name};" for name, width in outputs.items()]
        lines.append(
            f"  {module} {form} (.clk(tick), .rst(rst), .i__payload(i), .i__valid(i_valid), "
            ".weights__payload(weights), .weights__valid(weights_valid), .o__ready(o_ready), "
            + ", ".join(
                f".{name.replace('_', '__') if name != 'o' else 'o__payload'}({form}_{name})"
                for name in outputs
            )
            + ");"
        )
    told = "{" + ", ".join(f"each_{name}" for name in outputs) + "}"
    same = "{" + ", ".join(f"together_{name}" for name in outputs) + "}"
    drawn = {
        name: [
            f"      if (!{name}_valid || each_{name}_ready) {name}[{first} +: {bits}] "
            f"<= number(hash(n * 977 + {2 * k + seed}), n * 1009 + {2 * k + seed + 1}, {bits});"
            for k, (first, bits) in enumerate(_parts(widths[name], case.spec, name))
        ]
        for seed, name in ((0, "i"), (4096, "weights"))
    }
    lines += [
        "  always @(posedge tick) begin",
        "    n <= n + 1;",
        "    rst <= n < 2;",
        f"    if (n > 2 && {told} !== {same}) begin",
        '      $display("cycle %0d: columns as one module differ", n);',
        "      $finish;",
        "    end",
        "    if (!rst) begin",
        "      if (!i_valid || each_i_ready) i_valid <= hash(n * 3 + 1) % 8 != 0;",
        "      if (!weights_valid || each_weights_ready)",
        "        weights_valid <= hash(n * 3 + 2) % 4 == 0;",
        "      o_ready <= hash(n * 5 + 3) % 8 != 0;",
        *drawn["i"],
        *drawn["weights"],
        "    end",
        "  end",
        "endmodule",
    ]
    return "\n".join(lines)


def _parts(width: int, spec: MacroSpec, name: str) -> list[tuple[int, int]]:
    """First bit and width of the numbers of a payload, the rest bit by bit."""
    bits = spec.input_bits if name == "i" else spec.weight_bits
    whole = [(first, bits) for first in range(0, width - bits + 1, bits)]
    used = len(whole) * bits
    return whole + [(first, 1) for first in range(used, width)]
