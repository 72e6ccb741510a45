"""A simulation as a process that reads and writes files of one folder."""

import subprocess
from pathlib import Path


def execute(
    executable: Path,
    folder: Path,
    limit_seconds: float | None,
    refusals: dict[int, type[Exception]],
) -> str:
    """What ``executable`` told of ``folder``.

    Raise ``TimeoutError`` after ``limit_seconds``, for a code of ``refusals`` that error with the
    process's own message, and ``RuntimeError`` for any other.
    """
    try:
        told = subprocess.run(
            [str(executable), str(folder)],
            capture_output=True,
            text=True,
            timeout=limit_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the simulation took more than {limit_seconds} s") from None
    # Verilog's $fatal speaks to the other one.
    said = told.stderr.strip() or told.stdout.strip()
    if told.returncode in refusals:
        raise refusals[told.returncode](said)
    if told.returncode:
        raise RuntimeError(f"the simulation ended with code {told.returncode}: {said}")
    return told.stdout
