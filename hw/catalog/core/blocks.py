"""Blocks of the macro, the core and its requantizer, by name."""

from collections.abc import Mapping

from golden.configs import CORES, MACROS, REQUANTIZERS
from hw.catalog.block import DEFAULT, Block
from hw.catalog.core.reference import core_beats, macro_beats, requantizer_beats
from hw.core.core import Core
from hw.core.plan import CorePlan
from hw.macro.macro import Macro
from hw.macro.plan import PLANS, MacroPlan
from hw.ops.plan import RequantizerPlan
from hw.ops.requantize import Requantizer

_MACRO_PLANS = {DEFAULT: MacroPlan(), **PLANS}

CORE_BLOCKS: Mapping[str, Block] = {
    "macro": Block(
        summary="CIM macro: inputs times stored weights, one sum per column",
        specs=MACROS,
        plans=_MACRO_PLANS,
        create=Macro,
        beats=macro_beats,
        require=lambda spec, plan: plan.require(spec),
        macro=lambda spec: spec,
    ),
    "core": Block(
        summary="several macros with partial sums and a requantizer",
        specs=CORES,
        plans={name: CorePlan(macro=plan) for name, plan in _MACRO_PLANS.items()},
        create=Core,
        beats=core_beats,
        require=lambda spec, plan: plan.require(spec),
        macro=lambda spec: spec.macro,
    ),
    "requantizer": Block(
        summary="accumulators to narrow codes, rounded once",
        specs=REQUANTIZERS,
        plans={DEFAULT: RequantizerPlan()},
        create=lambda spec, plan: Requantizer(
            spec, lanes=plan.requantizer_lanes, tag_bits=plan.tag_bits
        ),
        beats=lambda spec, plan, rng, count: requantizer_beats(
            spec, plan.requantizer_lanes, plan.tag_bits, rng, count
        ),
    ),
}
