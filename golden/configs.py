"""Named specs; each differs from the default in what its line says."""

from dataclasses import replace

from golden.spec import CoreSpec, MacroSpec, RequantizeSpec

MACROS = {
    # As published: 8 inputs x 32 outputs, 4 weight sets, INT8.
    "default": MacroSpec(),
    # Every feature, few gates: for tests and first looks.
    "tiny": MacroSpec(lanes=4, columns=4, weight_sets=2),
    # Operands that need no sign: one-sided activations and codes with a zero point.
    "unsigned": MacroSpec(input_sign="unsigned", weight_signed=False),
    "int4": MacroSpec(input_bits=4, weight_bits=4),
    # Both operands fused from two halves of 8 bits.
    "int16": MacroSpec(input_bits=16, weight_bits=16, input_sign="signed"),
}

REQUANTIZERS = {
    # The 32-bit sums of INT8 products.
    "default": RequantizeSpec(),
    # The sums of a tiny core.
    "tiny": RequantizeSpec(accumulator_bits=24, shift=39),
    # The 48-bit sums of INT16 products.
    "int16": RequantizeSpec(accumulator_bits=48, shift=56),
}

CORES = {
    "default": CoreSpec(),
    "tiny": CoreSpec(macro=MACROS["tiny"], macros=2, rows=8, requantize=REQUANTIZERS["tiny"]),
    "int4": replace(CoreSpec(), macro=MACROS["int4"]),
    "int16": CoreSpec(macro=MACROS["int16"], requantize=REQUANTIZERS["int16"]),
}
