"""The encoder's layer norms and GELUs stay within the bounds that they state, on real rows."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from golden.__main__ import main

pytestmark = pytest.mark.xdist_group("minilm")


def test_layer_norms_and_gelus_are_within_their_bounds(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    told = CliRunner().invoke(main, ["operators", "--count", "2", "--json", str(file)])
    assert told.exit_code == 0, told.output
    figures = json.loads(file.read_text())
    assert figures["sentences"] == 2
    operators = figures["operators"]
    # One norm after the embedding, two norms and a GELU in each of six layers, and two totals.
    assert len(operators) == 1 + 3 * 6 + 2
    for errors in operators.values():
        assert errors["mean"] < errors["max"]
        # A bound ten times too wide would prove nothing.
        assert 0.1 < errors["of_bound"] <= 1
    assert operators["all layer norms"]["max"] < 2
