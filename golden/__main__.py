"""``python -m golden``: golden networks from the command line."""

import importlib
from typing import NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line of help: nothing is imported before it is called."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "accuracy": Entry("accuracy", "accuracy", "The sentence encoder's integers against floats."),
    "calibration": Entry("calibration", "calibration", "Ways to choose scales, compared."),
    "describe": Entry("describe", "describe_network", "Operators, products, bytes of a network."),
    "images": Entry("images", "images", "A digits' ViT in integers against itself in floats."),
    "import": Entry("import_network", "import_network", "Read an ONNX encoder and quantise it."),
    "keywords": Entry("keywords", "keywords", "Keyword spotters' integers against floats."),
    "networks": Entry("networks", "networks", "Every network, small: integers against floats."),
    "nodes": Entry("nodes", "nodes", "ONNX's node tests: passed, not claimed, failed."),
    "operators": Entry("operators", "operators", "Layer norms and GELUs against floats."),
    "save": Entry("save", "save", "Write a network's integer form as one file."),
    "softmax": Entry("softmax", "softmax", "Integer softmax against float, real rows and drawn."),
    "spellings": Entry("spellings", "spellings", "Spellers' integers against floats."),
    "voice": Entry("voice", "voice", "The voice detector's integers against floats."),
}


class Commands(click.Group):
    """Imports a command when it is called, and turns an expected error into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, as help lists them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return getattr(importlib.import_module(f"golden.commands.{entry.module}"), entry.function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; bad input ends in its message and exit code 1."""
        try:
            return super().invoke(ctx)
        except ValueError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """Networks in integers: what they compute, and how near to floats they stay."""


if __name__ == "__main__":
    main(prog_name="python -m golden")
