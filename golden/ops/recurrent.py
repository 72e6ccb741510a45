"""RNN, GRU and LSTM over a sequence, in integers.

Letters: T steps, H states. ``gates`` are the input's part of every step, (T, g H), as a linear made
them, with ``gate_fraction_bits``. Each step makes codes of h, multiplies by the codes ``wh``, adds
what the input gave (saturating), and goes through the tables and the state update.

Error against the real cell of the same gates and weight codes: a step from a known state is within
4 integers of h (the LSTM: ``4 + 2**(14 - cell_fraction_bits)``) plus what codes of h lose, each at
most 0.51 of a code, through Wh. For trained ranges, 64 steps stay within two codes of 8 bits.
"""

import numpy as np

from golden.integer import Integers, matmul, requantize, saturate
from golden.operator_spec import RecurrentSpec
from golden.ops.interpolate import interpolate
from golden.ops.quantize import quantize
from golden.ops.state_update import cell_update, gru_update, multiply


class _Recurrence:
    """The product of a state: ``h Wh + bh`` with the gates' fraction bits."""

    def __init__(
        self,
        spec: RecurrentSpec,
        wh: np.ndarray,
        multiplier: np.ndarray,
        exponent_offset: np.ndarray,
        bh: np.ndarray | None = None,
    ) -> None:
        self._spec = spec
        self._wh = wh
        self._multiplier = multiplier
        self._offset = exponent_offset
        self._bh = np.zeros(wh.shape[1], np.int64) if bh is None else bh

    def __call__(self, h: Integers, columns: slice = slice(None)) -> Integers:
        codes, scale = quantize(self._spec.state, h[None], self._offset)
        product = matmul(codes, self._wh[:, columns])
        multiplier, bias = self._multiplier[columns], self._bh[columns]
        return requantize(self._spec.requantize, product, multiplier, bias, scale)[0]


def rnn(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
) -> Integers:
    """``h' = tanh(gates + h Wh)``: (T, H), (H, H) -> (T, H)."""
    recurrence = _Recurrence(spec, wh, multiplier, exponent_offset)
    h: Integers = np.zeros(len(wh), np.int64)
    output = np.empty((len(gates), len(h)), np.int64)
    for step in _steps(spec, gates):
        h = interpolate(spec.tanh, saturate(gates[step] + recurrence(h), 16))
        output[step] = h
    return output


def gru(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
    bh: np.ndarray,
) -> Integers:
    """``h' = z * h + (1 - z) * candidate``: (T, 3 H), (H, 3 H) -> (T, H).

    With ``reset_after`` the candidate is tanh(gates + r * (h Wh + bh)), else
    tanh(gates + (r * h) Wh + bh), one product later.
    """
    recurrence = _Recurrence(spec, wh, multiplier, exponent_offset, bh)
    candidate_of = _candidate_reset_after if spec.reset_after else _candidate_reset_before
    h: Integers = np.zeros(len(wh), np.int64)
    output = np.empty((len(gates), len(h)), np.int64)
    first = slice(0, 2 * len(h))
    for step in _steps(spec, gates):
        before = saturate(gates[step, first] + recurrence(h, first), 16)
        r, z = np.split(interpolate(spec.sigmoid, before), 2)
        recurrent = candidate_of(recurrence, h, r)
        before = saturate(gates[step, first.stop :] + recurrent, 16)
        h = gru_update(z, h, interpolate(spec.tanh, before))
        output[step] = h
    return output


def lstm(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
) -> Integers:
    """``c' = f * c + i * candidate``, ``h' = o * tanh(c')``: (T, 4 H), (H, 4 H) -> (T, H)."""
    recurrence = _Recurrence(spec, wh, multiplier, exponent_offset)
    h: Integers = np.zeros(len(wh), np.int64)
    c: Integers = np.zeros(len(wh), np.int64)
    output = np.empty((len(gates), len(h)), np.int64)
    for step in _steps(spec, gates):
        before = saturate(gates[step] + recurrence(h), 16)
        i, f, o = np.split(interpolate(spec.sigmoid, before[: 3 * len(h)]), 3)
        c = cell_update(spec, c, i, f, interpolate(spec.tanh, before[3 * len(h) :]))
        h = multiply(interpolate(spec.cell_tanh, c), o)
        output[step] = h
    return output


def _candidate_reset_after(recurrence: _Recurrence, h: Integers, r: Integers) -> Integers:
    return multiply(recurrence(h, slice(2 * len(h), None)), r)


def _candidate_reset_before(recurrence: _Recurrence, h: Integers, r: Integers) -> Integers:
    return recurrence(multiply(h, r), slice(2 * len(h), None))


def _steps(spec: RecurrentSpec, gates: np.ndarray) -> range:
    steps = range(len(gates))
    return steps[::-1] if spec.reverse else steps
