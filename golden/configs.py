"""Named specs; each differs from the default in what its line says."""

from dataclasses import replace

from golden.operator_spec import (
    AdditiveAttentionSpec,
    AttentionSpec,
    LayerNormSpec,
    MaxFinderSpec,
    RecurrentSpec,
    ResidualAddSpec,
    SoftmaxSpec,
    TopKSpec,
)
from golden.spec import CoreSpec, MacroSpec, RequantizeSpec, RowScaleSpec
from golden.table_spec import ReciprocalRootSpec, ReciprocalSpec, TableSpec

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

ELEMENTWISE = {
    # Products of INT16, and columns of them with a gain and a bias.
    "default": RequantizeSpec(),
    # Every feature, few bits; a row scale that is a power of two has a mantissa of 16 bits.
    "tiny": RequantizeSpec(
        accumulator_bits=16,
        multiplier_bits=6,
        exponent_bits=5,
        bias_bits=12,
        bias_fraction_bits=3,
        shift=20,
        output_bits=8,
    ),
}

LAYER_NORMS = {
    # The rows of the sentence encoder.
    "default": LayerNormSpec(width=384),
    # Every feature, few bits.
    "tiny": LayerNormSpec(
        width=24,
        input_bits=8,
        mean_fraction_bits=2,
        root=ReciprocalRootSpec(fraction_bits=6, index_bits=4, mantissa_bits=8),
        requantize=replace(ELEMENTWISE["tiny"], mantissa_bits=8, shift=18),
    ),
}

ROW_SCALES = {
    # INT16 to INT8 with a scale per token.
    "default": RowScaleSpec(),
    # Every feature, few bits.
    "tiny": RowScaleSpec(
        input_bits=8, output_bits=4, index_bits=4, mantissa_bits=6, exponent_bits=5
    ),
}

TABLES = {
    # GELU of INT16.
    "default": TableSpec(function="gelu"),
    # Every feature, few bits.
    "tiny": TableSpec(
        function="sigmoid",
        input_bits=8,
        input_fraction_bits=5,
        index_bits=4,
        output_bits=8,
        output_unit=1 << 6,
    ),
}

RESIDUALS = {
    # INT16, as between the layers of an encoder.
    "default": ResidualAddSpec(),
    "tiny": ResidualAddSpec(bits=4),
}

RECURRENTS = {
    # A GRU's reset comes before the product of its candidate.
    "default": RecurrentSpec(),
    # It comes after it.
    "after": RecurrentSpec(reset_after=True),
    # Small tables.
    "tiny": RecurrentSpec(index_bits=4),
    "tiny-after": RecurrentSpec(index_bits=4, reset_after=True),
}

SOFTMAXES = {
    # INT16 scores, probabilities of 8 bits.
    "default": SoftmaxSpec(),
    # As many bits as keep a long row's sum.
    "12bit": SoftmaxSpec(output_bits=12),
    # Every feature, few bits.
    "tiny": SoftmaxSpec(
        score_bits=10,
        score_fraction_bits=6,
        output_bits=5,
        guard_bits=4,
        reciprocal=ReciprocalSpec(fraction_bits=8, index_bits=4),
    ),
}

MAX_FINDERS = {
    # INT16 scores.
    "default": MaxFinderSpec(),
    # As published for memory.
    "int8": MaxFinderSpec(bits=8),
}

TOP_KS = {
    "default": TopKSpec(k=8),
    "tiny": TopKSpec(k=3, input_bits=5),
}

ENGINES = {
    # One head; a block of keys is what the array of 32 columns holds.
    "default": AttentionSpec(heads=1, key_block=32),
    # A small array.
    "tiny": AttentionSpec(heads=1, key_block=8),
}

ADDITIVE_ATTENTIONS = {
    # Keys and values of 8 bits, blocks of 128 keys.
    "default": AdditiveAttentionSpec(),
    # A small table, small blocks, narrow scales.
    "tiny": AdditiveAttentionSpec(
        fraction_bits=14,
        index_bits=5,
        comparison=RowScaleSpec(static_scale=30_000, mantissa_bits=8),
        attention=AttentionSpec(
            heads=1,
            key_block=8,
            reciprocal=ReciprocalSpec(mantissa_bits=8),
            requantize=RequantizeSpec(mantissa_bits=8),
        ),
    ),
}
