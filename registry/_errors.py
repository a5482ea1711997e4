"""Errors that a user or a plugin can cause; they are shown as text, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable


class PluxelError(Exception):
    """Base of every error that a user or a plugin can cause.

    ``message`` says what is wrong and how to fix it; ``notes`` add what else may help. The command
    line prints both and exits with ``exit_code``.
    """

    exit_code = 2

    def __init__(self, message: str, notes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.notes = tuple(notes)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  note: {note}" for note in self.notes)])


class PluginError(PluxelError):
    """A plugin breaks a rule of registration; kept as the reason why it failed to load."""


class UnknownComponent(PluxelError):  # noqa: N818 - the name states the error
    """No loaded plugin offers this name."""


class AmbiguousComponent(PluxelError):  # noqa: N818
    """Several plugins offer this bare name."""


class ComponentImportError(PluxelError):
    """A component is registered, but its target cannot be imported."""
