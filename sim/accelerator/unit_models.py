"""What cores and engine compute, by golden's operators, on words of the buffer."""

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from golden.integer import RowScale, matmul, requantize
from golden.operator_spec import AttentionSpec
from golden.ops.attend import attend as attend_codes
from golden.ops.attention import allowed_keys
from golden.spec import RequantizeSpec
from hw.accelerator.machine import Machine

REQUANTIZE = RequantizeSpec()


@dataclass(kw_only=True)
class CoreState:
    """What a core was given and has not used: weights by set, channel numbers."""

    weights: deque[tuple[int, np.ndarray]] = field(default_factory=deque)
    channels: deque[np.ndarray] = field(default_factory=deque)


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """The slot that weights and cores share."""

    k_tiles: int
    tiles: int
    group_bits: int
    first_set: int

    def cores(self, tile: int) -> range:
        """The cores of a tile, one per row group."""
        return range(tile << self.group_bits, (tile + 1) << self.group_bits)

    def sets(self, machine: Machine) -> list[int]:
        """The set of each tile of K."""
        if self.tiles << self.group_bits > machine.cores:
            raise ValueError(
                f"{self.tiles} tiles on {1 << self.group_bits} row groups each are more than "
                f"{machine.cores} cores"
            )
        return [(self.first_set + k) % machine.weight_sets for k in range(self.k_tiles)]


def give_weights(
    machine: Machine,
    cores: list[CoreState],
    tiling: Tiling,
    weights: np.ndarray,
    numbers: np.ndarray,
) -> None:
    """Tiles ``(K, T, W, W / 2)`` and channel numbers ``(T, W / 2, 8)`` to the cores."""
    sets = tiling.sets(machine)
    for tile in range(tiling.tiles):
        for core in tiling.cores(tile):
            cores[core].weights.extend((sets[k], weights[k, tile]) for k in range(tiling.k_tiles))
            cores[core].channels.append(numbers[tile])


def weights_of(
    machine: Machine, tiling: Tiling, memory: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tiles and channel numbers from bytes of memory: for each k every tile, then the numbers."""
    shape = (tiling.k_tiles, tiling.tiles, machine.word_bytes, machine.lanes)
    size = math.prod(shape)
    numbers = memory[size : size + tiling.tiles * machine.lanes * 8]
    return memory[:size].view(np.int8).reshape(shape), numbers.reshape(tiling.tiles, -1, 8)


def stationary(machine: Machine, tiling: Tiling, matrix: np.ndarray) -> np.ndarray:
    """Tiles ``(K, T, W, W / 2)`` of a matrix, zeros behind its rows and columns."""
    depth, width = tiling.k_tiles * machine.word_bytes, tiling.tiles * machine.lanes
    whole = np.zeros((depth, width), np.int8)
    part = matrix[:depth, :width]
    whole[: part.shape[0], : part.shape[1]] = part
    shape = (tiling.k_tiles, machine.word_bytes, tiling.tiles, machine.lanes)
    return whole.reshape(shape).transpose(0, 2, 1, 3)


def same_numbers(machine: Machine, tiling: Tiling, multiplier: int) -> np.ndarray:
    """Channel numbers of columns with one multiplier and no bias."""
    column = np.array([multiplier, 0], "<u4").view(np.uint8)
    return np.broadcast_to(column, (tiling.tiles, machine.lanes, 8))


def multiply(
    machine: Machine, cores: list[CoreState], tiling: Tiling, x: np.ndarray, scale: RowScale,
    keep: bool,
) -> np.ndarray:  # fmt: skip
    """``(N, K W) -> (N, T W / 2)``: every row by the weights of its row group's cores."""
    groups = 1 << tiling.group_bits
    if len(x) > groups * machine.core_rows:
        raise ValueError(f"{len(x)} rows are more than {groups} times {machine.core_rows}")
    result = np.zeros((len(x), tiling.tiles * machine.lanes), np.int64)
    for tile in range(tiling.tiles):
        columns = slice(tile * machine.lanes, (tile + 1) * machine.lanes)
        for group, core in enumerate(tiling.cores(tile)):
            weight, numbers = _taken(cores[core], tiling.sets(machine), core, keep)
            rows = slice(group, None, groups)
            if not len(x[rows]):
                continue
            multiplier = numbers[:, :2].copy().view("<u2")[:, 0]
            bias = numbers[:, 4:].copy().view("<i4")[:, 0]
            scales = RowScale(scale.mantissa[rows], scale.exponent[rows])
            result[rows, columns] = requantize(
                REQUANTIZE, matmul(x[rows], weight), multiplier, bias, scales
            )
    return result


def _taken(
    core: CoreState, sets: list[int], number: int, keep: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The weights of all sets in order, and the channel numbers; used up unless kept."""
    parts = []
    for index, wanted in enumerate(sets):
        if len(core.weights) <= index or core.weights[index][0] != wanted:
            raise ValueError(f"core {number} waits for set {wanted}, which nobody loads")
        parts.append(core.weights[index][1])
    numbers = core.channels[0]
    if not keep:
        for _ in sets:
            core.weights.popleft()
        core.channels.popleft()
    return np.concatenate(parts), numbers


def row_scales(headers: np.ndarray) -> RowScale:
    """Row scales of header words, ``(N, W)`` bytes."""
    word = headers[:, :4].copy().view("<u4")[:, 0].astype(np.int64)
    exponent = (word >> 16) & 0x3F
    return RowScale(word & 0xFFFF, (exponent ^ 0x20) - 0x20)


def attend(
    machine: Machine,
    query: np.ndarray,
    scale: RowScale,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None,
    *,
    causal: bool,
    score_multiplier: int,
    context_multiplier: int,
    context_offset: int,
    probability_bits: int,
) -> np.ndarray:
    """One head: codes ``(N, d), (T, d), (T, d)`` to contexts ``(N, d)``."""
    spec = AttentionSpec(heads=1, key_block=machine.key_block, probability_bits=probability_bits)
    allowed = allowed_keys(len(query), len(key), mask, causal=causal)
    steps = attend_codes(
        *(spec, query[None], scale, key[None], value[None], allowed),
        score_multiplier=score_multiplier,
        context_multiplier=context_multiplier,
        context_offset=context_offset,
    )
    return steps.context[0]
