"""A matrix as the cores take it: tiles of W x W / 2 weights, shared out over all cores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hw.accelerator.machine import Machine
from hw.program.compiler.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Tiles ``first`` to ``first + tiles - 1`` of the columns, on ``2**group_bits`` row groups."""

    first: int
    tiles: int
    group_bits: int


def passes(
    machine: Machine, tiles: int, rows: int, row_cycles: int, attended: bool = False
) -> list[Pass]:
    """Shares of the columns: with the least cycles of two ways, the smallest share first.

    Either every pass takes as many tiles as there are cores, or what is left is taken in powers of
    two, each on as many row groups as there are cores for: more readings of the rows, but no core
    is idle. A pass takes as long as its weights (W / 2 words a tile, at the bus's width), its rows
    at one a cycle, or the rows of a core at ``row_cycles`` each. What attention reads is made in
    small shares, so that the engine begins with the first heads.
    """
    words = machine.word_bytes // 2 * max(machine.word_bytes // machine.bus_bytes, 1)

    def cycles(one: Pass) -> int:
        return max(one.tiles * words, rows, -(-rows >> one.group_bits) * row_cycles)

    whole = [
        Pass(first=first, tiles=min(machine.cores, tiles - first), group_bits=0)
        for first in range(0, tiles, machine.cores)
    ]
    if attended:
        return _shared(machine.cores, max(machine.cores // 4, 1), tiles, rows)
    shared = _shared(machine.cores, machine.cores, tiles, rows)
    chosen = min((whole, shared), key=lambda way: sum(map(cycles, way)))
    sizes = sorted((one.tiles, one.group_bits) for one in chosen)
    starts = [sum(size for size, _ in sizes[:index]) for index in range(len(sizes))]
    return [
        Pass(first=first, tiles=size, group_bits=group_bits)
        for first, (size, group_bits) in zip(starts, sizes, strict=True)
    ]


def _shared(cores: int, most: int, tiles: int, rows: int) -> list[Pass]:
    """Passes of powers of two tiles, at most ``most``, on row groups of at least a row each."""
    found = []
    first = 0
    while first < tiles:
        size = most
        while size > tiles - first:
            size //= 2
        group_bits = (cores // size).bit_length() - 1
        if (1 << group_bits) > rows:
            # Few rows: rather all columns at once.
            group_bits = max(rows.bit_length() - 1, 0)
            size = min(tiles - first, cores >> group_bits)
        found.append(Pass(first=first, tiles=size, group_bits=group_bits))
        first += size
    return found


@dataclass(frozen=True, kw_only=True)
class Product:
    """One matrix ``(K, M)`` with its channel numbers ``(M,)``, and its columns' place."""

    name: str
    weight: np.ndarray
    multiplier: np.ndarray
    bias: np.ndarray
    layout: Layout


class TiledProduct:
    """The matrices of products of the same rows, side by side, word by word.

    Letters: W lanes and bytes of a word, C = W / 2 columns of a tile, T tiles, K tiles of lanes.

    Parameters
    ----------
    source : where the codes of a row lie
    products : what they are multiplied by
    words : (product, word of its layout) of each tile of columns
    """

    def __init__(
        self,
        machine: Machine,
        source: Layout,
        products: Sequence[Product],
        words: Sequence[tuple[int, int]],
    ) -> None:
        lanes, columns = machine.word_bytes, machine.lanes
        self.machine = machine
        self.tiles = len(words)
        self.k_tiles = -(-source.elements // lanes)
        weight = np.zeros((self.k_tiles * lanes, self.tiles * columns), np.int8)
        self._multiplier = np.zeros(self.tiles * columns, np.uint32)
        self._bias = np.zeros(self.tiles * columns, np.int32)
        for index, product in enumerate(products):
            self._check(product, source)
            order = {word: tile for tile, (of, word) in enumerate(words) if of == index}
            position = product.layout.positions  # (M,)
            tile = np.array([order[int(word)] for word in position // columns])
            places = tile * columns + position % columns
            weight[np.ix_(source.positions, places)] = product.weight
            self._multiplier[places] = product.multiplier
            self._bias[places] = product.bias
        shape = (self.k_tiles, lanes, self.tiles, columns)
        self._weight = weight.reshape(shape).transpose(0, 2, 1, 3)  # (K, T, W, C)

    def content(self, one: Pass) -> np.ndarray:
        """Bytes of a pass: for each k its tiles, and then the channel numbers of each tile."""
        tiles = slice(one.first, one.first + one.tiles)
        columns = self.machine.lanes
        channels = slice(one.first * columns, (one.first + one.tiles) * columns)
        numbers = np.zeros((one.tiles * columns, 2), np.uint32)
        numbers[:, 0] = self._multiplier[channels]
        numbers[:, 1] = self._bias[channels].view(np.uint32)
        weights = np.ascontiguousarray(self._weight[:, tiles]).view(np.uint8).reshape(-1)
        return np.concatenate([weights, numbers.view(np.uint8).reshape(-1)])

    def _check(self, product: Product, source: Layout) -> None:
        depth, width = product.weight.shape
        if depth != source.columns or width != product.layout.columns:
            raise ValueError(
                f"product {product.name!r} of {depth} x {width} does not fit rows of "
                f"{source.columns} and {product.layout.columns} elements"
            )
        if product.weight.dtype != np.int8:
            raise ValueError(
                f"product {product.name!r} has weights of {product.weight.dtype}, but the cores "
                f"multiply 8 bits by 8: quantise the network to 8 bits"
            )
        if product.multiplier.min() < 0 or product.multiplier.max() > 0xFFFF:
            raise ValueError(f"product {product.name!r} has multipliers beyond 16 unsigned bits")
