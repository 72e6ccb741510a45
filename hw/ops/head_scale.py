"""Rows that are rescaled by one scale, their head's multiplier in it: no multiplier per column."""

from amaranth.hdl import Cat, Const, Module, Mux, Value

from golden.spec import RequantizeSpec
from hw.pipeline import held

ALWAYS = Const(1)


def head_scale(
    m: Module,
    name: str,
    spec: RequantizeSpec,
    multiplier: Value,
    mantissa: Value,
    exponent: Value,
) -> Value:
    """``golden.ops.quantize.head_scale`` one cycle later, its exponent for ``narrowed``."""
    # The bits below the one that decides the rounding change nothing.
    product = ((multiplier * mantissa).shift_right(15) + 1).shift_right(1)
    lowest, highest = spec.exponent_range[0], spec.shift - 16
    raised = exponent + 1
    cut = Mux(raised > highest, highest, raised)
    if len(exponent) > spec.exponent_bits:
        cut = Mux(raised < lowest, lowest, cut)
    moved = cut + exponent_offset(spec)
    both = Cat(product[: spec.mantissa_bits], moved[: spec.exponent_bits])
    return held(m, ALWAYS, name, both)


def exponent_offset(spec: RequantizeSpec) -> int:
    """What the exponent of a narrow requantizer is above golden's, by its smaller shift."""
    return narrowed(spec, spec.accumulator_bits).shift - (spec.shift - 15)


def narrowed(spec: RequantizeSpec, bits: int) -> RequantizeSpec:
    """A requantizer of ``bits`` bits for rows that bring their whole scale, and without a bias."""
    return RequantizeSpec(
        accumulator_bits=bits,
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
