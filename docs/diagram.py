"""Draws the block diagrams of docs/architecture.md from the source tree.

``python -m docs.diagram`` writes them into the page, between their markers. Nothing is imported:
the syntax trees tell who imports whom, and which component places which.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/architecture.md"
HOUSES = ("fpga", "sim", "hw", "golden")
COMPONENT_BASES = {"Component", "Shared"}

Definition = tuple[str, str]
"""A module's name and a name that the module defines."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One module: its syntax tree, and where each of its imported names comes from."""

    path: Path
    tree: ast.Module
    imports: dict[str, Definition]

    @property
    def definitions(self) -> dict[str, ast.stmt]:
        """Top-level classes, functions and constants by name."""
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign):
                found |= {one.id: node for one in node.targets if isinstance(one, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = node
        return found


def read_sources(root: Path = ROOT) -> dict[str, Source]:
    """Every module of the houses by its dotted name."""
    sources = {}
    for path in sorted(one for house in HOUSES for one in (root / house).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text())
        imports = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        sources[name] = Source(path=path.relative_to(root), tree=tree, imports=imports)
    return sources


def find_components(sources: dict[str, Source]) -> dict[Definition, ast.ClassDef]:
    """Classes of hw that are components, by their own bases or by those of their bases."""
    classes = {
        (module, name): node
        for module, source in sources.items()
        if module.partition(".")[0] == "hw"
        for name, node in source.definitions.items()
        if isinstance(node, ast.ClassDef)
    }
    found: dict[Definition, ast.ClassDef] = {}
    while True:
        names = COMPONENT_BASES | {name for _, name in found}
        new = {
            key: node
            for key, node in classes.items()
            if key not in found and any(_last_name(base) in names for base in node.bases)
        }
        if not new:
            return {key: node for key, node in found.items() if key[1] not in COMPONENT_BASES}
        found |= new


def find_placements(sources: dict[str, Source]) -> dict[Definition, set[Definition]]:
    """Components that each component names in its code, itself or by functions that it calls."""
    components = find_components(sources)
    placements = {}
    for key, node in components.items():
        seen: set[Definition] = set()
        todo = list(_references(sources[key[0]], key[0], node))
        while todo:
            one = todo.pop()
            source = sources.get(one[0])
            if one in seen or source is None:
                continue
            seen.add(one)
            if one[1] in source.imports:
                todo.append(source.imports[one[1]])
            elif one not in components and one[1] in source.definitions:
                todo += _references(source, one[0], source.definitions[one[1]])
        placements[key] = (seen & components.keys()) - {key}
    return placements


def _references(source: Source, module: str, definition: ast.stmt) -> Iterator[Definition]:
    """What the code of a definition names, its annotations and its bases apart."""
    todo: list[ast.AST] = [definition]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            if node.id in source.imports:
                yield source.imports[node.id]
            elif node.id in source.definitions:
                yield module, node.id
        for field, value in ast.iter_fields(node):
            if field in {"annotation", "returns", "bases"}:
                continue
            children = value if isinstance(value, list) else [value]
            todo += [one for one in children if isinstance(one, ast.AST)]


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def draw_houses(sources: dict[str, Source]) -> str:
    """Packages by house, with an arrow from each to those that it imports.

    A folder and what it holds are one thing here: no arrow between them.
    """
    packages: dict[str, list[str]] = defaultdict(list)
    arrows = set()
    for source in sources.values():
        package = _package(source)
        if package not in packages[package.partition("/")[0]]:
            packages[package.partition("/")[0]].append(package)
        for target, name in source.imports.values():
            read = sources.get(f"{target}.{name}") or sources.get(target)
            if read and not _nested(package, _package(read)):
                arrows.add((package, _package(read)))
    lines = ["flowchart TD"]
    for house in HOUSES:
        nodes = [f'    {_node(one)}["{one}/"]' for one in packages[house]]
        lines += [f'  subgraph {house}_house["{house}"]', *nodes, "  end"]
    return _mermaid(lines + [f"  {_node(a)} --> {_node(b)}" for a, b in sorted(arrows)])


def draw_components(sources: dict[str, Source]) -> str:
    """Components by folder, with an arrow from each to those that it places."""
    placements = find_placements(sources)
    drawn = set(placements).union(*placements.values())
    bases = {_last_name(base) for node in find_components(sources).values() for base in node.bases}
    placed = set().union(*placements.values())
    # A base that nobody places is no block of the diagram.
    drawn -= {key for key in drawn if key[1] in bases and key not in placed}
    folders = defaultdict(list)
    for module, name in sorted(drawn):
        folders[_package(sources[module])].append(name)
    lines = ["flowchart TD"]
    for folder, names in folders.items():
        nodes = [f"    {name}" for name in names]
        lines += [f'  subgraph {_node(folder)}_folder["{folder}/"]', *nodes, "  end"]
    for user in sorted(drawn):
        lines += [f"  {user[1]} --> {one[1]}" for one in sorted(placements[user] & drawn)]
    return _mermaid(lines)


def list_components(sources: dict[str, Source]) -> str:
    """A table of the components with the first line of what each says about itself."""
    rows = ["| component | where | what |", "| --- | --- | --- |"]
    for (module, name), node in sorted(find_components(sources).items()):
        said = (ast.get_docstring(node) or "").partition("\n")[0].replace("``", "`")
        path = sources[module].path
        said = said.replace("|", "\\|")
        rows.append(f"| `{name}` | [{path}](../{path}) | {said} |")
    return "\n".join(rows)


def _package(source: Source) -> str:
    return source.path.parent.as_posix()


def _nested(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _node(package: str) -> str:
    return package.replace("/", "_")


def _mermaid(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


def redraw(page: str, root: Path = ROOT) -> str:
    """Return ``page`` with everything between its markers drawn anew."""
    sources = read_sources(root)
    for name, draw in (
        ("houses", draw_houses),
        ("components", draw_components),
        ("list", list_components),
    ):
        start, end = f"<!-- drawn: {name} -->", "<!-- end -->"
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"the page must hold one {start!r} before an {end!r}")
        text = f"{start}\n{draw(sources)}\n{end}"
        page = pattern.sub(lambda _, text=text: text, page)
    return page


if __name__ == "__main__":
    PAGE.write_text(redraw(PAGE.read_text()))
