"""What an old context is shifted by."""

from amaranth.hdl import Const, Shape, unsigned

from golden.operator_spec import AttentionSpec
from hw.engine.plan import EnginePlan

ALWAYS = Const(1)


def most_places(spec: AttentionSpec, plan: EnginePlan) -> int:
    """Places beyond which nothing is left of a context."""
    return plan.context_bits(spec) + 2


def places_shape(spec: AttentionSpec, plan: EnginePlan) -> Shape:
    """How far an old context is shifted."""
    return unsigned(most_places(spec, plan).bit_length())
