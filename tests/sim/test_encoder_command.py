"""Where a run's cycles went: spans, tables, the least that cycles can be, the picture."""

from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from golden.networks.instances import sample
from hw.accelerator.plan import PLANS, with_feeder
from hw.program import compile_network
from hw.program.instructions import UNITS
from sim.__main__ import main
from sim.accelerator.inputs import integer_inputs
from sim.accelerator.networks import load
from sim.accelerator.operator_table import operator_rows
from sim.accelerator.picture import draw
from sim.accelerator.roofline import of_layer
from sim.accelerator.run import run_rtl, simulator
from sim.accelerator.spans import Span, spans, under_way
from sim.commands.encoder import text_of

TINY = PLANS["tiny"]
DEPTH = TINY.queue_depth


@pytest.fixture(scope="module")
def encoder():
    """The small encoder's run on RTL: graph, program, its spans and cycles."""
    loaded = load("sentence encoder", TINY.machine)
    program = compile_network(loaded.graph, TINY.machine, loaded.maximums)
    given = integer_inputs(loaded, sample(loaded.graph, 9, 9))
    (run,) = run_rtl(simulator(TINY), program, [given], completions=True)
    order = [i for i, one in enumerate(program.instructions) if one.unit != "sequencer"]
    return loaded.graph, program, spans(program, order, run.outcome.completions, DEPTH), run.outcome


def test_spans_are_those_of_the_rtl(encoder):
    """Every instruction ends within the run, in its unit's order, not before what it waits for."""
    _, program, found, outcome = encoder
    units = [one for one in program.instructions if one.unit != "sequencer"]
    assert len(found) == len(units) == len(outcome.completions)
    for unit in UNITS[1:]:
        own = [one for one in found if one.unit == unit]
        assert all(a.end < b.end for a, b in pairwise(own))
        # The counter counts the cycles in which the unit has an instruction.
        assert under_way(own) >= 0.7 * outcome.counters[f"{unit}_busy"]
    assert all(0 <= one.begin < one.end <= outcome.cycles for one in found)
    order = [one.place for one in found]
    with pytest.raises(ValueError, match="only"):
        spans(program, order, outcome.completions[:-1], DEPTH)
    with pytest.raises(ValueError, match="nobody gave"):
        spans(program, order[:-1], outcome.completions, DEPTH)


def test_overlapping_spans_are_counted_once():
    found = [Span("cores", 0, 5, 10), Span("cores", 1, 8, 12), Span("vector", 2, 20, 21)]
    assert under_way(found) == 8


def test_rows_of_the_table_have_all_products_and_take_no_less_than_the_least(encoder):
    graph, program, found, _ = encoder
    rows = {row.name: row for row in operator_rows(graph, program, TINY, found, {"tokens": 9})}
    width, feed_forward = 32, 64
    layer = 4 * width * width + 2 * width * feed_forward
    assert sum(row.macs for row in rows.values()) == 2 * 9 * (layer + 2 * 9 * width)
    assert rows["query"].macs == 2 * 9 * 3 * width * width
    assert rows["query"].units[0] in {"weights", "cores"}
    assert rows["query"].least.bound == "memory"
    for name in ("query", "output", "feed_forward_in", "feed_forward_out"):
        assert 0.3 < rows[name].utilisation <= 1.02, name


def test_the_least_of_a_layer_is_its_largest_resource():
    """On mulcim by hand: bytes over 64, and 8 cycles a row of a bit-serial macro."""
    plan = with_feeder(PLANS["mulcim"], "fixed")
    loaded = load("sentence encoder", plan.machine)
    names = [one.name for one in loaded.graph.operators if one.name.startswith("layer.1.")]
    found = of_layer(loaded.graph, names, plan, {"tokens": 16})
    weights = 4 * 32 * 32 + 2 * 32 * 64
    assert found.cores == pytest.approx(16 * weights * 8 / (16 * 64 * 32))
    assert found.engine == pytest.approx(2 * 16 * 16 * 32 / 1024)
    assert weights / 64 < found.memory < 2 * weights / 64
    assert found.bound == "memory"
    slower = of_layer(loaded.graph, names, plan, {"tokens": 16}, bus_bytes=16)
    assert slower.memory == 4 * found.memory
    assert of_layer(loaded.graph, names, plan, {"tokens": 512}).bound == "compute"


def test_the_picture_has_every_unit(encoder, tmp_path):
    _, program, found, _ = encoder
    draw(program, found, tmp_path / "a" / "timeline.svg", "title of it")
    drawn = (tmp_path / "a" / "timeline.svg").read_text()
    for word in ("title of it", "layer.0", "layer.1", *{one.unit for one in found}):
        assert f">{word}<" in drawn
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["timeline.svg"]


def test_a_text_of_so_many_tokens():
    from golden.models.minilm import Tokenizer

    assert 120 < len(Tokenizer()(text_of(128))) <= 128
    assert np.size(Tokenizer()(text_of(4))) <= 4
    # More than the encoder is usually given, as many as it has positions for.
    assert 505 < len(Tokenizer(512)(text_of(512))) <= 512


def test_a_wrong_feeder_is_one_sentence():
    result = CliRunner().invoke(main, ["encoder", "--feeder", "none"])
    assert result.exit_code == 2
    assert "'none' is not one of" in result.output
