"""Products a second of a design at the clock that nextpnr reports."""

from fpga.boards import board
from fpga.build import Report
from fpga.design import StreamDesign
from hw.macro.step import digit_count


def rate(report: Report) -> float | None:
    """GMAC/s of a macro whose inputs never pause: MACs of a vector, clock, cycles of a vector.

    None for designs that are no macro.
    """
    design = board(report.board).design(report.design)
    if not isinstance(design, StreamDesign) or design.row not in ("macro", "pipelined_macro"):
        return None
    spec = design.point.spec
    plan = design.point.plan.macro if design.row == "pipelined_macro" else design.point.plan
    products = spec.lanes * spec.columns * plan.tokens
    return products * report.megahertz / 1000 / digit_count(spec, plan)
