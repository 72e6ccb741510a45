"""The bench of an operator on its netlist after synthesis, with models for what stays a black box.

The netlist is the one whose area ``python -m hw area`` prints: every definition mapped to gates on
its own, bitcells as the behavioural model of the black box.
"""

from pathlib import Path
from typing import Any

from golden.spec import CoreSpec, MacroSpec
from hw.area.design import Design
from hw.area.library import GATES, Library
from hw.area.synthesis import synthesise
from hw.macro.bitcells import blackbox_model, blackbox_name
from hw.macro.macro import weight_halves
from hw.verilog import SynthesisPlatform, definitions
from hw.yosys import CACHE


def netlist(component: Any, library: Library = GATES, cache: Path = CACHE) -> str:
    """Return ``component`` after synthesis as Verilog, its top module called ``top``.

    Raise ``ValueError`` for a black box without a model.
    """
    modules = tuple(definitions(component, "top", SynthesisPlatform()))
    models = bitcell_models(getattr(component, "spec", None))
    unknown = sorted({box for module in modules for box in module.black_boxes} - models.keys())
    if unknown:
        raise ValueError(f"no model of the black box {unknown[0]!r}: give it one")
    design = Design(name="top", modules=modules, copies={}, storage_bits=0)
    mapped = [synthesise(one, design.stubs(one), library, cache).verilog for one in modules]
    return "\n".join([*models.values(), *mapped])


def bitcell_models(spec: Any) -> dict[str, str]:
    """Return Verilog of the bitcells that a component with ``spec`` may place, by module name."""
    macro = spec.macro if isinstance(spec, CoreSpec) else spec
    halves = weight_halves(macro) if isinstance(macro, MacroSpec) else []
    return {blackbox_name(half): blackbox_model(half) for half in halves}
