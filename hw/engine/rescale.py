"""What brings an older sum to a larger maximum, and a row's scale to its head's."""

from amaranth.hdl import Cat, Const, Module, Mux, Value, signed, unsigned
from amaranth.lib import data

from golden.operator_spec import AttentionSpec
from golden.spec import RequantizeSpec
from hw.engine.plan import EnginePlan
from hw.ops.interpolate import Interpolation
from hw.pipeline import held

ALWAYS = Const(1)


def factor_layout(spec: AttentionSpec, plan: EnginePlan) -> data.StructLayout:
    """``2**-rise`` as ``mantissa * 2**-(factor_bits + places)``."""
    return data.StructLayout({
        "mantissa": unsigned(spec.factor_bits + 1),
        "places": unsigned(most_places(spec, plan).bit_length()),
    })


def most_places(spec: AttentionSpec, plan: EnginePlan) -> int:
    """Places beyond which nothing is left of a context."""
    return plan.context_bits(spec) + 2


def factor(m: Module, spec: AttentionSpec, plan: EnginePlan, rise: Value) -> Value:
    """The factor of a rise of the maximum, ``Interpolation.STAGES`` cycles later, as raw bits."""
    fraction_bits, most = spec.exponential.fraction_bits, most_places(spec, plan)
    m.submodules.factor = fraction = Interpolation(spec.factor)
    whole = rise[fraction_bits:]
    places = Mux(whole > most, most, whole)[: most.bit_length()]
    m.d.comb += [fraction.enable.eq(1), fraction.x.eq(rise)]
    return Cat(fraction.y, held(m, ALWAYS, "places", places, Interpolation.STAGES))


def shifted(spec: AttentionSpec, product: Value, places: Value) -> Value:
    """``round(product * 2**-(factor_bits + places))``: the end of a rescaling."""
    finer = (product >> (spec.factor_bits - 1)) >> places
    return (finer + 1) >> 1


def scale_layout(spec: RequantizeSpec) -> data.StructLayout:
    """A row scale with its head's multiplier in it, as ``EnginePlan`` requantizers read it."""
    return data.StructLayout({
        "mantissa": unsigned(spec.mantissa_bits),
        "exponent": signed(spec.exponent_bits),
    })


def head_scale(
    m: Module,
    name: str,
    enable: Value,
    spec: RequantizeSpec,
    multiplier: Value,
    mantissa: Value,
    exponent: Value,
) -> Value:
    """``golden.ops.quantize.head_scale`` one enabled cycle later, its exponent for ``narrowed``."""
    product = (multiplier * mantissa + (1 << 15)) >> 16
    lowest, highest = spec.exponent_range[0], spec.shift - 16
    raised = exponent + 1
    cut = Mux(raised > highest, highest, raised)
    if len(exponent) > spec.exponent_bits:
        cut = Mux(raised < lowest, lowest, cut)
    moved = cut + exponent_offset(spec)
    both = Cat(product[: spec.mantissa_bits], moved[: spec.exponent_bits])
    return held(m, enable, name, both)


def exponent_offset(spec: RequantizeSpec) -> int:
    """What the exponent of a narrow requantizer is above golden's, by its smaller shift."""
    return narrowed(spec, spec.accumulator_bits).shift - (spec.shift - 15)


def narrowed(spec: RequantizeSpec, bits: int) -> RequantizeSpec:
    """A requantizer of ``bits`` bits for rows that bring their whole scale, and without a bias."""
    return RequantizeSpec(
        accumulator_bits=min(bits, spec.accumulator_bits),
        multiplier_bits=1,
        mantissa_bits=spec.mantissa_bits,
        exponent_bits=spec.exponent_bits,
        bias_bits=3,
        bias_fraction_bits=1,
        shift=1 + spec.exponent_range[1],
        output_bits=spec.output_bits,
    )


def operands(spec: RequantizeSpec, sums: list[Value], mantissa: Value, exponent: Value) -> Value:
    """Payload of a requantizer of ``narrowed`` rows, its tag left out: no multiplier, no bias."""
    multipliers, biases = Const(-1, len(sums)), Const(0, spec.bias_bits * len(sums))
    return Cat(*sums, multipliers, biases, mantissa, exponent)
