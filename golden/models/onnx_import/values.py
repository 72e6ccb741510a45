"""What is known of a tensor of an ONNX graph while its nodes are walked.

A tensor of ours has two axes, rows and columns; ONNX sees it with others: a batch of 1, columns as
heads and depths, transposed. So a dimension of ONNX is a run of *digits*, and an index of ours the
sum of ``digit * stride``. Splitting, joining and moving digits is what Reshape and Transpose do.

    (1, N, D)        batch (), rows (stride 1, size N), columns (1, D)
    (1, H, N, D/H)   batch (), columns (D/H, H), rows (1, N), columns (1, D/H)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from onnx import NodeProto


class NotUnderstood(Exception):
    """Why a node has no form in our operators."""


class Digit(NamedTuple):
    """A part of an index of ours: ``axis`` is "rows", "columns", "channels", "height", "width"."""

    axis: str
    stride: int
    size: int


Dimensions = tuple[tuple[Digit, ...], ...]


@dataclass(frozen=True)
class Known:
    """Numbers that no input changes; with ``table`` the first rows of it, as many as tokens."""

    array: np.ndarray
    table: np.ndarray | None = None


@dataclass(frozen=True)
class Seen:
    """The tensor ``name`` of our graph, in ONNX's dimensions."""

    name: str
    dimensions: Dimensions


@dataclass(frozen=True)
class Product:
    """``x W``, until it is known whether a bias is added."""

    source: Seen
    weight: np.ndarray
    dimensions: Dimensions
    node: NodeProto | None = None


@dataclass(frozen=True)
class Function:
    """A function of every number of ``source``: its values at ``GRID``."""

    source: Seen
    values: np.ndarray
    node: NodeProto | None = None

    @property
    def dimensions(self) -> Dimensions:
        """Those of its source."""
        return self.source.dimensions


@dataclass(frozen=True)
class Statistic:
    """A step of a layer norm, a mean over rows or a division by the length; of ``source``."""

    kind: Literal["mean", "centred", "squared", "variance", "padded", "deviation", "inverse",
                  "normalized", "scaled", "total", "squares", "length"]  # fmt: skip
    source: Seen
    dimensions: Dimensions
    epsilon: float = 0.0
    gain: np.ndarray | None = None


@dataclass(frozen=True)
class Scores:
    """``factor * Q K^T`` of every head, before the softmax or after it."""

    query: Seen
    key: Seen
    dimensions: Dimensions
    factor: float = 1.0
    causal: bool = False
    probabilities: bool = False


class Unknown:
    """What a node that is not understood gives."""


Data = Seen | Product | Function | Statistic | Scores
Value = Known | Data | Unknown

GRID = np.linspace(-6, 6, 241).astype(np.float32)


def shape(dimensions: Dimensions) -> tuple[int, ...]:
    """ONNX's shape."""
    return tuple(prod(digit.size for digit in digits) for digits in dimensions)


def whole(axis: str, size: int) -> tuple[Digit, ...]:
    """A whole axis of ours, in one dimension; nothing where its size is 1."""
    return (Digit(axis, 1, size),) if size > 1 else ()


def used(dimensions: Dimensions) -> Dimensions:
    """The dimensions of more than one index."""
    return tuple(digits for digits in dimensions if digits)


def axis_size(dimensions: Dimensions, axis: str) -> int:
    """Indices of an axis of ours."""
    return prod(digit.size for digits in dimensions for digit in digits if digit.axis == axis)


def whole_axis(dimensions: Dimensions, position: int) -> str:
    """The axis of ours that one dimension is, or nothing."""
    for axis in ("rows", "columns"):
        if dimensions[position] == whole(axis, axis_size(dimensions, axis)) != ():
            return axis
    return ""


def is_rows(dimensions: Dimensions) -> bool:
    """Whether the columns are last and whole, and what stands before them the rows in order."""
    *rows, columns = dimensions
    if columns != whole("columns", axis_size(dimensions, "columns")):
        return False
    joined = join(digit for digits in rows for digit in digits)
    return joined == whole("rows", axis_size(dimensions, "rows"))


def regroup(dimensions: Dimensions, sizes: tuple[int, ...]) -> Dimensions:
    """The digits in the same order, in dimensions of other sizes."""
    digits = [digit for group in dimensions for digit in group]
    found = []
    for size in sizes:
        group: list[Digit] = []
        while size > 1:
            axis, stride, length = digits.pop(0)
            if size % length == 0:
                group.append(Digit(axis, stride, length))
                size //= length
            elif length % size == 0:
                rest = length // size
                group.append(Digit(axis, stride * rest, size))
                digits.insert(0, Digit(axis, stride, rest))
                size = 1
            else:
                raise NotUnderstood(f"it cuts {axis} of {length} into parts of {size}")
        found.append(join(group))
    return tuple(found)


def join(digits: Iterable[Digit]) -> tuple[Digit, ...]:
    """Neighbouring digits of one axis as one."""
    found: list[Digit] = []
    for digit in digits:
        if found and found[-1].axis == digit.axis and found[-1].stride == digit.stride * digit.size:
            last = found.pop()
            digit = Digit(digit.axis, digit.stride, last.size * digit.size)
        found.append(digit)
    return tuple(found)


def uniform(known: Known) -> float | None:
    """The one number that an array holds, or None."""
    flat = known.array.reshape(-1)
    if len(flat) == 0 or not (flat == flat[0]).all():
        return None
    return float(flat[0])


def vector(known: Known, size: int) -> np.ndarray | None:
    """The row of ``(..., size)`` of which all rows are equal, or None."""
    if known.array.ndim == 0 or known.array.shape[-1] != size:
        return None
    rows = known.array.reshape(-1, size)
    return rows[0] if (rows == rows[0]).all() else None
