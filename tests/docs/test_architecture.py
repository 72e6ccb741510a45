"""The diagrams of docs/architecture.md are those of the tree."""

import pytest

from docs.diagram import (
    PAGE,
    draw_components,
    find_components,
    find_placements,
    read_sources,
    redraw,
)


def test_the_page_is_up_to_date():
    assert redraw(PAGE.read_text()) == PAGE.read_text(), "run `make docs` and commit the page"


def test_a_core_is_made_of_macros_and_a_macro_of_columns():
    placements = find_placements(read_sources())
    names = {user[1]: {one[1] for one in placed} for user, placed in placements.items()}
    assert "Macro" in names["Core"]
    assert {"Column", "Drive", "FixedFeeder"} <= names["Macro"]
    assert "Core" in names["CoreUnit"]
    assert "Accelerator" not in set().union(*names.values())


def test_a_component_is_found_by_its_bases_and_what_it_places_through_functions(tmp_path):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw/leaf.py").write_text(
        "class Base(wiring.Component): ...\n"
        "class Leaf(Base):\n    '''A ``leaf``.'''\n"
        "class Plain: ...\n"
        "def create(kind: Base):\n    return KINDS[kind]()\n"
        "KINDS = {'leaf': Leaf}\n"
    )
    (tmp_path / "hw/tree.py").write_text(
        "from hw.leaf import Base, Plain, create\n"
        "class Tree(Shared):\n    def body(self):\n        return create('leaf'), Plain()\n"
    )
    sources = read_sources(tmp_path)
    assert {name for _, name in find_components(sources)} == {"Base", "Leaf", "Tree"}
    assert find_placements(sources)["hw.tree", "Tree"] == {("hw.leaf", "Leaf")}
    drawn = draw_components(sources)
    assert "Tree --> Leaf" in drawn
    assert "Base" not in drawn


def test_a_page_without_its_markers_is_an_error():
    with pytest.raises(ValueError, match="must hold one"):
        redraw("# no markers")
