"""Row of the embedding gather: tables that are loaded between tensors, ids outside among them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from golden.ops.embedding import embedding
from hw.ops.embedding import Embedding
from hw.ops.plan import LanesPlan, TableShape
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes
from sim.tensors import Tensor, golden, join, lengths_of, row_beats

ID_BITS = 8


def stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    """A table as large as fits, one of one beat and one row, one of any size."""
    most, longest = point.spec.rows, point.spec.beats(point.plan)
    sizes = [(most, longest), (1, 1)]
    sizes.append((int(rng.integers(1, most + 1)), int(rng.integers(1, longest + 1))))
    return join([_tensor(point, rng, count // len(sizes), *size) for size in sizes])


def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
    """One beat a cycle, an id being taken with the last one of its row."""
    ids, beats = lengths_of(stimulus, "ids"), lengths_of(stimulus, "o")
    ends, places, start = [], [], 0
    for count, total in zip(ids, beats, strict=True):
        each = total // count
        first = cycles["ids"][start] - each + 1
        ends.append(first + each * np.arange(1, count + 1) - 1)
        places.append(first + Embedding.STAGES + np.arange(total))
        start += count
    return {"ids": np.concatenate(ends), "o": np.concatenate(places)}


def _tensor(point: Point, rng: np.random.Generator, count: int, rows: int, beats: int) -> Tensor:
    lanes = point.plan.lanes
    table = magnitudes(rng, point.spec.bits, (rows, beats * lanes))
    ids = rng.integers(0, rows, -(-count // beats))
    # One in four is the first that the table does not have, the largest, or any.
    others = rng.choice([rows, (1 << ID_BITS) - 1, int(rng.integers(1 << ID_BITS))], len(ids))
    ids = np.where(rng.random(len(ids)) < 0.25, others, ids).clip(0, (1 << ID_BITS) - 1)
    inside = ids < rows
    found = np.where(inside[:, None], embedding(None, np.where(inside, ids, 0), table), 0)
    places = rng.permutation(rows * beats)
    return Tensor(
        loads={
            "settings": {"rows": np.array([rows]), "beats": np.array([beats])},
            "table": {
                "data": table.reshape(rows * beats, lanes)[places],
                "row": places // beats,
                "beat": places % beats,
            },
        },
        rows={"ids": {"id": ids}},
        expected={
            "o": {**row_beats(found, lanes), "error": np.repeat(~inside, beats)},
        },
    )


EMBEDDING = Operator(
    golden=golden,
    component=lambda point: Embedding(point.spec, point.plan, id_bits=ID_BITS),
    points={
        "default": Point(spec=TableShape(rows=40, width=24), plan=LanesPlan(), quick=False),
        "small": Point(spec=TableShape(rows=5, width=5, bits=4), plan=LanesPlan(lanes=2)),
        "single": Point(
            spec=TableShape(rows=1, width=1, bits=3), plan=LanesPlan(lanes=1), quick=False
        ),
    },
    stimulus=stimulus,
    timing=timing,
)
