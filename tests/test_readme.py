"""The README's commands, paths and figures are real."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def section(title: str) -> str:
    """Text of the README's section ``title``."""
    return re.split(rf"^## {re.escape(title)}$", README, flags=re.MULTILINE)[1].partition("\n## ")[
        0
    ]


def block(text: str, language: str) -> list[str]:
    """Lines of the first code block of ``language`` in ``text``."""
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"no code block {language!r}"
    return found[1].splitlines()


def figures() -> list[list[str]]:
    """Cells of every row of the tables in the section Results."""
    rows = [line for line in section("Results").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [row for row in cells if set("".join(row)) - set("-: ") and row[-1] != "command"]


def modules() -> list[tuple[str, str]]:
    """Modules that the README runs by ``python -m``, with their subcommands ("" for none)."""
    text = README + (ROOT / "Makefile").read_text()
    module = r"((?:golden|hw|sim)[._a-z]*)"
    found = re.findall(rf"(?:python|\$\(PYTHON\)) -m {module}(?: ([a-z]+))?", text)
    return sorted(set(found))


def test_the_quick_start_is_two_targets_after_the_clone():
    clone, *commands = block(section("Quick start"), "console")
    assert clone.startswith("git clone ")
    assert commands == ["make sim", "make test"]
    assert all(command.removeprefix("make ") in TARGETS for command in commands)


def test_every_target_that_the_readme_names_exists():
    named = re.findall(r"`make ([a-z]+)", README)
    assert len(named) >= 5
    assert sorted(set(named) - set(TARGETS)) == []


@pytest.mark.parametrize("module, subcommand", modules())
def test_every_command_of_the_readme_and_the_makefile_exists(module, subcommand, package):
    command = [sys.executable, "-m", module, *([subcommand] if subcommand else []), "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No module named 'torch'" in told.stderr:
        package("torch")
    assert told.returncode == 0, f"{' '.join(command[1:])} fails: {told.stderr[-500:]}"


def test_there_are_commands_to_check():
    assert {module for module, _ in modules()} >= {"hw", "sim"}


@pytest.mark.parametrize("row", figures(), ids=lambda row: row[0][:40])
def test_every_figure_names_its_command(row):
    commands = re.findall(r"`(make|python -m) ([a-z.]+)[^`]*`", row[-1])
    assert commands, f"the figure {row[0]!r} names no command"
    for kind, name in commands:
        assert name in (TARGETS if kind == "make" else {module for module, _ in modules()})


def test_there_are_figures_to_check():
    assert figures()


def test_the_tree_is_as_drawn():
    folder, paths = "", []
    for line in block(section("The tree"), ""):
        name = line.split()[0]
        folder = folder if line.startswith(" ") else name
        paths.append(name if name == folder else folder + name)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_link_leads_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    ]
    assert len(links) >= 5
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
