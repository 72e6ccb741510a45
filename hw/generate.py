"""Files of a block for those without Python: Verilog, manifest, vectors, testbench, page."""

import hashlib
import importlib.metadata
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from golden.spec import MacroSpec, require_range
from hw.catalog.selection import BLOCKS, select
from hw.flat import Flat
from hw.guide import FOOTER, guide, header
from hw.macro.bitcells import blackbox_model, blackbox_name
from hw.macro.macro import weight_halves
from hw.manifest import manifest, module_name, vectors_data
from hw.testbench import testbench
from hw.vectors import write_vectors
from hw.verilog import VerilogPlatform, emit

Arithmetic = Literal["words", "gates"]
Cells = Literal["memory", "blackbox"]

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class GeneratorPlatform(VerilogPlatform):
    """The forms that the user chose."""

    def __init__(self, arithmetic: Arithmetic, bitcells: Cells) -> None:
        super().__init__()
        for name, kinds in (("arithmetic", Arithmetic), ("bitcells", Cells)):
            value = locals()[name]
            if value not in get_args(kinds):
                raise ValueError(f"{name} must be one of {get_args(kinds)}, not {value!r}")
        self.arithmetic = arithmetic
        self.bitcells = bitcells


def generate(
    name: str,
    choices: Mapping[str, Any] | None = None,
    *,
    rename: str | None = None,
    arithmetic: Arithmetic = "gates",
    bitcells: Cells = "memory",
    beats: int = 32,
    seed: int = 1,
) -> dict[str, str]:
    """Return the files of the block ``name`` by their names; same input, same text.

    Parameters
    ----------
    choices : fields of spec and plan that differ from the named ones
    rename : name of the files and of the top module (with ``_`` for ``-``)
    arithmetic, bitcells : forms, see ``hw.verilog.VerilogPlatform``
    beats : input vectors of the reference
    seed : of the reference vectors
    """
    selection = select(name, choices)
    require_range("beats", beats, 1, 1_000_000)
    require_range("seed", seed, 0, 2**31 - 1)
    name = require_name(name if rename is None else rename)
    platform = GeneratorPlatform(arithmetic, bitcells)
    version = importlib.metadata.version("cimera")
    top = Flat(selection.create())
    module = module_name(name)
    block = BLOCKS[selection.block]
    verilog = header(name, version, block.summary) + emit(top, module, platform) + FOOTER
    rng = np.random.default_rng(seed)
    drawn = block.beats(selection.spec, selection.plan, rng, beats)
    vectors = write_vectors(name, top.streams, drawn)
    vectors_name, models_name = f"{name}.vectors.txt", f"{name}_bitcells.v"
    models = bitcell_models(block.macro(selection.spec)) if bitcells == "blackbox" else {}
    files = {
        f"{name}.v": verilog,
        **({models_name: "\n".join(models.values())} if models else {}),
        vectors_name: vectors.text,
        f"{name}_tb.v": testbench(module, vectors, vectors_name),
        f"{name}.md": guide(name, selection, models_name if models else None),
    }
    told = manifest(
        name,
        version,
        selection,
        top.streams,
        {"arithmetic": arithmetic, "bitcells": bitcells},
        vectors_data(vectors_name, seed, vectors),
        {one: hashlib.sha256(text.encode()).hexdigest() for one, text in files.items()},
    )
    return files | {f"{name}.json": json.dumps(told, indent=2) + "\n"}


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write what differs from what is there, and return it; a file is there whole or not at all.

    Files with other names are left alone. The last of ``files`` is put in place last.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is no folder: choose another one")
    wanted = {folder / name: text.encode() for name, text in files.items()}
    for path in wanted:
        if path.is_dir():
            raise ValueError(f"{str(path)!r} is a folder where a file is to be: move it away")
    changed = {
        path: content
        for path, content in wanted.items()
        if not path.is_file() or path.read_bytes() != content
    }
    if not changed:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as temporary:
        for path, content in changed.items():
            (Path(temporary) / path.name).write_bytes(content)
        for path in changed:
            (Path(temporary) / path.name).replace(path)
    return list(changed)


def require_name(name: str) -> str:
    """Return ``name`` if files and modules can be called so; raise ``ValueError`` if not."""
    if not NAME.fullmatch(name):
        raise ValueError(f"a name has letters, digits, - and _, a letter first, not {name!r}")
    return name


def bitcell_models(spec: MacroSpec | None) -> dict[str, str]:
    """Behaviour of every black box of macros of ``spec`` by its name."""
    columns = [] if spec is None else [replace(half, columns=1) for half in weight_halves(spec)]
    return {blackbox_name(column): blackbox_model(column) for column in columns}
