"""``python -m hw.program assemble | disassemble | show``: programs of the accelerator as text."""

import sys
from pathlib import Path

import click

from hw.program import text
from hw.program.fields import OPCODES
from hw.program.instructions import BYTES, UNITS, fields_of

_HELP = "\n\n".join(f"\b\n{part}" for part in (text.__doc__ or "").split("\n\n"))


@click.group(help=_HELP)
def main() -> None:
    """Assembler and disassembler; ``python -m sim compile`` compiles networks."""


@main.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "target", type=click.Path(path_type=Path), required=True, help="Binary file.")
def assemble(source: Path, target: Path) -> None:
    """Binary of a text."""
    instructions = text.assemble(source.read_text())
    target.write_bytes(b"".join(one.encode() for one in instructions))
    click.echo(f"{len(instructions)} instructions, {len(instructions) * BYTES} bytes in {target}")


@main.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
def disassemble(source: Path) -> None:
    """Text of a binary."""
    click.echo(text.disassemble(source.read_bytes()), nl=False)


@main.command()
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Every instruction with its unit, or the fields of one: slot, lowest bit, width."""
    if name is None:
        for known, code in OPCODES.items():
            click.echo(f"0x{code:02x}  {known:10}  {UNITS[code >> 4]}")
        return
    if name not in OPCODES:
        raise ValueError(f"{name!r} is no instruction: one of {', '.join(OPCODES)}")
    for one in fields_of(name):
        sign = ", signed" if one.signed else ""
        click.echo(f"slot {one.slot:2}  bit {one.low:2}  {one.bits:2} bits{sign}  {one.name}")


def run() -> None:
    """Run the command line: an error is one sentence and a non-zero exit."""
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    run()
