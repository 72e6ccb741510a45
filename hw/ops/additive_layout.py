"""Payloads of additive attention's streams, and the numbers of its one requantizer."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from golden.operator_spec import AdditiveAttentionSpec
from golden.spec import RequantizeSpec
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.head_scale import narrowed
from hw.ops.key_comparison import ENERGY_BITS, INPUT_BITS
from hw.ops.row import row_layout


def job_layout(spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan) -> data.StructLayout:
    """Numbers of one query; offsets are powers of two on the scales of scores and context."""
    numbers = spec.attention.requantize
    return data.StructLayout({
        "keys": unsigned(plan.key_bits),
        "score_multiplier": unsigned(numbers.multiplier_bits),
        "score_offset": signed(numbers.exponent_bits + 1),
        "context_multiplier": unsigned(numbers.multiplier_bits),
        "context_offset": signed(numbers.exponent_bits + 1),
    })


def key_layout(plan: AdditiveAttentionPlan) -> data.StructLayout:
    """A beat of a key; ``seen`` counts with the last one."""
    return data.StructLayout({
        **row_layout(signed(INPUT_BITS), plan.lanes).members,
        "seen": unsigned(1),
    })


def energy_layout(plan: AdditiveAttentionPlan) -> data.StructLayout:
    """Consecutive energies; ``beat`` counts from the first."""
    return data.StructLayout({
        "data": data.ArrayLayout(signed(ENERGY_BITS), plan.lanes),
        "beat": unsigned(plan.beat_bits),
    })


def scaling(spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan) -> RequantizeSpec:
    """One requantizer for scores and contexts."""
    walk = spec.attention
    return narrowed(walk.requantize, max(plan.score_bits(spec), plan.context_bits(walk)))
