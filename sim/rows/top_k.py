"""Row of the k largest values of a row."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from golden.operator_spec import TopKSpec
from golden.ops.top_k import top_k
from hw.ops.plan import TopKPlan
from hw.ops.top_k import TopK
from sim.row import Cycles, Operator, Point, Stimulus
from sim.rows.softmax import beats_of, rows_of, score_rows


def _stimulus(point: Point, rng: np.random.Generator, count: int) -> Stimulus:
    rows = score_rows(rng, point.spec.input_bits, count, point.plan.longest)
    return Stimulus(inputs={"i": beats_of(rows, 1)}, outputs={"o": point.spec.k * len(rows)})


def _golden(point: Point, stimulus: Stimulus, cycles: Cycles) -> Mapping[str, Any]:
    k, bits = point.spec.k, point.spec.input_bits
    values, indices, found = [], [], []
    for x, seen in rows_of(stimulus.inputs["i"], 1):
        count = min(k, int(seen.sum()))
        places = np.flatnonzero(seen)
        value, index = np.zeros(0, int), np.zeros(0, int)
        if count:
            value, index = top_k(TopKSpec(k=count, input_bits=bits), x[seen])
        values.append(np.pad(value, (0, k - count), constant_values=-(1 << (bits - 1))))
        indices.append(np.pad(places[index] if count else index, (0, k - count)))
        found.append(np.arange(k) < count)
    fields = {"value": values, "index": indices, "any": found}
    last = np.tile(np.arange(k) == k - 1, len(values))
    return {"o": {**{name: np.concatenate(each) for name, each in fields.items()}, "last": last}}


TOP_K = Operator(
    golden=_golden,
    component=lambda point: TopK(point.spec, point.plan),
    points={
        "default": Point(spec=TopKSpec(k=8), plan=TopKPlan(longest=200)),
        "one": Point(spec=TopKSpec(k=1, input_bits=4), plan=TopKPlan(longest=20), quick=False),
        "narrow": Point(spec=TopKSpec(k=5, input_bits=5), plan=TopKPlan(longest=60), quick=False),
    },
    stimulus=_stimulus,
    count=1000,
)
