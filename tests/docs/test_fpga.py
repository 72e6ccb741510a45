"""The README's bitstreams are those of results/bitstream-*.json."""

import json

from docs.fpga import BEGIN, END, PAGE, STALE, redraw, render, step
from sim.commands.prove import BITSTREAMS, RESULTS


def test_the_readme_is_up_to_date():
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert f"\n{render()}\n" in page, "run `make docs` and commit the page"
    assert redraw(page, render()) == page


def test_another_figure_changes_the_table(tmp_path):
    for board, design in BITSTREAMS:
        name = f"{step(board, design)}.json"
        kept = json.loads((RESULTS / name).read_text())
        kept["figures"]["bitstreams"][0]["megahertz"] += 1
        (tmp_path / name).write_text(json.dumps(kept))
    assert render(tmp_path) != render()
    assert render(rtl="another").count(STALE) == len(BITSTREAMS)
