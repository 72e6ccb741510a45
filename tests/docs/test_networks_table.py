"""The README's table of networks is that of results/networks-rtl.json."""

import json

import pytest

from docs.networks import BEGIN, END, PAGE, STALE, STEP, draw, render
from sim.commands.prove import RESULTS


@pytest.fixture
def kept():
    return json.loads((RESULTS / f"{STEP}.json").read_text())


def test_the_readme_is_up_to_date():
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert f"\n{render()}\n" in page, "run `make docs` and commit the page"
    assert draw(page, render()) == page


def test_every_network_is_bit_exact(kept):
    rows = kept["figures"]["networks"]
    assert len(rows) == 7
    assert all(row["bit_exact"] for row in rows.values())
    assert len({one["lengths"]["tokens"] for one in rows["minilm"]["inputs"]}) == 3


def test_another_figure_changes_the_table(kept, tmp_path):
    rows = kept["figures"]["networks"]
    rows["vit"]["cycles"] += 1
    (tmp_path / f"{STEP}.json").write_text(json.dumps(kept))
    assert render(tmp_path) != render()
    assert render(rtl="another").count(STALE) == len(rows)
    with pytest.raises(FileNotFoundError, match=r"rtl.json is missing: run `python -m sim prove"):
        render(tmp_path / "nothing")
