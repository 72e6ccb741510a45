"""The tutorials, done step by step in a copy of the tree."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TUTORIALS = sorted((ROOT / "docs").glob("add-*.md"))
COPIED = ("golden", "hw", "sim", "tests", "pyproject.toml")


class Block(NamedTuple):
    """A code block: its language, the line where it starts, its lines."""

    language: str
    line: int
    lines: list[str]


def blocks(page: str) -> list[Block]:
    """Code blocks of a page, in order."""
    found: list[Block] = []
    inside = False
    for number, line in enumerate(page.splitlines(), start=1):
        if line.startswith("```"):
            inside = not inside
            if inside:
                found.append(Block(line[3:], number, []))
        elif inside:
            found[-1].lines.append(line)
    return found


def titled(block: Block) -> tuple[str, str, str]:
    """File that a block's first line names, what follows the name, and the other lines."""
    match = re.fullmatch(r"# (\S+\.py)(.*)", block.lines[0])
    assert match, f"line {block.line}: the block does not name its file"
    return match[1], match[2], "\n".join(block.lines[1:]).strip("\n") + "\n"


def write(tree: Path, block: Block) -> Path:
    """Write a Python block to the new file that it names, or at the end of an old one."""
    name, where, text = titled(block)
    path = tree / name
    if where == ", at its end":
        path.write_text(path.read_text() + "\n\n" + text)
    else:
        assert not where and not path.exists(), f"line {block.line}: {name} exists"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return path


def change(tree: Path, block: Block) -> Path:
    """Apply a diff block to the file that it names; every hunk must fit in exactly one place."""
    name, _, text = titled(block)
    path = tree / name
    for hunk in text.split("\n...\n"):
        lines = [line for line in hunk.splitlines() if line]
        assert all(line[0] in " +-" for line in lines), f"line {block.line}: not a diff"
        old = "".join(line[1:] + "\n" for line in lines if line[0] != "+")
        new = "".join(line[1:] + "\n" for line in lines if line[0] != "-")
        assert path.read_text().count(old) == 1, f"line {block.line}: no single place for\n{old}"
        path.write_text(path.read_text().replace(old, new))
    return path


def execute(tree: Path, block: Block) -> None:
    """Run the commands of a console block; one after ``!`` must fail, and by what it tests."""
    for line in block.lines:
        fails = line.startswith("! ")
        program, *arguments = shlex.split(line.removeprefix("! "))
        assert program == "python", f"line {block.line}: {line}"
        if arguments[:2] == ["-m", "pytest"]:
            arguments += ["-n0", "-p", "no:cacheprovider"]
        told = subprocess.run(
            [sys.executable, *arguments], cwd=tree, capture_output=True, text=True, check=False
        )
        # pytest says 1 where tests failed and more where it found none: only 1 is a failure seen.
        expected = 1 if fails else 0
        assert told.returncode == expected, f"line {block.line}: {line}\n{told.stdout}{told.stderr}"


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_does_what_it_says(page, tmp_path):
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    files = set()
    done = []
    for block in blocks(page.read_text()):
        done.append(block.language)
        if block.language == "console":
            # What comes before a command that must fail is broken on purpose.
            if not block.lines[0].startswith("! "):
                ruff(files)
            execute(tmp_path, block)
        else:
            steps = {"python": write, "diff": change}
            files.add(str(steps[block.language](tmp_path, block)))
    assert {"python", "diff", "console"} <= set(done)
    assert any(line.startswith("! ") for block in blocks(page.read_text()) for line in block.lines)


def ruff(files: set[str]) -> None:
    """What a tutorial writes follows the style that the project asks for."""
    for command in (["check"], ["format", "--check"]):
        told = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", *sorted(files)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stdout


def test_both_tutorials_are_here():
    assert [page.stem for page in TUTORIALS] == ["add-a-plan", "add-an-operator"]


@pytest.mark.parametrize(
    "text, error",
    [
        ("# a.py\n-three\n+four", "no single place"),
        ("# a.py\n-one\n+two", "no single place"),
        ("# a.py\nthree", "not a diff"),
        ("+one", "does not name its file"),
    ],
)
def test_a_diff_that_does_not_fit_is_an_error(tmp_path, text, error):
    (tmp_path / "a.py").write_text("one\none\ntwo\n")
    with pytest.raises(AssertionError, match=error):
        change(tmp_path, Block("diff", 1, text.splitlines()))


def test_a_command_that_should_fail_must(tmp_path):
    execute(tmp_path, Block("console", 1, ['! python -c "raise SystemExit(1)"']))
    with pytest.raises(AssertionError, match="line 1"):
        execute(tmp_path, Block("console", 1, ['! python -c "pass"']))
    with pytest.raises(AssertionError, match="line 1"):
        execute(tmp_path, Block("console", 1, ["python -m pytest no_such_file.py"]))
