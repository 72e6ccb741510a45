"""What tests may ask of the machine: data and tools that the project does not contain."""

import importlib
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options behind ``make test DATA=folder STRICT=1``."""
    parser.addoption("--data", type=Path, help="folder of models and data that tests may read")
    parser.addoption(
        "--strict-tools", action="store_true", help="fail, do not skip, where a tool is missing"
    )


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed a module's ``RNG`` by the name of the test: the order of tests changes no number."""
    if hasattr(getattr(request, "module", None), "RNG"):
        seed = zlib.crc32(request.node.nodeid.encode())
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(seed))


@pytest.fixture
def data(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a file of the data folder by its name: ``data("stsb/stsb-en-dev.csv")``.

    Without a folder the test skips and names the file; a folder without the file is a failure.
    """
    folder: Path | None = request.config.getoption("--data")

    def find(name: str) -> Path:
        if folder is None:
            pytest.skip(f"needs {name}: give its folder, make test DATA=folder")
        if not (folder / name).is_file():
            pytest.fail(f"the data folder {folder} has no {name}")
        return (folder / name).resolve()

    return find


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Return a program's path by its name: ``tool("iverilog")``.

    A missing one skips the test by name, and fails it with ``--strict-tools``.
    """

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            stop = pytest.fail if request.config.getoption("--strict-tools") else pytest.skip
            stop(f"needs {name} on PATH: install it")
        return path

    return find


@pytest.fixture(scope="session")
def package(request: pytest.FixtureRequest) -> Callable[[str], ModuleType]:
    """Import a package of the extra "reference" by its name: ``package("torch")``.

    A missing one skips the test by name, and fails it with ``--strict-tools``.
    """

    def find(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            stop = pytest.fail if request.config.getoption("--strict-tools") else pytest.skip
            stop(f"needs the Python package {name}: run make reference")

    return find
