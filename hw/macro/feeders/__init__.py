"""Feeders: each turns input vectors into steps for the columns."""

from golden.spec import MacroSpec
from hw.macro.feeders.base import Feeder
from hw.macro.feeders.fixed import FixedFeeder
from hw.macro.feeders.ring import RingFeeder
from hw.macro.feeders.skip import SkipFeeder
from hw.macro.feeders.spill import SpillFeeder
from hw.macro.plan import MacroPlan

__all__ = ["Feeder", "create_feeder"]


def create_feeder(spec: MacroSpec, plan: MacroPlan) -> Feeder:
    """Return the feeder that the plan names."""
    kinds = {"fixed": FixedFeeder, "skip": SkipFeeder, "ring": RingFeeder, "spill": SpillFeeder}
    return kinds[plan.feeder](spec, plan)
