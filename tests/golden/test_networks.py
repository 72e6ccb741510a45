"""A small instance of every network: integers against floats, and the command that shows them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.commands import networks
from golden.networks.check import check_network
from golden.networks.instances import INSTANCES, KEYWORDS, compared, sample
from golden.networks.published import PUBLISHED
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.quantize import quantize_network


@pytest.mark.parametrize("name", INSTANCES)
def test_integers_keep_the_output(name: str) -> None:
    graph = INSTANCES[name]()
    integer = quantize_network(graph, [sample(graph, seed) for seed in range(100, 106)])
    check_network(integer)
    assert min(networks.likeness(graph, integer, seed) for seed in range(4)) > networks.LEAST
    if name in KEYWORDS:
        given = sample(graph, 0)
        x = run_real(graph, given)[compared(graph)]
        y = run_integer(integer, quantize_inputs(integer, given))[compared(graph)]
        assert x.argmax() == y.argmax()


def test_every_published_network_has_a_small_instance() -> None:
    """Of those that come in several sizes, one; names differ in their spaces."""
    small = {name.replace(" ", "_") for name in INSTANCES}
    large = {name.removeprefix("vqa_").rstrip("123") for name in PUBLISHED}
    assert large - small == set()


def test_the_command_shows_every_network_and_fails_where_one_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("bag_of_words", "sentence encoder")
    monkeypatch.setattr(networks, "INSTANCES", {name: INSTANCES[name] for name in names})
    file = tmp_path / "networks.json"
    result = CliRunner().invoke(main, ["networks", "--json", str(file)])
    assert result.exit_code == 0, result.output
    rows = json.loads(file.read_text())["networks"]
    assert [row["network"] for row in rows] == list(names)
    assert all(row["cosine"] > 0.99 and row["macs"] > 100 for row in rows)
    monkeypatch.setattr(networks, "likeness", lambda *_: 0.98)
    result = CliRunner().invoke(main, ["networks"])
    assert result.exit_code == 1
    assert "cosine below 0.99 in integers: bag_of_words, sentence encoder" in result.output
