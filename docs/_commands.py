"""The page of the command line: every command with its arguments and options."""

from __future__ import annotations

from collections.abc import Iterator

import click
from _tables import NOTE, paragraphs, table
from pluxel.core.cli._main import cli

HEAD = f"""\
# Reference: command line

{NOTE}
`pluxel COMMAND --help` prints the same. Exit codes: 0 for success, 1 if a check found a problem, 2
for a mistake in the input, 128 plus the number of a signal that ended the command.
"""


def commands_page() -> str:
    """Return the page."""
    # With its settings: a command keeps the names of its help option from its first context.
    context = click.Context(cli, info_name="pluxel", **cli.context_settings)
    return "\n".join([HEAD, *_command(context)])


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}\n"
    yield paragraphs((command.help or "").partition("\f")[0]) + "\n"
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"Usage: `{context.command_path} {pieces}`\n"
    yield from table(["option", ""], _options(command, context))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from _command(click.Context(inner, info_name=name, parent=context))


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and "--help" not in parameter.opts:
            yield f"`{record[0]}`", record[1].replace("  [", " [").replace("[", "\\[")
