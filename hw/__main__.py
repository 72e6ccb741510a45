"""``python -m hw list | generate | area``: the generator."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from golden.spec import Sign
from hw.catalog.options import field_options


@click.group(help=__doc__)
def main() -> None:
    """Command line of the generator; each command imports what it needs."""


@main.command(name="list")
def list_blocks() -> None:
    """Every name that can be generated and measured, and what sets it apart from the first."""
    from hw.catalog.selection import BLOCKS, differences, names

    known = names()
    width = max(map(len, known))
    for kind, block in BLOCKS.items():
        click.echo(f"{kind}: {block.summary}")
        for name, (other, _, _) in known.items():
            if other == kind:
                click.echo(f"  {name:{width}}  {differences(name)}".rstrip())
    from hw.accelerator.package import BLOCK, SUMMARY
    from hw.accelerator.plan import FEEDERS, PLANS

    click.echo(f"{BLOCK}: {SUMMARY}")
    choices = f"--config {'|'.join(PLANS)}  --feeder {'|'.join(FEEDERS)}"
    click.echo(f"  {BLOCK:{width}}  {choices}")


@main.command()
@click.argument("name")
@click.option("-o", "folder", type=click.Path(path_type=Path), required=True, help="Folder.")
@click.option("--name", "rename", help="Name of the files and of the top module.")
@click.option("--arithmetic", default="gates", metavar="words|gates", help="Form of the sums.")
@click.option("--bitcells", default="memory", metavar="memory|blackbox", help="Form of bitcells.")
@click.option("--beats", type=int, help="Input vectors of the reference, 32 without.")
@click.option("--seed", type=int, help="Seed of the reference vectors, 1 without.")
@click.option("--config", metavar="tiny|small|mulcim", help="Sizes of the accelerator.")
@click.option("--period", type=float, help="Of the accelerator's clock, in ns, for its SDC file.")
@field_options
def generate(name: str, folder: Path, **choices: Any) -> None:
    """Verilog of a block with flat ports, and what is needed to use it.

    NAME is one that `python -m hw list` tells. A block comes with manifest, reference vectors and a
    testbench; options change single fields of its spec and plan:

    \b
      python -m hw generate macro-spill-2 --lanes 4 -o build/macro

    The accelerator, a whole machine, comes with manifest, register table, C header and driver, SDC
    file, file list, and an example with a memory and a testbench. Its --feeder is pairs, fixed,
    ring or spill-2; accelerator.md among the files tells how to run a program on them:

    \b
      python -m hw generate accelerator --config small --period 4 -o build/machine
    """
    from rich.console import Console

    from hw.accelerator.package import BLOCK, package
    from hw.generate import generate, write_files

    forms = {key: choices.pop(key) for key in ("rename", "arithmetic", "bitcells")}
    given = {key: value for key, value in choices.items() if value is not None}
    try:
        with Console(stderr=True).status(f"Verilog of {name}, up to minutes if it is large"):
            if name == BLOCK:
                files = package(given, **forms)
            else:
                forms |= {key: given.pop(key) for key in ("beats", "seed") if key in given}
                files = generate(name, given, **forms)
        written = write_files(folder, files)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for file in files:
        click.echo(f"{'wrote' if folder / file in written else 'unchanged'} {folder / file}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every block; so does no name at all.")
@click.option(
    "--library",
    "libraries",
    multiple=True,
    type=click.Choice(["gates", "cmos", "smallest"]),
    help="Generic gates and their prices; several may be given. Without: gates and cmos.",
)
@click.option("--liberty", type=click.Path(path_type=Path), help="Cells of this Liberty file.")
@click.option(
    "--codes",
    type=click.Path(path_type=Path),
    help="Input vectors (..., lanes) as .npy, for the cycles of plans that depend on data.",
)
@click.option("--unsigned", is_flag=True, help="The codes are unsigned.")
@click.option(
    "--input-sign",
    "input_signs",
    multiple=True,
    type=click.Choice(["signed", "unsigned", "either"]),
    help="Blocks for such inputs, each against fixed for the same; several may be given.",
)
@click.option("--config", metavar="tiny|small|mulcim", default="tiny", show_default=True,
              help="Sizes of the accelerator.")  # fmt: skip
@click.option("--feeder", metavar="pairs|fixed|ring|spill-2", default="pairs", show_default=True,
              help="Of the accelerator's macros.")  # fmt: skip
@click.option("--jobs", default=2, help="Yosys runs at a time.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write JSON.")
def area(
    names: tuple[str, ...],
    every: bool,
    libraries: tuple[str, ...],
    liberty: Path | None,
    codes: Path | None,
    unsigned: bool,
    input_signs: tuple[Sign, ...],
    config: str,
    feeder: str,
    jobs: int,
    json_file: Path | None,
) -> None:
    """Cells, transistors, storage and depth of blocks, against fixed of the same run.

    `accelerator` is a whole machine, minutes even if it is tiny, and never among all blocks; its
    definitions follow, each measured once.
    """
    from hw.accelerator.package import BLOCK
    from hw.area.command import choose_libraries, measure_blocks, read_codes, show, table_names
    from hw.area.machine import measure_machine
    from hw.area.table import as_data
    from hw.yosys import version, write_atomically

    chosen = choose_libraries(libraries, liberty)
    vectors = None if codes is None else read_codes(codes)
    blocks = [name for name in names if name != BLOCK]
    selected = blocks if names and not every else table_names()
    rows = measure_blocks(selected, chosen, vectors, not unsigned, jobs, input_signs)
    if BLOCK in names:
        rows += measure_machine(config, feeder, chosen)
    show(rows)
    if json_file is not None:
        content: dict[str, Any] = {"yosys": version(), "blocks": as_data(rows)}
        write_atomically(json_file, (json.dumps(content, indent=2) + "\n").encode())


def run() -> None:
    """Run the command line: an error is one sentence and a non-zero exit."""
    try:
        main(standalone_mode=False)
    except click.Abort:
        sys.exit("error: interrupted; what is done is kept, so run it again to go on")
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    run()
