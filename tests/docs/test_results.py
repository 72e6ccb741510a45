"""The README's results are those of results/*.json."""

import json

import pytest

from docs.results import BEGIN, END, FIGURES, PAGE, PICTURE, STALE, draw_layer, redraw, render
from sim.commands.prove import RESULTS, step_hash


@pytest.fixture
def copied(tmp_path):
    """A copy of results/."""
    for path in RESULTS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_the_readme_is_up_to_date():
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert f"\n{render()}\n" in page, "run `make docs` and commit the page"
    assert redraw(page, render()) == page


def test_the_picture_is_up_to_date(tmp_path):
    draw_layer(tmp_path / "layer.svg")
    assert (tmp_path / "layer.svg").read_text() == PICTURE.read_text(), "run `make docs`"


def test_every_result_has_its_command_and_the_hash_of_its_rtl():
    for name in {name for figure in FIGURES for name in (figure.result, *figure.more)}:
        kept = json.loads((RESULTS / f"{name}.json").read_text())
        assert kept["command"].startswith("python -m ")
        assert len(kept["rtl"]) == len(step_hash("layer"))


def test_another_figure_changes_the_table(copied):
    path = copied / "accuracy.json"
    kept = json.loads(path.read_text())
    kept["figures"]["cosine_mean"] -= 0.01
    path.write_text(json.dumps(kept))
    assert render(copied) != render()


def test_figures_of_an_earlier_rtl_are_marked(copied):
    assert render(copied, "another").count(STALE) == len(FIGURES)


def test_a_missing_result_is_named(copied):
    (copied / "speed.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"speed.json is missing: run `python -m sim prove"):
        render(copied)
