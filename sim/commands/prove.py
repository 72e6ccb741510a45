"""``python -m sim prove``: long measurements, each kept with the hash of its RTL."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from hw.yosys import write_atomically
from sim.sources import ROOT, rtl_hash

RESULTS = ROOT / "results"

CODES = "build/codes.npy"

MUTANTS = ("--count", "200", "--seed", "1", "--require", "97")
ROW_MUTANTS = ("--count", "100", "--seed", "1", "--require", "97", "--proof-seconds", "30")

VECTOR_OPERATORS = (
    *("layer_norm", "quantize_rows", "activation", "residual_add", "multiply", "affine"),
    *("embedding", "state_update", "max_finder", "softmax_divider", "top_k"),
    "additive_attention",
)
"""Rows of the operator table whose modules are called as they are."""

BITSTREAMS = tuple(
    (board, design)
    for board, designs in {
        "ulx3s-12f": ("macro", "softmax"),
        "ulx3s-85f": (
            *("macro", "parallel", "softmax", "engine"),
            *("accelerator", "accelerator-sdram"),
        ),
        "orangecrab": ("macro", "softmax"),
        "ecpix5": ("macro", "softmax", "accelerator"),
        "icebreaker": ("macro", "softmax"),
        "icesugar": ("macro", "softmax"),
    }.items()
    for design in designs
)
"""Boards and designs whose figures are kept."""

BITSTREAM_CIRCUITS = {
    "macro": ("hw.macro.macro", "hw.macro.pipelined"),
    "parallel": ("hw.macro.pipelined",),
    "softmax": ("hw.ops.softmax",),
    "engine": ("hw.engine.engine",),
    "accelerator": ("fpga.accelerator",),
    "accelerator-sdram": ("fpga.accelerator",),
}
"""What a bitstream holds besides the link."""

ENCODERS = {
    "": (("16", "128", "512"), ()),
    "fixed-": (("128",), ("--feeder", "fixed", "--row-cycles", "8")),
    # The default plan's program on other macros.
    "same-": (("16", "128", "512"), ("--feeder", "fixed")),
    # 16 bytes a cycle.
    "narrow-": (("16", "128"), ("--bus-pace", "4")),
    "cores-": (("16", "128"), ("--attention", "cores")),
    "long-": (("512",), ("--attention", "cores", "--row-cycles", "8")),
    "long-same-": (("512",), ("--attention", "cores", "--row-cycles", "8", "--feeder", "fixed")),
}
"""Runs of the whole sentence encoder: lengths and options."""

STEPS: dict[str, tuple[str, ...]] = {
    "accuracy": ("golden", "accuracy"),
    "ratios": ("sim", "ratios"),
    "layer": ("sim", "layer"),
    "speed": ("sim", "speed"),
    "area": (
        *("hw", "area", "--codes", CODES),
        *("macro-fixed", "macro-skip", "macro-ring", "macro-spill-1", "macro-spill-2"),
        *("macro-pairs", "macro-pairs-4", "core-fixed", "core-pairs"),
    ),
    "area-signs": (
        *("hw", "area", "--input-sign", "signed", "--input-sign", "unsigned"),
        *("macro-fixed", "macro-pairs"),
    ),
    "operators": ("golden", "operators"),
    "area-rows": (
        *("hw", "area", "layer_norm", "quantize_rows", "activation", "residual_add", "multiply"),
        *("affine", "embedding", "rnn", "gru", "gru-after", "lstm"),
        *("additive_attention", "additive_attention-32-4"),
    ),
    "softmax": ("golden", "softmax"),
    "area-softmax": (
        *("hw", "area", "softmax", "softmax-16-64", "softmax_divider-16-64"),
        *("max_finder", "max_finder-int8", "max_finder-int8-steps", "top_k"),
    ),
    "engine": ("sim", "engine"),
    "area-engine": ("hw", "area", "--library", "gates", "engine"),
    **{
        f"encoder-{name}{tokens}": ("sim", "encoder", "--tokens", tokens, *options)
        for name, (lengths, options) in ENCODERS.items()
        for tokens in lengths
    },
    "networks-rtl": ("sim", "networks", "--trace"),
    "accelerator-programs": ("sim", "programs", "--count", "10000"),
    "accelerator-faults": ("sim", "faults", "--count", "1200", "--seed", "1"),
    "board-vit": ("fpga", "run", "sim", "vit"),
    "board-netra": ("fpga", "run", "sim", "netra", "--design", "accelerator-words"),
    "board-vit-sdram": ("fpga", "run", "sim", "vit", "--design", "accelerator-sdram"),
    "board-g2p-sdram": (
        *("fpga", "run", "sim", "g2p", "--design", "accelerator-sdram"),
        *("--input", "transformer"),
    ),
    "networks": ("golden", "networks"),
    "spellings-g2p": ("golden", "spellings", "--model", "g2p"),
    "spellings-netra": ("golden", "spellings", "--model", "netra"),
    "images": ("golden", "images"),
    "equivalence": ("sim", "equivalence"),
    "netlist-ecp5": ("fpga", "netlist", "ulx3s-85f", "macro", "--seed", "1"),
    "netlist-ice40": ("fpga", "netlist", "icebreaker", "macro", "--seed", "1"),
    "netlist-macro": ("sim", "netlist", "macro", "--seed", "1"),
    "netlist-core": ("sim", "netlist", "core", "--seed", "1"),
    "netlist-layer-norm": ("sim", "netlist", "layer_norm", "--seed", "1"),
    "netlist-softmax": ("sim", "netlist", "softmax", "--seed", "1"),
    "mutate-softmax": ("sim", "mutate", "softmax", "--count", "100", *MUTANTS[2:]),
    "mutate-macro": ("sim", "mutate", "macro", *MUTANTS),
    "mutate-core": ("sim", "mutate", "core", *MUTANTS),
    "mutate-engine": ("sim", "mutate", "engine", *ROW_MUTANTS),
    **{
        f"mutate-{name.replace('_', '-')}": ("sim", "mutate", name, *ROW_MUTANTS)
        for name in VECTOR_OPERATORS
    },
}
STEPS |= {
    f"bitstream-{board}-{design}": ("fpga", "build", board, design) for board, design in BITSTREAMS
}
"""Measurements by name: arguments of ``python -m`` for what prints them and takes ``--json``."""

BEFORE = {"area": ("sim", "codes", "--output", CODES)}
"""What a measurement needs first."""

WITH_DATA = ("accuracy", "networks-rtl")
"""Measurements that show more where a data folder is given."""

DATA_OPTION = "--data"

CIRCUITS: dict[str, tuple[str, ...]] = {"netlist-macro": ("hw.macro.macro",)}
CIRCUITS["mutate-macro"] = CIRCUITS["netlist-macro"]
CIRCUITS["equivalence"] = ("hw.macro.macro", "sim.macro_columns")
CIRCUITS["area-rows"] = tuple(
    f"hw.ops.{name}"
    for name in (
        *("layer_norm", "quantize_rows", "activation", "residual_add", "multiply", "affine"),
        *("embedding", "state_update", "additive_attention"),
    )
)
CIRCUITS["netlist-layer-norm"] = ("hw.ops.layer_norm",)
CIRCUITS["softmax"] = ("golden.ops.softmax", "golden.ops.attention")
CIRCUITS["area-softmax"] = (
    *("hw.ops.softmax", "hw.ops.softmax_divider", "hw.ops.max_steps", "hw.ops.top_k"),
)
CIRCUITS["netlist-softmax"] = CIRCUITS["mutate-softmax"] = ("hw.ops.softmax",)
CIRCUITS["operators"] = ("hw.ops.layer_norm", "hw.ops.activation")
CIRCUITS |= {f"mutate-{name.replace('_', '-')}": (f"hw.ops.{name}",) for name in VECTOR_OPERATORS}
CIRCUITS["mutate-max-finder"] += ("hw.ops.max_steps",)
CIRCUITS["engine"] = CIRCUITS["area-engine"] = CIRCUITS["mutate-engine"] = ("hw.engine.engine",)
CIRCUITS |= dict.fromkeys(
    (*(name for name in STEPS if name.startswith("encoder-")), "networks-rtl"),
    ("hw.accelerator.accelerator", "sim.macro_columns"),
)
CIRCUITS["accelerator-programs"] = CIRCUITS["accelerator-faults"] = CIRCUITS["networks-rtl"]
CIRCUITS |= dict.fromkeys(
    (name for name in STEPS if name.startswith("board-")), ("fpga.accelerator", "fpga.hosted")
)
CIRCUITS["networks"] = ("golden.networks.run", "golden.quantize")
CIRCUITS["spellings-g2p"] = CIRCUITS["spellings-netra"] = CIRCUITS["networks"]
CIRCUITS["images"] = CIRCUITS["accuracy"] = CIRCUITS["networks"]
CIRCUITS["netlist-ecp5"] = ("hw.macro.pipelined", "fpga.netlist")
CIRCUITS["netlist-ice40"] = ("hw.macro.macro", "fpga.netlist")
CIRCUITS |= {
    f"bitstream-{board}-{design}": ("fpga.build", *BITSTREAM_CIRCUITS[design])
    for board, design in BITSTREAMS
}
"""Modules that a measurement holds for; those of a core where nothing is said."""


def step_hash(name: str) -> str:
    """Hash of the RTL that a measurement holds for, the Verilog emitter included."""
    return rtl_hash((*CIRCUITS.get(name, ("hw.core.core",)), "hw.verilog"), ROOT)


def holds(path: Path, rtl: str, data: bool = False) -> bool:
    """Whether ``path`` is a result for this RTL, and with ``data`` one of the data folder."""
    if not path.exists():
        return False
    kept = json.loads(path.read_text())
    return kept.get("rtl") == rtl and (not data or DATA_OPTION in kept["command"])


def measure(name: str, path: Path, rtl: str, data: Path | None = None) -> None:
    """Run one step and keep its figures, whole or not at all."""
    _prepare(name)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        _run((*STEPS[name], *_options(data), "--json", str(figures)))
        # Whose folder it was is nobody's business.
        shown = _options(data and Path("folder"))
        kept = {
            "command": f"python -m {' '.join((*STEPS[name], *shown))}",
            "rtl": rtl,
            "figures": json.loads(figures.read_text()),
        }
    write_atomically(path, (json.dumps(kept, indent=2) + "\n").encode())


def _options(data: Path | None) -> tuple[str, ...]:
    return () if data is None else (DATA_OPTION, str(data))


def _prepare(name: str) -> None:
    if name in BEFORE:
        _run(BEFORE[name])


def _run(arguments: Sequence[str]) -> None:
    if subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode:
        raise click.ClickException(f"`python -m {' '.join(arguments)}` failed: see above")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--again", is_flag=True, help="Run and print every step, and keep nothing.")
@click.option(
    DATA_OPTION,
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Folder of models and data, for steps that show more with it.",
)
def prove(names: tuple[str, ...], again: bool, data: Path | None) -> None:
    """Measure everything that takes long, into results/NAME.json.

    NAMES are steps, all by default; an unknown one gets the list. A result that holds for today's
    RTL is kept, so an interrupted run goes on where it stopped.
    """
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise ValueError(f"unknown step {unknown[0]!r}: use one of {', '.join(STEPS)}")
    for name in names or STEPS:
        folder = data if name in WITH_DATA else None
        if again:
            _prepare(name)
            _run((*STEPS[name], *_options(folder)))
            continue
        path, rtl = RESULTS / f"{name}.json", step_hash(name)
        if holds(path, rtl, folder is not None):
            click.echo(f"{name}: {path.relative_to(ROOT)} holds for this RTL")
            continue
        measure(name, path, rtl, folder)
