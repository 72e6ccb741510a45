"""Stimulus of operators that take tensor after tensor, each with numbers loaded before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.row import Cycles, Point, Stimulus

Fields = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """Beats of one tensor.

    loads
        Of each stream that is taken before the rows, when those of the tensor before have left.
    rows
        Of each stream of rows.
    expected
        Of each output, by golden.
    """

    loads: Mapping[str, Fields]
    rows: Mapping[str, Fields]
    expected: Mapping[str, Fields]


@dataclass(frozen=True, kw_only=True)
class Tensors(Stimulus):
    """A run of tensors: what golden says of all of them, and the beats of each by stream."""

    expected: Mapping[str, Fields]
    counts: Sequence[Mapping[str, int]]


def join(tensors: Sequence[Tensor]) -> Tensors:
    """One run of ``tensors``, in which nothing is loaded before the results so far have left."""
    inputs = _join([{**tensor.loads, **tensor.rows} for tensor in tensors])
    expected = _join([tensor.expected for tensor in tensors])
    counts = [
        {name: _count(fields) for name, fields in group.items()}
        for group in ({**one.loads, **one.rows, **one.expected} for one in tensors)
    ]
    after: dict[str, dict[str, list[int]]] = {
        **{name: {output: [] for output in expected} for name in tensors[0].loads},
        **{name: {load: [] for load in tensors[0].loads} for name in tensors[0].rows},
    }
    done = dict.fromkeys(counts[0], 0)
    for tensor, own in zip(tensors, counts, strict=True):
        for name in tensor.loads:
            for output, needed in after[name].items():
                needed.extend([done[output]] * own[name])
        for name in own:
            done[name] += own[name]
        for name in tensor.rows:
            for load, needed in after[name].items():
                needed.extend([done[load]] * own[name])
    return Tensors(
        inputs=inputs,
        outputs={name: done[name] for name in expected},
        after=after,
        expected=expected,
        counts=counts,
    )


def golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Fields]:
    """What golden said when the tensors were drawn."""
    assert isinstance(stimulus, Tensors)
    return stimulus.expected


def lengths_of(stimulus: Stimulus, name: str) -> list[int]:
    """Beats of every tensor on the stream ``name``."""
    assert isinstance(stimulus, Tensors)
    return [own[name] for own in stimulus.counts]


def back_to_back(stimulus: Stimulus, cycles: Cycles, name: str) -> NDArray[np.int64]:
    """Cycles of the beats of ``name`` if those of a tensor follow each other without a gap."""
    lengths = lengths_of(stimulus, name)
    starts = np.cumsum([0, *lengths[:-1]])
    return np.concatenate([
        cycles[name][start] + np.arange(length)
        for start, length in zip(starts, lengths, strict=True)
    ])


def row_beats(x: NDArray[Any], lanes: int) -> Fields:
    """Rows, (N, D), as beats of ``hw.ops.row.row_layout``, filled up with zeros."""
    x = np.pad(x, [(0, 0), (0, -x.shape[1] % lanes)])
    beats = x.shape[1] // lanes
    return {
        "data": x.reshape(-1, lanes),
        "last": np.tile(np.arange(beats) == beats - 1, len(x)),
    }


def joined(parts: Sequence[Fields]) -> Fields:
    """``parts``, one after the other."""
    return {field: np.concatenate([part[field] for part in parts]) for field in parts[0]}


def _count(fields: Fields) -> int:
    return len(next(iter(fields.values())))


def _join(groups: Sequence[Mapping[str, Fields]]) -> dict[str, Fields]:
    return {name: joined([group[name] for group in groups]) for name in groups[0]}
