"""``python -m golden.models``: what released models and data need of the user."""

from pathlib import Path

import click

from golden.models.data import FILES, state


@click.group()
def main() -> None:
    """Released models and data that the project does not contain."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def data(folder: Path) -> None:
    """Tell which of the known files FOLDER has, and whether they are what they should be.

    A wrong file makes exit code 1; a missing one does not: what needs it says so.
    """
    found = {file.name: state(folder, file) for file in FILES}
    for name, told in found.items():
        click.echo(f"{told:8}{name}")
    if "wrong" in found.values():
        raise click.ClickException("a file is not the published one: docs/data.md says where it is")


if __name__ == "__main__":
    main(prog_name="python -m golden.models")
