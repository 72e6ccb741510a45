"""``python -m sim prove``: long measurements, each kept with the hash of its RTL."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from hw.yosys import write_atomically

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "results"

STEPS = {
    "ratios": ("sim", "ratios"),
    "layer": ("sim", "layer"),
    "area": ("hw", "area"),
}
"""Measurements by name: the module and command that print them and take ``--json``."""


def rtl_hash() -> str:
    """Hash of every source that decides the RTL: the circuits, and golden's specs and tables."""
    digest = hashlib.sha256()
    sources = [*(ROOT / "hw").rglob("*.py"), ROOT / "golden/spec.py", ROOT / "golden/tables.py"]
    for source in sorted(sources):
        digest.update(f"{source.relative_to(ROOT)}\0".encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def holds(path: Path, rtl: str) -> bool:
    """Whether ``path`` is a result for this RTL."""
    return path.exists() and json.loads(path.read_text()).get("rtl") == rtl


def measure(name: str, path: Path, rtl: str) -> None:
    """Run one step and keep its figures, whole or not at all."""
    module, command = STEPS[name]
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        told = [sys.executable, "-m", module, command, "--json", str(figures)]
        if subprocess.run(told, cwd=ROOT, check=False).returncode:
            raise click.ClickException(f"`python -m {module} {command}` failed: see above")
        kept = {
            "command": f"python -m {module} {command}",
            "rtl": rtl,
            "figures": json.loads(figures.read_text()),
        }
    write_atomically(path, (json.dumps(kept, indent=2) + "\n").encode())


@click.command()
@click.argument("names", nargs=-1)
def prove(names: tuple[str, ...]) -> None:
    """Measure everything that takes long, into results/NAME.json.

    NAMES are ratios, layer, area; all by default. A result that holds for today's RTL is kept, so
    an interrupted run goes on where it stopped.
    """
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise ValueError(f"unknown step {unknown[0]!r}: use one of {', '.join(STEPS)}")
    rtl = rtl_hash()
    for name in names or STEPS:
        path = RESULTS / f"{name}.json"
        if holds(path, rtl):
            click.echo(f"{name}: {path.relative_to(ROOT)} holds for this RTL")
            continue
        measure(name, path, rtl)
