"""Which source files decide a circuit: its module, and whatever it imports of ours."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("fpga", "hw", "golden")


def sources(modules: Iterable[str], root: Path = ROOT) -> list[Path]:
    """Files of ``modules`` and of every module of the houses ``OURS`` that they import."""
    found: set[Path] = set()
    waiting = [_file(root, module) for module in modules]
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            waiting += [_file(root, name) for name in names if name.split(".")[0] in OURS]
    return sorted(found)


def rtl_hash(modules: Iterable[str], root: Path = ROOT) -> str:
    """Hash of every source that decides the RTL of ``modules``; what docstrings say does not."""
    digest = hashlib.sha256()
    for path in sources(modules, root):
        digest.update(f"{path.relative_to(root)}\0{_without_docstrings(path)}".encode())
    return digest.hexdigest()[:16]


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _without_docstrings(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            said = node.body[0]
            for line in range(said.lineno - 1, said.end_lineno or said.lineno):
                lines[line] = ""
    return "\n".join(line for line in lines if line)
