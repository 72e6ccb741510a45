"""Products a second of a design at the clock that nextpnr reports."""

from fractions import Fraction

from fpga.boards import board
from fpga.build import Report
from fpga.design import AcceleratorDesign, Design, StreamDesign
from golden.spec import MacroSpec
from hw.macro.plan import MacroPlan
from hw.macro.step import digit_count


def rate(report: Report) -> float | None:
    """GMAC/s of a design whose inputs never pause: its products per cycle, times its clock.

    None for designs that make none.
    """
    products = _per_cycle(board(report.board).design(report.design))
    return None if products is None else float(products * Fraction(report.megahertz) / 1000)


def _per_cycle(design: Design) -> Fraction | None:
    """MACs in a cycle: of a macro, an engine, or all cores and the engine of an accelerator."""
    if isinstance(design, AcceleratorDesign):
        plan = design.plan
        macros = plan.machine.cores * plan.core_spec.macros
        engine = plan.engine_plan.lanes * plan.attention_spec.key_block
        return macros * _of_macro(plan.core_spec.macro, plan.macro) + engine
    if isinstance(design, StreamDesign) and design.row == "engine":
        return Fraction(design.point.plan.lanes * design.point.spec.key_block)
    if not isinstance(design, StreamDesign) or design.row not in ("macro", "pipelined_macro"):
        return None
    plan = design.point.plan.macro if design.row == "pipelined_macro" else design.point.plan
    return _of_macro(design.point.spec, plan)


def _of_macro(spec: MacroSpec, plan: MacroPlan) -> Fraction:
    return Fraction(spec.lanes * spec.columns * plan.tokens, digit_count(spec, plan))
