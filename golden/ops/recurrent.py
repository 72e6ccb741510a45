"""RNN, GRU and LSTM over a sequence, in integers.

Letters: T steps, H states. ``gates`` are the input's part of every step, (T, g H), as a linear made
them, with ``gate_fraction_bits``. Each step makes codes of h, multiplies by the codes ``wh``, adds
what the input gave (saturating), and goes through the tables and the state update.

Error against the real cell of the same gates and weight codes: a step from a known state is within
4 integers of h (the LSTM: ``4 + 2**(14 - cell_fraction_bits)``) plus what codes of h lose, each at
most 0.51 of a code, through Wh. For trained ranges, 64 steps stay within two codes of 8 bits.
"""

from collections.abc import Callable

import numpy as np

from golden.integer import Integers, matmul, requantize, saturate
from golden.operator_spec import RecurrentSpec
from golden.ops.interpolate import interpolate
from golden.ops.quantize import quantize
from golden.ops.state_update import cell_update, gru_update, multiply

State = tuple[Integers, ...]


class StateProduct:
    """The product of a state or context: ``h W + b`` with the gates' fraction bits."""

    def __init__(
        self,
        spec: RecurrentSpec,
        weight: np.ndarray,
        multiplier: np.ndarray,
        exponent_offset: np.ndarray,
        bias: np.ndarray | None = None,
    ) -> None:
        self._spec = spec
        self._weight = weight
        self._multiplier = multiplier
        self._offset = exponent_offset
        self._bias = np.zeros(weight.shape[1], np.int64) if bias is None else bias

    def __call__(self, h: Integers, columns: slice = slice(None)) -> Integers:
        codes, scale = quantize(self._spec.state, h[None], self._offset)
        product = matmul(codes, self._weight[:, columns])
        multiplier, bias = self._multiplier[columns], self._bias[columns]
        return requantize(self._spec.requantize, product, multiplier, bias, scale)[0]


Step = Callable[[RecurrentSpec, StateProduct, Integers, State], State]


def rnn_step(spec: RecurrentSpec, recurrence: StateProduct, gates: Integers, state: State) -> State:
    """``h' = tanh(gates + h Wh)``."""
    (h,) = state
    return (interpolate(spec.tanh, saturate(gates + recurrence(h), 16)),)


def gru_step(spec: RecurrentSpec, recurrence: StateProduct, gates: Integers, state: State) -> State:
    """``h' = z * h + (1 - z) * candidate``, the reset before or after the candidate's product."""
    (h,) = state
    first, rest = slice(0, 2 * len(h)), slice(2 * len(h), None)
    before = saturate(gates[first] + recurrence(h, first), 16)
    r, z = np.split(interpolate(spec.sigmoid, before), 2)
    if spec.reset_after:
        recurrent = multiply(recurrence(h, rest), r)
    else:
        recurrent = recurrence(multiply(h, r), rest)
    candidate = interpolate(spec.tanh, saturate(gates[rest] + recurrent, 16))
    return (gru_update(z, h, candidate),)


def lstm_step(
    spec: RecurrentSpec, recurrence: StateProduct, gates: Integers, state: State
) -> State:
    """``c' = f * c + i * candidate``, ``h' = o * tanh(c')``."""
    h, c = state
    before = saturate(gates + recurrence(h), 16)
    i, f, o = np.split(interpolate(spec.sigmoid, before[: 3 * len(h)]), 3)
    c = cell_update(spec, c, i, f, interpolate(spec.tanh, before[3 * len(h) :]))
    return multiply(interpolate(spec.cell_tanh, c), o), c


def rnn(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
    *state: np.ndarray,
) -> Integers:
    """``(T, H), (H, H) -> (T, H)``; ``state`` is h before the first step, zeros if not given."""
    recurrence = StateProduct(spec, wh, multiplier, exponent_offset)
    return _scan(spec, rnn_step, recurrence, gates, _start(wh, 1, state))[0]


def gru(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
    bh: np.ndarray,
    *state: np.ndarray,
) -> Integers:
    """``(T, 3 H), (H, 3 H) -> (T, H)``; ``state`` is h before the first step."""
    recurrence = StateProduct(spec, wh, multiplier, exponent_offset, bh)
    return _scan(spec, gru_step, recurrence, gates, _start(wh, 1, state))[0]


def lstm(
    spec: RecurrentSpec,
    gates: np.ndarray,
    wh: np.ndarray,
    multiplier: np.ndarray,
    exponent_offset: np.ndarray,
    *state: np.ndarray,
) -> Integers | tuple[Integers, ...]:
    """``(T, 4 H), (H, 4 H) -> (T, H)``; ``state`` is h and c before the first step.

    With ``spec.cells`` c of every step is the second result.
    """
    recurrence = StateProduct(spec, wh, multiplier, exponent_offset)
    states = _scan(spec, lstm_step, recurrence, gates, _start(wh, 2, state))
    return states if spec.cells else states[0]


def _start(wh: np.ndarray, count: int, state: State) -> State:
    """States as vectors, (H,) each; zeros where none are given."""
    if len(state) not in {0, count}:
        raise ValueError(f"a cell of {count} states was given {len(state)} to start from")
    return tuple(np.ravel(x) for x in state) or (np.zeros(len(wh), np.int64),) * count


def _scan(
    spec: RecurrentSpec, step: Step, recurrence: StateProduct, gates: np.ndarray, state: State
) -> tuple[Integers, ...]:
    """Every state after every step, (T, H) each; ``reverse`` starts at the last step."""
    outputs = tuple(np.empty((len(gates), len(x)), np.int64) for x in state)
    order = range(len(gates))
    for index in order[::-1] if spec.reverse else order:
        state = step(spec, recurrence, gates[index], state)
        for output, x in zip(outputs, state, strict=True):
            output[index] = x
    return outputs
