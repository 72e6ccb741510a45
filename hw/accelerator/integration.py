"""What an integrator gets beside the Verilog: register table, C header and driver, example.

All of it is made from ``hw.accelerator.registers``, ``hw.accelerator.faults`` and the top's ports.
"""

from collections.abc import Sequence

from amaranth.lib import wiring

from hw.accelerator.accelerator import Accelerator
from hw.accelerator.driver import driver, header
from hw.accelerator.example import example
from hw.accelerator.example_bench import testbench
from hw.accelerator.faults import MEANINGS
from hw.accelerator.layout import UNITS
from hw.accelerator.registers import Register, registers
from hw.manifest import module_name

ACCESS = {
    "read": "read",
    "write": "write",
    "both": "read, write",
    "clear": "read, write 1 to clear",
}


def integration_files(
    top: Accelerator, name: str, period_ns: float, sources: Sequence[str]
) -> dict[str, str]:
    """Return the files for ``top``, whose Verilog is ``sources``, with module ``NAME``."""
    module = module_name(name)
    return {
        f"{name}.f": "".join(f"{one}\n" for one in sources),
        f"{name}.sdc": constraints(top, period_ns),
        f"{name}_registers.md": register_table(name),
        f"{name}.h": header(name, top.configuration),
        f"{name}.c": driver(name),
        f"{name}_example.v": example(top, module),
        f"{name}_example_tb.v": testbench(top, module),
    }


def register_table(name: str) -> str:
    """The control registers in Markdown."""
    lines = [
        f"# Control registers of {name}",
        "",
        "32 bits each, on AXI4-Lite; other offsets answer with a slave error. Write whole words.",
        "",
        "| offset | register | access | after reset | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| 0x{one.offset:03x} | {one.name} | {ACCESS[one.access]} | {_initial(one)} "
        f"| {one.meaning} |"
        for one in registers()
    ]
    for one in registers():
        if one.bits:
            lines += ["", f"## {one.name}", "", "| bits | field | meaning |", "| --- | --- | --- |"]
            lines += [
                f"| {_range(bits.low, bits.width)} | {bits.name} | {bits.meaning} |"
                for bits in one.bits
            ]
    lines += ["", "## Faults", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    lines += ["", "Units of a fault: " + ", ".join(f"{i} {unit}" for i, unit in enumerate(UNITS))]
    lines[-1] += f", {len(UNITS)} memory port."
    return "\n".join(lines) + "\n"


def constraints(top: wiring.Component, period_ns: float) -> str:
    """Synopsys design constraints: one clock, and a third of its period outside at every port."""
    names: dict[bool, list[str]] = {True: ["rst"], False: []}
    for path, member, _ in top.signature.flatten(top):
        names[member.flow is wiring.In].append("__".join(map(str, path)))
    outside = f"{period_ns / 3:.3f}"
    lines = [f"create_clock -name clk -period {period_ns:.3f} [get_ports clk]"]
    for is_input, kind in ((True, "input"), (False, "output")):
        ports = " ".join(names[is_input])
        lines.append(f"set_{kind}_delay -clock clk {outside} [get_ports {{{ports}}}]")
    return "\n".join(lines) + "\n"


def _initial(one: Register) -> str:
    return f"0x{one.init:x}" if one.access in {"both", "clear"} else ""


def _range(low: int, width: int) -> str:
    return str(low) if width == 1 else f"{low + width - 1}:{low}"
