"""``python -m sim compile``."""

from pathlib import Path

import click

from hw.accelerator.machine import MACHINES
from hw.program import compile_network
from sim.accelerator.networks import load, longest
from sim.commands.options import attention_option, config_option


@click.command(name="compile")
@click.argument("network")
@config_option("mulcim")
@attention_option
@click.option("-o", "folder", type=click.Path(path_type=Path), required=True,
              help="Folder of image.bin, program.asm and symbols.json.")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path),
              help="Folder of models that the project does not contain.")  # fmt: skip
@click.option("--maximum", "maximums", multiple=True, metavar="LENGTH=NUMBER",
              help="The most of a length that inputs name; several may be given.")  # fmt: skip
@click.option("--trace", is_flag=True, help="Every tensor to memory, to be compared.")
def compile_command(
    network: str,
    config: str,
    attention: str,
    folder: Path,
    data: Path | None,
    maximums: tuple[str, ...],
    trace: bool,
) -> None:
    """The accelerator's program of a NETWORK: a name, or a file of `python -m golden save`."""
    machine = MACHINES[config]
    loaded = load(network, machine, data, attention)
    most = longest(loaded, maximums)
    program = compile_network(loaded.graph, machine, most, trace=trace, decoding=loaded.decoding)
    program.save(folder)
    click.echo(
        f"{len(program.instructions)} instructions, {program.memory_bytes} bytes of memory, "
        f"{program.buffer_words} of {machine.buffer_words} words of the buffer: {folder}"
    )
