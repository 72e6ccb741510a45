"""The attention engine by name: its reference against golden, plans that cannot be, its files."""

import numpy as np
import pytest
from generated import icarus

from golden.operator_spec import AttentionSpec
from golden.spec import RowScaleSpec
from hw.catalog.selection import BLOCKS, select
from hw.engine.plan import EnginePlan
from hw.generate import generate, write_files
from sim.attention.jobs import NUMBERS, context
from sim.attention.utilisation import blocks
from sim.row import Stimulus
from sim.rows.engine import ENGINE, jobs_of

NAME = "engine-tiny-small"


def test_reference_equals_golden():
    selection = select(NAME)
    spec, plan = selection.spec, selection.plan
    rng = np.random.default_rng(3)
    beats = BLOCKS["engine"].beats(spec, plan, rng, 120)
    inputs = {name: one.fields for name, one in beats.items() if name != "o"}
    inputs = {
        name: fields if name == "jobs" else fields["data"].astype(np.uint8)
        for name, fields in inputs.items()
    }
    jobs = jobs_of(spec, plan, Stimulus(inputs=inputs, outputs={}))
    expected = np.concatenate([context(spec, job).reshape(-1) for job in jobs])
    assert (beats["o"].fields["data"].reshape(-1) == expected).all()
    assert len(np.unique(expected)) > 100


def test_generated_files_pass_in_icarus(tmp_path, tool):
    tool("iverilog")
    write_files(tmp_path, generate(NAME, beats=20))
    code, told = icarus(tmp_path, NAME)
    assert (code, told.startswith("PASS engine_tiny_small: ")) == (0, True), told


@pytest.mark.parametrize(
    ("spec", "plan", "message"),
    [
        ({}, {"head_size": 48}, "multiple of lanes: 48"),
        ({}, {"softmax_lanes": 5}, "multiple of softmax_lanes: 32 .* 5"),
        ({}, {"output_lanes": 3}, "multiple of output_lanes: 32 .* 3"),
        ({"query": RowScaleSpec(output_bits=16)}, {}, "not queries of 16 and keys of 8"),
        ({"key_block": 16}, {"lanes": 32}, "multiple of lanes: 16"),
    ],
)
def test_an_impossible_engine_is_refused(spec, plan, message):
    with pytest.raises(ValueError, match=message):
        EnginePlan(**plan).require(AttentionSpec(**{"heads": 1, "key_block": 32, **spec}))


def test_jobs_of_one_engine_differ_in_every_number():
    """What the row runs through one build, back to back."""
    point = ENGINE.point("parts")
    drawn = ENGINE.stimulus(point, np.random.default_rng(20), ENGINE.count)
    jobs = jobs_of(point.spec, point.plan, drawn)
    sizes = {job.query.shape[1] for job in jobs}
    assert {4, 20} <= sizes
    for name in ("causal", *NUMBERS):
        assert len({getattr(job, name) for job in jobs}) > 1, name


@pytest.mark.parametrize(("queries", "sizes"), [(64, [64]), (100, [50, 50]), (130, [43, 43, 44])])
def test_queries_are_cut_into_jobs_of_equal_size(queries, sizes):
    assert [one.stop - one.start for one in blocks(queries, 64)] == sizes
