"""Small blocks with every feeder, sign and form, generated once for several tests."""

import functools
import re
import subprocess
from pathlib import Path

import pytest

from hw.generate import generate

ROOT = Path(__file__).resolve().parent.parent.parent
BEATS = 12
SMALL = {"lanes": 2, "columns": 2, "weight_sets": 2}
CORE = {**SMALL, "macros": 2, "requantizer_lanes": 2}
WORDS = {"arithmetic": "words"}
BLACK_BOX = {"bitcells": "blackbox"}
# Name, fields, forms.
BLOCKS = {
    "pairs": ("macro", SMALL, {}),
    "words": ("macro", SMALL, WORDS),
    "one set": ("macro", SMALL | {"weight_sets": 1, "input_sign": "signed"}, {}),
    "tokens": ("macro-unsigned-pairs-4", SMALL | {"tokens": 2}, WORDS),
    "skip": ("macro-skip", SMALL | {"bits_per_cycle": 2, "lanes": 3}, {}),
    "ring": ("macro-int4-ring", SMALL, {}),
    "spill": ("macro-int4-spill-1", SMALL, {}),
    "black box": ("macro-fixed", SMALL | {"weight_lanes": 2}, BLACK_BOX),
    "halves": ("macro-int16", SMALL, WORDS),
    "halves, black box": ("macro-int16-fixed", SMALL, BLACK_BOX),
    "core": ("core-tiny", CORE, WORDS),
    "core, 2 tokens": ("core-tiny-pairs-4", CORE | {"tokens": 2}, WORDS),
    "requantizer": ("requantizer", {"requantizer_lanes": 2}, {}),
    "requantizer without tag": ("requantizer-int16", {"requantizer_lanes": 1, "tag_bits": 0}, {}),
}


def each_case(*cases):
    """Parametrise a test with cases; those of one case share a worker, and so what it generated."""
    return pytest.mark.parametrize(
        "case",
        [pytest.param(one, marks=pytest.mark.xdist_group(f"generated {one}")) for one in cases],
    )


@functools.cache
def generated(case):
    """Return the name and the files of a case."""
    name, choices, forms = BLOCKS[case]
    return name, generate(name, choices, beats=BEATS, **forms)


def command(page, program):
    """Return the command line of the page that runs ``program``."""
    return next(line.strip() for line in page.splitlines() if line.strip().startswith(program))


def icarus(folder, name, *plusargs):
    """Run the testbench in Icarus as the page says; return its exit code and output."""
    line = " ".join([command((folder / f"{name}.md").read_text(), "iverilog"), *plusargs])
    told = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True)
    return told.returncode, told.stdout + told.stderr


def read(text):
    """Read vectors by the code that docs/vectors.md shows."""
    page = (ROOT / "docs/vectors.md").read_text()
    space = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], space)
    streams = {
        name: {field: [row[place] for row in rows] for place, field in enumerate(fields)}
        for name, (_, fields, rows) in space["read_vectors"](text).items()
    }
    return streams, space["elements"]
