"""Softmax, max-finder and top-k by name: their reference against golden, what is told of them."""

import numpy as np
import pytest

from golden.configs import SOFTMAXES
from golden.operator_spec import TopKSpec
from golden.ops.softmax import softmax
from golden.ops.softmax_divider import softmax_divider
from golden.ops.top_k import top_k
from hw.catalog.description import describe
from hw.catalog.selection import select
from hw.catalog.softmax.reference import probabilities, quotients, ranked
from hw.generate import generate

RNG = np.random.default_rng(9)


def rows(bits, count):
    """Rows of every spread, with masks."""
    for _ in range(count):
        length, reach = int(RNG.integers(1, 60)), 1 << int(RNG.integers(1, bits))
        x = np.clip(RNG.integers(-reach, reach, length), -1 << (bits - 1), (1 << (bits - 1)) - 1)
        yield x, RNG.random(length) < RNG.choice([0.0, 0.6, 1.0])


@pytest.mark.parametrize("spec", SOFTMAXES.values(), ids=SOFTMAXES)
def test_reference_of_softmax_equals_golden(spec):
    for x, seen in rows(spec.score_bits, 60):
        row = [(int(one), bool(flag)) for one, flag in zip(x, seen, strict=True)]
        assert probabilities(spec, row) == softmax(spec, x, seen).tolist()
        assert quotients(spec, row) == softmax_divider(spec, x, seen).tolist()


def test_reference_of_ranks_equals_golden():
    for x, _ in rows(5, 60):
        k = min(4, len(x))
        values, indices = top_k(TopKSpec(k=k), x)
        found = ranked([(int(one), True) for one in x], k, 5)
        assert [(value, index) for value, index, _ in found] == list(
            zip(values.tolist(), indices.tolist(), strict=True)
        )
    assert ranked([(3, False)], 2, 5) == [(-16, 0, False)] * 2


@pytest.mark.parametrize(
    "name", ["softmax-tiny", "softmax_divider-tiny", "max_finder-int8-steps", "top_k-tiny"]
)
def test_a_block_is_generated_with_all_its_ports_told(name):
    files = generate(name, {}, beats=10)
    assert {f"{name}.v", f"{name}.json", f"{name}.vectors.txt", f"{name}_tb.v"} <= set(files)


def test_the_steps_are_told_and_other_widths_refused():
    told = describe(select("max_finder-int8-steps"))
    assert "13 NOR steps to compare, 5 to select" in told.throughput
    with pytest.raises(ValueError, match="2, 4, 8 or 16 bits, not 12"):
        select("max_finder-steps", {"bits": 12})
