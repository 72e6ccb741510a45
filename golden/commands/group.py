"""Commands that are imported when they are called, and one sentence for an expected error."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line of help: nothing is imported before it is called."""

    module: str
    function: str
    summary: str


class Commands(click.Group):
    """``entries`` by name, each a module of ``package``; ``expected`` errors end in their message.

    Such an error is what a user did; its exit code is 1. Others show where they came from.
    """

    def __init__(
        self,
        *args: Any,
        package: str,
        entries: Mapping[str, Entry],
        expected: tuple[type[Exception], ...] = (ValueError,),
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.package, self.entries, self.expected = package, entries, expected

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, as help lists them."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"{self.package}.{entry.module}")
        return getattr(module, entry.function)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; bad input ends in its message and exit code 1."""
        try:
            return super().invoke(ctx)
        except self.expected as error:
            raise click.ClickException(str(error)) from error
