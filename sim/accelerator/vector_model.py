"""What each instruction of the vector unit does to the buffer, by golden's operators."""

from typing import Any

import numpy as np

from golden.integer import Integers, RowScale, integer_range, round_shift, saturate
from golden.operator_spec import (
    LayerNormSpec,
    NormalizeSpec,
    PoolSpec,
    RecurrentSpec,
    ResidualAddSpec,
    TopKSpec,
    WindowPoolSpec,
)
from golden.ops.affine import affine
from golden.ops.l2_normalize import l2_normalize
from golden.ops.layer_norm import layer_norm
from golden.ops.mean_pool import mean_pool
from golden.ops.multiply import multiply
from golden.ops.pool import max_pool
from golden.ops.quantize import quantize
from golden.ops.residual_add import residual_add
from golden.ops.softmax import softmax
from golden.ops.state_update import cell_update, gru_update
from golden.ops.state_update import multiply as gate
from golden.ops.top_k import top_k
from golden.spec import RequantizeSpec, RowScaleSpec, ceil_log2
from hw.accelerator.vector.fields import Combine, Opcode, Scale
from hw.accelerator.vector.plan import VectorPlan
from sim.accelerator.buffer_rows import read_entries, read_rows, write_rows
from sim.accelerator.vector_fields import (
    Fields,
    Instruction,
    fields_of,
    load_slots,
    require_legal,
)

REQUANTIZE = RequantizeSpec()


class VectorState:
    """What the vector unit keeps from one instruction to the next: channel numbers and tables."""

    def __init__(self, plan: VectorPlan) -> None:
        self.plan = plan
        self.multiplier = np.zeros(plan.width, np.int64)
        self.bias = np.zeros(plan.width, np.int64)
        self.epsilon = 0
        self.reciprocal = 0
        self.fraction_bits = 0
        self.base = np.zeros(plan.segments, np.int64)
        self.rise = np.zeros(plan.segments, np.int64)


def execute(instruction: Instruction, buffer: np.ndarray, state: VectorState) -> None:
    """Change ``buffer``, (words, W) of uint8, and ``state`` as the instruction says.

    Raise ``ValueError`` for an instruction that the unit of ``state.plan`` ends with a fault.
    """
    if not instruction.counts[0]:
        return
    opcode = instruction.opcode
    if opcode in {Opcode.CHANNELS, Opcode.TABLE}:
        slots = load_slots(instruction)
        load = _load_channels if opcode == Opcode.CHANNELS else _load_table
        if slots.elements:
            load(slots, buffer, state)
    elif opcode in {Opcode.ROWS, Opcode.REDUCE}:
        fields = fields_of(instruction)
        if fields.elements and fields.length:
            require_legal(opcode, fields, state.plan)
            x = _combined(opcode, fields, buffer)
            y = _through_table(fields, _scaled(fields, x, state), state)
            _write(fields, y, buffer)
    else:
        raise ValueError(f"opcode must be 0x50 to 0x53, not {opcode:#x}: it is no vector opcode")


def _load_channels(slots: Any, buffer: np.ndarray, state: VectorState) -> None:
    columns = slots.elements
    if columns > state.plan.width:
        raise ValueError(f"{columns} columns are more than the {state.plan.width} of the unit")
    entries = read_entries(buffer, slots.first, columns)
    state.multiplier[:columns] = _signed(entries & 0x1FFFF, 17)
    state.bias[:columns] = entries >> 32
    state.epsilon = slots.epsilon
    state.reciprocal, state.fraction_bits = slots.reciprocal, slots.fraction_bits


def _load_table(slots: Any, buffer: np.ndarray, state: VectorState) -> None:
    first = 256 * slots.table
    if first + slots.elements > state.plan.segments:
        raise ValueError(
            f"segments {first} to {first + slots.elements} are beyond the {state.plan.segments} of "
            "the unit: load fewer"
        )
    entries = read_entries(buffer, slots.first, slots.elements)
    segments = slice(first, first + slots.elements)
    state.base[segments] = _signed(entries & 0xFFFF, 16)
    state.rise[segments] = _signed((entries >> 32) & 0x1FFFF, 17)


def _combined(opcode: int, fields: Fields, buffer: np.ndarray) -> Integers:
    """Rows of one tensor; of a reduce with sums its windows, ``(windows, rows, D)``."""
    flags, slots = fields.flags, fields.slots

    def rows(first: int, stride: int) -> Integers:
        return read_rows(buffer, first, stride, fields.rows, fields.elements)

    if opcode == Opcode.REDUCE:
        starts = slots.a + slots.c_stride * np.arange(fields.rows)
        windows = np.stack([
            read_rows(buffer, start, slots.a_stride, fields.length, fields.elements)
            for start in starts
        ])
        if flags.maximum:
            return np.concatenate([max_pool(WindowPoolSpec(), window) for window in windows])
        return windows
    a = rows(slots.a, slots.a_stride)
    if flags.combine == Combine.PASS:
        return a
    b = rows(slots.b, slots.b_stride)
    if flags.combine == Combine.ADD:
        return residual_add(ResidualAddSpec(), a, b)
    if flags.combine == Combine.PRODUCT:
        return a * b
    if flags.combine == Combine.GATE:
        return gate(a, b)
    c = rows(slots.c, slots.c_stride)
    if flags.combine == Combine.GRU:
        return gru_update(a, b, c)
    d = rows(slots.c + slots.d_distance, slots.c_stride)
    spec = RecurrentSpec(cell_fraction_bits=slots.cell_fraction_bits)
    return cell_update(spec, a, c, b, d)


def _scaled(fields: Fields, x: Integers, state: VectorState) -> Integers:
    """The rows ``x``, or its windows, rescaled."""
    flags, slots, columns = fields.flags, fields.slots, slice(fields.elements)
    multiplier, bias = state.multiplier[columns], state.bias[columns]
    if flags.scale == Scale.NONE:
        return x
    if flags.scale == Scale.MULTIPLIER:
        # A product has been made already.
        return multiply(REQUANTIZE, x, 1, slots.multiplier, slots.offset)
    if flags.scale == Scale.AFFINE:
        return affine(REQUANTIZE, x, multiplier, slots.offset, bias)
    if flags.scale == Scale.LAYER_NORM:
        spec = LayerNormSpec(width=fields.elements)
        constants = (spec.reciprocal_width, ceil_log2(spec.width))
        if (state.reciprocal, state.fraction_bits) != constants:
            raise ValueError(
                f"a layer norm of {spec.width} needs the reciprocal {constants}, not "
                f"{(state.reciprocal, state.fraction_bits)}: load its channels first"
            )
        return layer_norm(spec, x, multiplier, bias, state.epsilon, slots.offset)
    if flags.scale == Scale.L2_NORMALIZE:
        return l2_normalize(NormalizeSpec(), x, slots.multiplier, slots.offset)
    if flags.scale == Scale.MEAN:
        means = [mean_pool(PoolSpec(), window, slots.multiplier, slots.offset) for window in x]
        return np.stack(means)
    seen = np.full(fields.rows, fields.elements)
    if flags.causal:
        seen += np.arange(fields.rows) + 1 - fields.rows
    mask = np.arange(fields.elements) < seen[:, None]
    assert state.plan.softmax is not None, "checked before"
    return softmax(state.plan.softmax, x, mask)


def _through_table(fields: Fields, x: Integers, state: VectorState) -> Integers:
    if not fields.flags.table:
        return x
    remainder_bits = 6 if fields.flags.long_table else 8
    above = x + (1 << 15)
    index = 256 * fields.slots.table + (above >> remainder_bits)
    remainder = above & ((1 << remainder_bits) - 1)
    y = state.base[index] + round_shift(state.rise[index] * remainder, remainder_bits)
    return saturate(y, 16)


def _write(fields: Fields, y: Integers, buffer: np.ndarray) -> None:
    flags, slots = fields.flags, fields.slots
    if flags.rows:
        write_rows(buffer, slots.rows, slots.rows_stride, y.astype("<i2"))
    if flags.argmax or flags.top_k:
        k = slots.ranks if flags.top_k else 1
        values, indices = top_k(TopKSpec(k=k), y)
        results = np.zeros((fields.rows, k, buffer.shape[1] // 4), "<i4")
        results[..., 0], results[..., 1] = indices, values
        write_rows(buffer, slots.rows, slots.rows_stride, results.reshape(fields.rows, -1))
    if not flags.codes:
        return
    first = slots.codes
    if flags.raw:
        codes: Integers = y & 0xFF
    else:
        spec = RowScaleSpec(static_scale=slots.static_scale or None)
        codes, scale = quantize(spec, y, slots.code_offset)
        if flags.header:
            write_rows(buffer, first, slots.codes_stride, headers(scale)[:, None])
            first += 1
    write_rows(buffer, first, slots.codes_stride, codes.astype(np.uint8))


def headers(scale: RowScale) -> np.ndarray:
    """Row scales as they stand in the lowest bits of a header word, (N,).

    Raise ``ValueError`` for an exponent that has no room.
    """
    low, high = integer_range(RowScaleSpec().exponent_bits)
    if np.any((scale.exponent < low) | (scale.exponent > high)):
        raise ValueError(f"a row scale's exponent leaves {low} to {high}: lower the offset")
    return (scale.mantissa | ((scale.exponent & 0x3F) << 16)).astype("<u4")


def _signed(x: Integers, bits: int) -> Integers:
    return (x ^ (1 << (bits - 1))) - (1 << (bits - 1))
