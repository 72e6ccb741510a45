"""What is mutated: rows of the operator table at reduced specs that use every bit they have."""

from golden.configs import MACROS
from golden.spec import MacroSpec
from hw.macro.plan import PLANS
from sim.operators import OPERATORS, operator
from sim.row import Operator, Point

TARGETS = {
    "macro": {
        "fixed": Point(spec=MACROS["tiny"], plan=PLANS["fixed"]),
        "pairs": Point(spec=MACROS["tiny"], plan=PLANS["pairs"]),
        # Eight lanes can leave more than two helpers take in three steps: all four steps occur.
        "spill-2": Point(
            spec=MacroSpec(columns=2, weight_sets=2, input_bits=4, weight_bits=4),
            plan=PLANS["spill-2"],
        ),
    },
    "core": {"pairs": operator("core").point("pairs")},
    "softmax": {"small": operator("softmax").point("small")},
    "softmax_divider": {"small": operator("softmax_divider").point("small")},
    "max_finder": {name: operator("max_finder").point(name) for name in ("radix-4", "steps")},
    "top_k": {"narrow": operator("top_k").point("narrow")},
    "layer_norm": {"small": operator("layer_norm").point("small")},
}
"""Points of each row, by name; of any other row those that ``make test`` runs in Verilator."""


def targets(name: str) -> tuple[Operator, dict[str, Point]]:
    """Return the row ``name`` and its points; raise ``ValueError`` naming the known ones."""
    if name not in OPERATORS:
        known = dict.fromkeys((*TARGETS, *OPERATORS))
        raise ValueError(f"no target {name!r}: use one of {', '.join(known)}")
    row = operator(name)
    quick = {key: point for key, point in row.points.items() if point.quick}
    return row, TARGETS.get(name, quick)
