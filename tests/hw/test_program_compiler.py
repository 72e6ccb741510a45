"""Parts of the compiler by themselves: tiles, shares, room in the buffer, lengths, lags."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hw.accelerator.machine import MACHINES
from hw.program.compiler.buffer import Buffer
from hw.program.compiler.hazards import Hazards
from hw.program.compiler.layout import Layout
from hw.program.compiler.lengths import Length, Lengths, length_of
from hw.program.compiler.plan import CompilerPlan
from hw.program.compiler.schedule import Node, Schedule, Span
from hw.program.compiler.tiles import Product, TiledProduct, passes


@pytest.mark.parametrize("config", MACHINES)
def test_shares_cover_every_tile_once_on_cores_that_exist(config: str) -> None:
    machine = MACHINES[config]
    for tiles in range(1, 50):
        for rows in (1, 3, 128, 500):
            for row_cycles in (1, 8):
                for attended in (False, True):
                    shares = passes(machine, tiles, rows, row_cycles, attended)
                    covered = [one.first + index for one in shares for index in range(one.tiles)]
                    assert covered == list(range(tiles))
                    assert all(one.tiles << one.group_bits <= machine.cores for one in shares)
                    assert all(1 << one.group_bits <= rows for one in shares)


def test_rows_that_cost_much_are_shared_out_over_all_cores() -> None:
    machine = MACHINES["mulcim"]
    shares = passes(machine, 12, 128, 8)
    assert [(one.tiles, 1 << one.group_bits) for one in shares] == [(4, 4), (8, 2)]
    assert [(one.tiles, 1 << one.group_bits) for one in passes(machine, 12, 128, 1)] == [(12, 1)]


def test_tiles_hold_the_matrix_where_the_cores_expect_it() -> None:
    """For each k each tile: two lanes in a word, all columns of the even one first."""
    machine = MACHINES["tiny"]  # 16 lanes, 8 columns
    rng = np.random.default_rng(1)
    source, layout = Layout((11, 11), machine.lanes), Layout((5, 9), machine.lanes)
    product = Product(
        name="test",
        weight=rng.integers(-127, 128, (22, 14)).astype(np.int8),
        multiplier=rng.integers(0, 1 << 16, 14),
        bias=rng.integers(-(1 << 31), 1 << 31, 14),
        layout=layout,
    )
    tiled = TiledProduct(machine, source, [product], [(0, word) for word in range(layout.words)])
    assert (tiled.k_tiles, tiled.tiles) == (2, 3)
    (one, *_) = passes(machine, 1, 1, 1)
    columns = {int(position): column for column, position in enumerate(layout.positions)}
    lanes = {int(position): row for row, position in enumerate(source.positions)}
    for tile in range(3):
        content = tiled.content(type(one)(first=tile, tiles=1, group_bits=0))
        weights, numbers = content[: 2 * 128].view(np.int8), content[2 * 128 :].reshape(8, 8)
        for at, weight in enumerate(weights):
            k, lane, column = at // 128, at // 8 % 16, at % 8
            row, output = lanes.get(16 * k + lane), columns.get(8 * tile + column)
            known = row is not None and output is not None
            assert weight == (product.weight[row, output] if known else 0)
        for column, number in enumerate(numbers):
            output = columns.get(8 * tile + column)
            multiplier, bias = number[:2].view("<u2")[0], number[4:].view("<i4")[0]
            expected = (
                (0, 0) if output is None else (product.multiplier[output], product.bias[output])
            )
            assert (multiplier, bias) == expected


def test_blocks_of_the_buffer_never_overlap() -> None:
    rng = random.Random(3)
    buffer, held = Buffer(500), []
    refused = 0
    for _ in range(2000):
        if held and rng.random() < 0.5:
            buffer.free(held.pop(rng.randrange(len(held))))
        else:
            try:
                held.append(buffer.allocate(rng.randint(1, 60), "tensor 'x'"))
            except ValueError as error:
                refused += 1
                assert "'x' needs" in str(error)
        used = sorted((one.first, one.first + one.words) for one in held)
        assert all(end <= start for (_, end), (start, _) in pairwise(used))
        assert not used or used[-1][1] <= 500
    assert refused


def test_lengths_are_sums_with_registers() -> None:
    lengths = Lengths(("tokens", "regions"), {"tokens": 20, "regions": 5})
    assert length_of("tokens+1+regions") == Length(names=("regions", "tokens"), constant=1)
    assert lengths.maximum(length_of("tokens+1")) == 21
    count = lengths.count(length_of("tokens+1"), 16, 16)
    assert (count.register, count.offset, count.limit) == (5, 16, 5)
    assert lengths.sums == [(5, 1, 0, 1)]
    assert lengths.count(Length(constant=30), 16, 16).limit == 14
    with pytest.raises(ValueError, match="the length 'words' needs a maximum"):
        Lengths(("words",), {})


def node(name: str, reads: tuple[Span, ...] = (), writes: tuple[Span, ...] = ()) -> Node:
    return Node(name=name, reads=reads, writes=writes)


def test_lags_wait_for_the_last_that_touched_a_word_and_for_no_other() -> None:
    left = Span(first=0, words=2, stride=5, rows=4)
    right = Span(first=2, words=2, stride=5, rows=4)
    hazards = Hazards(64, 0)
    assert hazards.lags(node("cores", writes=(left,))) == {}
    assert hazards.lags(node("cores", writes=(right,))) == {}
    # Columns of the same rows: only the first of two passes counts.
    assert hazards.lags(node("rows", reads=(left,))) == {"cores": 1}
    assert hazards.lags(node("rows", reads=(right,))) == {"cores": 0}
    # Writing again waits for who reads.
    assert hazards.lags(node("cores", writes=(left,))) == {"cores": 1, "vector": 1}
    hazards.lags(Node(name="sync"))
    assert hazards.lags(node("rows", reads=(left, right))) == {}


def test_weights_are_asked_for_before_the_pass_in_front_of_them() -> None:
    schedule = Schedule()
    for index in range(3):
        schedule.emit("weights", values={"address": 64 * index})
        schedule.emit("cores")
        schedule.emit("rows")
    schedule.place("next")
    schedule.emit("weights")
    schedule.emit("cores")
    names = [one.name or one.label for one in schedule.with_weights_ahead()]
    assert names == [
        *("weights", "weights", "cores", "rows", "weights", "cores", "rows", "cores", "rows"),
        *("next", "weights", "cores"),
    ]


@pytest.mark.parametrize(
    ("choices", "told"),
    [({"row_cycles": 0}, "row_cycles must be"), ({"row_block": 0}, "row_block must be")],
)
def test_a_plan_is_checked(choices: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CompilerPlan(**choices)
    assert CompilerPlan(row_block=64).blocks(150, 128) == [(0, 64), (64, 64), (128, 22)]
