"""Additive attention by name: its reference against golden, what is refused, its files."""

from dataclasses import replace

import numpy as np
import pytest
from generated import icarus

from golden.ops.additive_attention import additive_attention
from golden.spec import RowScaleSpec
from hw.catalog.selection import BLOCKS, select
from hw.generate import generate, write_files

NAME = "additive_attention-tiny-small"


def rows(fields, width):
    """Rows of equal length without what fills them up."""
    beats = int(np.flatnonzero(fields["last"])[0]) + 1
    return fields["data"].reshape(len(fields["last"]) // beats, -1)[:, :width]


def test_reference_equals_golden():
    selection = select(NAME)
    spec, plan = selection.spec, selection.plan
    beats = BLOCKS[selection.block].beats(spec, plan, np.random.default_rng(5), 120)
    streams = {name: one.fields for name, one in beats.items()}
    energy = streams["energies"]["data"].reshape(-1)[: plan.width]
    queries, keys = (rows(streams[name], plan.width) for name in ("queries", "keys"))
    values, contexts = (rows(streams[name], plan.depth) for name in ("values", "o"))
    seen = streams["keys"]["seen"][streams["keys"]["last"].astype(bool)].astype(bool)
    jobs, first = streams["jobs"], 0
    for n, count in enumerate(jobs["keys"]):
        job = slice(first, first := first + count)
        expected = additive_attention(
            spec,
            queries[n : n + 1],
            keys[job],
            values[job],
            energy,
            np.array([spec.attention.operand.code_limit]),
            jobs["score_multiplier"][n : n + 1],
            jobs["context_multiplier"][n : n + 1],
            np.array([jobs["score_offset"][n], jobs["context_offset"][n]]),
            seen[job],
        )
        assert (contexts[n] == expected[0]).all()
    assert len(jobs["keys"]) > 5
    assert len(np.unique(contexts)) > 50


def test_generated_files_pass_in_icarus(tmp_path, tool):
    tool("iverilog")
    write_files(tmp_path, generate(NAME, beats=20))
    code, told = icarus(tmp_path, NAME)
    assert (code, told.startswith("PASS additive_attention_tiny_small: ")) == (0, True), told


def test_scales_finer_than_the_requantizer_takes_are_refused():
    selection = select(NAME)
    spec = replace(selection.spec, comparison=RowScaleSpec(static_scale=30_000, mantissa_bits=9))
    with pytest.raises(ValueError, match="mantissa_bits must be an integer from 1 to 8, not 9"):
        BLOCKS[selection.block].require(spec, selection.plan)
