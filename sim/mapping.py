"""Matrix products onto a core: tiles, weight sets and the beats of its streams.

Legend: N rows (tokens), K depth, M columns (output channels).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golden.networks.products import Product
from golden.spec import CoreSpec
from hw.core.layout import channels_layout, input_layout, scales_layout, weights_layout
from hw.core.plan import CorePlan
from sim.beats import pack

Fields = dict[str, NDArray[Any]]


@dataclass(kw_only=True)
class Work:
    """What a core is given for a list of products, and what it must give back.

    inputs
        Beats of each input stream.
    expected
        Output codes in order: (beats, ``requantizer_lanes``).
    vectors, beats
        Of each product: how many input vectors and output beats it takes.
    """

    inputs: dict[str, NDArray[np.uint8]]
    expected: NDArray[np.int64]
    vectors: list[int]
    beats: list[int]


@dataclass
class _Streams:
    fields: dict[str, list[Fields]] = field(
        default_factory=lambda: {name: [] for name in ("i", "weights", "channels", "scales")}
    )
    expected: list[NDArray[np.int64]] = field(default_factory=list)
    next_set: int = 0


def map_products(spec: CoreSpec, plan: CorePlan, products: Iterable[Product]) -> Work:
    """Tile ``products`` one after the other onto a core.

    Column tile by column tile, and within it along K, so that partial sums end as early as they
    can. Each tile of K takes the next weight set, which is free for the tile after the last vector
    has used it. Rows beyond ``spec.rows`` go in blocks that load the weights again.
    """
    streams = _Streams()
    vectors, beats = [], []
    for product in products:
        if product.spec != spec.requantize:
            raise ValueError(f"product {product.name!r} has another RequantizeSpec than the core")
        before = _count(streams.fields["i"], "set"), sum(len(e) for e in streams.expected)
        for start in range(0, len(product.x), spec.rows):
            _map_rows(spec, plan, product, slice(start, start + spec.rows), streams)
        vectors.append(_count(streams.fields["i"], "set") - before[0])
        beats.append(sum(len(e) for e in streams.expected) - before[1])
    layouts = {
        "i": input_layout(spec, plan),
        "weights": weights_layout(spec, plan),
        "channels": channels_layout(spec),
        "scales": scales_layout(spec.requantize),
    }
    inputs = {name: pack(layouts[name], _join(streams.fields[name])) for name in layouts}
    return Work(
        inputs=inputs, expected=np.concatenate(streams.expected), vectors=vectors, beats=beats
    )


def padded(x: NDArray[Any], *multiples: int) -> NDArray[Any]:
    """``x`` with zeros behind, so that each dimension is a multiple."""
    return np.pad(x, [(0, -size % step) for size, step in zip(x.shape, multiples, strict=True)])


def _map_rows(
    spec: CoreSpec, plan: CorePlan, product: Product, rows: slice, streams: _Streams
) -> None:
    tokens, lanes, columns = plan.macro.tokens, spec.lanes, spec.columns
    x = padded(product.x[rows].astype(np.int64), tokens, lanes)  # (N, K)
    w = padded(product.w.astype(np.int64), lanes, columns)  # (K, M)
    vector_count, depth_tiles = len(x) // tokens, x.shape[1] // lanes
    mantissa = padded(np.asarray(product.row_scale.mantissa, np.int64)[rows], tokens)
    exponent = padded(np.asarray(product.row_scale.exponent, np.int64)[rows], tokens)
    multiplier = padded(np.asarray(product.multiplier, np.int64), columns)
    bias = padded(np.asarray(product.bias, np.int64), columns)
    expected = padded(product.expected[rows].astype(np.int64), tokens, columns)
    real_depth = product.x.shape[1]
    for column in range(0, w.shape[1], columns):
        for tile in range(depth_tiles):
            low, last = tile * lanes, tile == depth_tiles - 1
            index = streams.next_set
            streams.next_set = (index + 1) % spec.macro.weight_sets
            # Lanes beyond K take zeros: whatever their weights are, they add nothing.
            used = min(lanes, real_depth - low)
            streams.fields["weights"].append(
                _weights(plan, w[low : low + lanes, column : column + columns], used, index)
            )
            vectors = x[:, low : low + lanes].reshape(vector_count, tokens, lanes)
            streams.fields["i"].append({
                "data": vectors,
                "set": np.full(vector_count, index),
                "signed": np.full(vector_count, int(product.x_signed)),
                "row": np.arange(vector_count) * tokens,
                "first": np.full(vector_count, int(tile == 0)),
                "last": np.full(vector_count, int(last)),
                "release": np.arange(vector_count) == vector_count - 1,
            })
            if last:
                streams.fields["channels"].append({
                    "multiplier": multiplier[column : column + columns],
                    "bias": bias[column : column + columns],
                    "column": np.arange(columns),
                    "set": np.full(columns, index),
                    "last": np.arange(columns) == columns - 1,
                })
                streams.fields["scales"].append({"mantissa": mantissa, "exponent": exponent})
                codes = expected[:, column : column + columns]
                streams.expected.append(codes.reshape(-1, plan.lanes(spec)))


def _weights(plan: CorePlan, tile: NDArray[np.int64], used: int, index: int) -> Fields:
    step = plan.macro.weight_lanes
    beats = -(-used // step)
    return {
        "data": tile[: beats * step].reshape(beats, step, -1),
        "lane": np.arange(beats) * step,
        "set": np.full(beats, index),
        "last": np.arange(beats) == beats - 1,
    }


def _join(parts: Sequence[Fields]) -> Fields:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _count(parts: Sequence[Fields], name: str) -> int:
    return sum(len(part[name]) for part in parts)


def groups_of(x: NDArray[Any], lanes: int) -> NDArray[Any]:
    """Rows of ``x`` cut into groups of ``lanes``, (N, groups, lanes): what each macro sees."""
    return padded(x, 1, lanes).reshape(len(x), -1, lanes)
