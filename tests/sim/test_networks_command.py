"""The table of networks on the accelerator's RTL: its figures, its errors."""

import json

import numpy as np
from click.testing import CliRunner

from golden.networks.describe import describe
from hw.accelerator.plan import PLANS
from sim.__main__ import main
from sim.accelerator.networks import load
from sim.accelerator.run import simulator
from sim.accelerator.trial import peak, try_network

TINY = PLANS["tiny"]


def call(*arguments):
    return CliRunner().invoke(main, ("networks", "--config", "tiny", *arguments))


def test_a_row_has_the_figures_of_its_runs(tmp_path):
    result = call("vit", "--trace", "--json", str(tmp_path / "a.json"))
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["peak"] == 16 * 8 + 8 * 8
    row = content["networks"]["vit"]
    assert row["bit_exact"] and row["tensors"] == 51
    macs = sum(one.macs for one in describe(load("vit", TINY.machine).graph, {}))
    assert [one["macs"] for one in row["inputs"]] == 3 * [macs]
    assert [one["answer"] for one in row["inputs"]] == ["0", "5", "9"]
    assert row["cycles"] == sum(one["cycles"] for one in row["inputs"])
    assert row["utilisation"] == round(3 * macs / (row["cycles"] * peak(TINY)), 4)
    assert 0.05 < row["utilisation"] < 1
    assert f"{3 * macs:,}" in result.output
    assert "kwt" not in result.output


def test_a_program_that_chooses_its_tokens_has_them_as_a_length():
    trial = try_network("translator, post-norm", TINY, simulator(TINY), trace=True)
    assert trial.chooses and trial.difference is None and trial.tensors == 1
    lengths = [one["lengths"] for one in trial.figures(TINY)["inputs"]]
    assert [one["source"] for one in lengths] == [9, 20]
    assert [one["target"] for one in lengths] == [len(x.outputs["tokens"]) for x in trial.runs]


def test_the_first_difference_and_what_does_not_fit_end_in_an_error(tmp_path, monkeypatch):
    """The rest of the table is there all the same."""

    def wrong(loaded, inputs):
        return {name: np.zeros((1, 10), int) for name in loaded.graph.outputs}

    monkeypatch.setattr("sim.accelerator.trial.golden_tensors", wrong)
    result = call("vit", "minilm", "--json", str(tmp_path / "a.json"))
    assert result.exit_code == 1
    assert "Error: vit, input '0': tensor " in result.output
    assert "stored at cycle" in result.output
    assert "no: see below" in result.output
    assert "minilm does not fit tiny: tensor 'position' needs" in result.output
    rows = json.loads((tmp_path / "a.json").read_text())["networks"]
    assert list(rows) == ["vit"]
    assert rows["vit"]["bit_exact"] is False


def test_the_keyword_spotter_is_left_out_by_name_without_its_folder():
    result = call("kwt")
    assert result.exit_code == 0
    assert "kwt is left out: it needs kwt1/kwt1-12.tflite" in result.output


def test_an_unknown_name_is_refused():
    result = call("bert")
    assert result.exit_code == 1
    assert "no network 'bert' in the table: one of minilm, kwt" in result.output


def test_the_keyword_spotter_says_what_is_said(data):
    folder = data("kwt1/kwt1-12.tflite").parent.parent
    trial = try_network("kwt", TINY, simulator(TINY), data=folder)
    assert trial.difference is None
    assert [one["answer"] for one in trial.figures(TINY)["inputs"]] == ["yes", "no", "left"]
