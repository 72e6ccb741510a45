"""The accelerator as an integrator gets it: Verilog, manifest, and all that goes with it."""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from hw.accelerator.accelerator import Accelerator
from hw.accelerator.axi import BOUNDARY, BURST_BEATS, MASTER, SLAVE
from hw.accelerator.guide import guide
from hw.accelerator.integration import integration_files
from hw.accelerator.plan import PLANS, AcceleratorPlan, with_feeder
from hw.generate import (
    Arithmetic,
    Cells,
    GeneratorPlatform,
    bitcell_models,
    module_name,
    require_name,
)
from hw.guide import FOOTER, header
from hw.verilog import emit

BLOCK = "accelerator"
SUMMARY = "a machine for every network, behind AXI4 and AXI4-Lite"

HANDSHAKE = (
    "All ports are synchronous to the rising edge of clk; rst is synchronous and active high.",
    f"{SLAVE} is AXI4-Lite of 32 bits: the control registers; write whole words.",
    f"{MASTER} is AXI4: one id, whole beats, incrementing bursts of at most {BURST_BEATS} beats.",
    f"No burst crosses a multiple of {BOUNDARY} bytes.",
    "interrupt is a level, high until the host clears it.",
)
"""Rules of the ports."""

_PERIODS = 0.1, 1000.0
_MODULE = re.compile(r"^module .*?^endmodule$", re.M | re.DOTALL)
_CONSTANT = re.compile(r"^  always @\*\n(    (\S+) ?\[[\d:]+\] = \d+'h\w+;\n)", re.M)


@dataclass(frozen=True, kw_only=True)
class PackageSpec:
    """What is asked for.

    config
        Sizes: a name of ``hw.accelerator.plan.PLANS``.
    feeder
        How macros compute products: a name of ``hw.accelerator.plan.FEEDERS``.
    period
        Of the clock in the constraints, nanoseconds.
    """

    config: str = "tiny"
    feeder: str = "pairs"
    period: float = 5.0

    def __post_init__(self) -> None:
        if self.config not in PLANS:
            raise ValueError(f"config must be one of {', '.join(PLANS)}, not {self.config!r}")
        low, high = _PERIODS
        if not low <= self.period <= high:
            raise ValueError(f"period must be {low:g} to {high:g} ns, not {self.period:g}")
        with_feeder(PLANS[self.config], self.feeder)

    @property
    def plan(self) -> AcceleratorPlan:
        """What decides the RTL."""
        return with_feeder(PLANS[self.config], self.feeder)


def package(
    choices: Mapping[str, Any] | None = None,
    *,
    rename: str | None = None,
    arithmetic: Arithmetic = "gates",
    bitcells: Cells = "memory",
) -> dict[str, str]:
    """Return the accelerator's files by their names; same input, same text.

    Parameters
    ----------
    choices : fields of ``PackageSpec`` that differ from its defaults
    rename : name of the files and of the top module (with ``_`` for ``-``)
    arithmetic, bitcells : forms, see ``hw.verilog.VerilogPlatform``
    """
    choices = choices or {}
    allowed = [field.name for field in fields(PackageSpec)]
    for field in choices:
        if field not in allowed:
            raise ValueError(f"{field} is no field of {BLOCK!r}: it has {', '.join(allowed)}")
    spec = PackageSpec(**choices)
    name = require_name(BLOCK if rename is None else rename)
    platform = GeneratorPlatform(arithmetic, bitcells)
    version, module = importlib.metadata.version("cimera"), module_name(name)
    top = Accelerator(spec.plan)
    verilog = constants_settled(emit(top, module, platform))
    files = {f"{name}.v": header(name, version, SUMMARY) + verilog + FOOTER}
    if bitcells == "blackbox":
        column = spec.plan.engine_plan.column(spec.plan.attention_spec)
        models = bitcell_models(spec.plan.core_spec.macro) | bitcell_models(column)
        files[f"{name}_bitcells.v"] = "\n".join(models.values())
    sources = list(files)
    files |= integration_files(top, name, spec.period, sources)
    files[f"{name}.md"] = guide(name, module, spec.config, sources)
    told = {
        **{"cimera": version, "name": name, "block": BLOCK, "summary": SUMMARY, "module": module},
        **{"config": spec.config, "feeder": spec.feeder, "period_ns": spec.period},
        **{"configuration": top.configuration, "plan": asdict(spec.plan)},
        **{"arithmetic": arithmetic, "bitcells": bitcells, "handshake": list(HANDSHAKE)},
        "ports": _ports(top),
        "files": {one: hashlib.sha256(text.encode()).hexdigest() for one, text in files.items()},
    }
    return files | {f"{name}.json": json.dumps(told, indent=2) + "\n"}


def constants_settled(verilog: str) -> str:
    """Set constant bits of a variable where its other bits are: alone they wait for no signal.

    ``always @*`` over a constant never runs in a simulator, and the bits stay unknown.
    """
    return _MODULE.sub(lambda module: _settled(module[0]), verilog)


def _settled(module: str) -> str:
    for constant in list(_CONSTANT.finditer(module)):
        block, line, name = constant[0], constant[1], constant[2]
        others = module.replace(block, "", 1)
        of_name = rf"^  always @\* begin\n(?=(?:    .*\n)*?    +{re.escape(name)} ?\[)"
        begin = re.search(of_name, others, re.M)
        if begin is not None:
            module = others[: begin.end()] + line + others[begin.end() :]
    return module


def _ports(top: Accelerator) -> list[dict[str, Any]]:
    """Every port with its meaning: those of a bus by the standard's names."""
    ports: list[dict[str, Any]] = [
        {"name": "clk", "direction": "input", "width": 1, "meaning": "clock"},
        {"name": "rst", "direction": "input", "width": 1, "meaning": "reset, active high"},
    ]
    buses = {MASTER: "AXI4 master", SLAVE: "AXI4-Lite slave"}
    for path, member, _ in top.signature.flatten(top):
        name = str(path[0])
        prefix, _, signal = name.rpartition("_")
        ports.append({
            "name": name,
            "direction": "input" if member.flow is In else "output",
            "width": Shape.cast(member.shape).width,
            "meaning": f"{buses[prefix]}, {signal.upper()}"
            if prefix in buses
            else "a program has ended or failed",
        })
    return ports
