"""Rows of what works element by element: residual add, product, affine."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from golden.configs import ELEMENTWISE
from golden.integer import integer_range
from golden.operator_spec import ResidualAddSpec
from golden.ops.affine import affine
from golden.ops.multiply import multiply
from golden.ops.residual_add import residual_add
from golden.spec import RequantizeSpec
from hw.ops.affine import Affine
from hw.ops.multiply import Multiply
from hw.ops.plan import AffinePlan, LanesPlan
from hw.ops.residual_add import ResidualAdd
from sim.row import Cycles, Operator, Point, Stimulus
from sim.stimulus import magnitudes, rows
from sim.tensors import Tensor, back_to_back, golden, join, row_beats

SMALL = ELEMENTWISE["tiny"]
TENSORS = 8
BEATS = 60


def _sum(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    bits, lanes = point.spec.bits, point.plan.lanes
    x, y = _pair(rng, bits, count, lanes)
    # A sum next to either end of the range is a case of its own.
    low, high = integer_range(bits)
    near = rng.choice([low, high], x.shape) + rng.integers(-1, 2, x.shape) - x
    near = near.clip(low, high)
    y = np.where(rng.random(x.shape) < 0.2, near, y)
    tensor = Tensor(
        loads={},
        rows={"x": row_beats(x, lanes), "y": row_beats(y, lanes)},
        expected={"o": row_beats(residual_add(point.spec, x, y), lanes)},
    )
    return join([tensor])


def _products(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    return _tensors(_product, point, rng, count)


def _product(point: Point, rng: np.random.Generator, count: int) -> Tensor:
    spec, lanes = point.spec, point.plan.lanes
    x, y = _pair(rng, spec.output_bits, count, lanes)
    multiplier = int(magnitudes(rng, spec.multiplier_bits, 1, signed=False)[0])
    offset = _offset(spec, rng, multiplier, int(rng.integers(2 * spec.output_bits)))
    settings = {"multiplier": np.array([multiplier]), "exponent_offset": np.array([offset])}
    return Tensor(
        loads={"settings": settings},
        rows={"x": row_beats(x, lanes), "y": row_beats(y, lanes)},
        expected={"o": row_beats(multiply(spec, x, y, multiplier, offset), lanes)},
    )


def _affines(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    return _tensors(_affine, point, rng, count)


def _affine(point: Point, rng: np.random.Generator, count: int) -> Tensor:
    spec, lanes = point.spec, point.plan.lanes
    width = int(rng.integers(1, point.plan.width + 1))
    columns = -(-width // lanes) * lanes
    x = rows(rng, spec.output_bits, -(-count * lanes // columns), width)
    limit = (1 << spec.multiplier_bits) - 1
    multiplier = magnitudes(rng, spec.multiplier_bits + 1, width).clip(-limit, limit)
    bias_bits = min(spec.bias_bits, spec.output_bits + spec.bias_fraction_bits + 1)
    bias = magnitudes(rng, bias_bits, width)
    column = multiplier[rng.integers(width)]
    offset = _offset(spec, rng, abs(int(column)), int(rng.integers(spec.output_bits)))
    order = rng.permutation(columns)
    numbers = np.pad(np.stack([multiplier, bias]), [(0, 0), (0, columns - width)])[:, order]
    return Tensor(
        loads={
            "settings": {"exponent_offset": np.array([offset])},
            "channels": {"multiplier": numbers[0], "bias": numbers[1], "channel": order},
        },
        rows={"i": row_beats(x, lanes)},
        expected={"o": row_beats(affine(spec, x, multiplier, offset, bias), lanes)},
    )


def _tensors(
    draw: Callable[[Point, np.random.Generator, int], Tensor],
    point: Point,
    rng: np.random.Generator,
    count: int,
) -> Stimulus:
    """Short tensors, so that a long run tries many settings."""
    number = max(TENSORS, count // BEATS)
    return join([draw(point, rng, count // number) for _ in range(number)])


def _pair(
    rng: np.random.Generator, bits: int, count: int, lanes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two tensors of about ``count`` beats, of one shape."""
    beats = int(rng.integers(1, 5))
    shape = -(-count // beats), beats * lanes
    return rows(rng, bits, *shape), rows(rng, bits, *shape)


def _offset(
    spec: RequantizeSpec, rng: np.random.Generator, multiplier: int, factor_bits: int
) -> int:
    """One that brings factors of so many bits near the range of the output, or any."""
    low, high = spec.exponent_range
    near = spec.shift + spec.output_bits - multiplier.bit_length() - factor_bits
    near = int(np.clip(near + rng.integers(-3, 4), low, high))
    return near if rng.random() < 0.8 else int(rng.integers(low, high + 1))


def _timing(
    stages: int, *names: str
) -> Callable[[Point, Stimulus, Cycles], Mapping[str, NDArray[np.int64]]]:
    def timing(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, NDArray[np.int64]]:
        """One beat a cycle, each after the component's stages."""
        moved = back_to_back(stimulus, cycles, names[0])
        return dict.fromkeys(names, moved) | {"o": moved + stages}

    return timing


RESIDUAL_ADD = Operator(
    golden=golden,
    component=lambda point: ResidualAdd(point.spec, point.plan),
    points={
        "default": Point(spec=ResidualAddSpec(), plan=LanesPlan()),
        "narrow": Point(spec=ResidualAddSpec(bits=4), plan=LanesPlan(lanes=1), quick=False),
    },
    stimulus=_sum,
    timing=_timing(ResidualAdd.STAGES, "x", "y"),
)

MULTIPLY = Operator(
    golden=golden,
    component=lambda point: Multiply(point.spec, point.plan),
    points={
        "default": Point(spec=RequantizeSpec(), plan=LanesPlan(lanes=4), quick=False),
        "small": Point(spec=SMALL, plan=LanesPlan(lanes=2)),
    },
    stimulus=_products,
    timing=_timing(Multiply.STAGES, "x", "y"),
)

AFFINE = Operator(
    golden=golden,
    component=lambda point: Affine(point.spec, point.plan),
    points={
        "default": Point(spec=RequantizeSpec(), plan=AffinePlan(lanes=4, width=48), quick=False),
        "small": Point(spec=SMALL, plan=AffinePlan(lanes=2, width=7)),
        "single": Point(spec=SMALL, plan=AffinePlan(lanes=1, width=1), quick=False),
    },
    stimulus=_affines,
    timing=_timing(Affine.STAGES, "i"),
)
