"""A command group that suggests the nearest name, and lists whole sentences."""

from __future__ import annotations

import click


class Group(click.Group):
    """A group that suggests the nearest name for an unknown command.

    Its help lists the first sentence of each command in full.
    """

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names of the commands and what they do."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(999)) for name, one in commands if one]
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; fail with a usage error (exit code 2) if it does not exist."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from ...registry import did_you_mean

            near = did_you_mean(name, self.list_commands(ctx))
            notes = "".join(f"\n  note: {note}" for note in self.missing(ctx))
            ctx.fail(f"No such command {name!r}.{near}{notes}")
        return super().resolve_command(ctx, args)

    def missing(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - for other groups
        """Return notes on what may have the unknown command, if it worked."""
        return []
