"""Errors that a user or a plugin can cause; they are shown as text, without a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import dedent, indent


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
        notes = (f"  note: {indent(note, ' ' * 8).lstrip()}" for note in self.notes)
        return "\n".join([self.message, *notes])


def reason_of(error: BaseException, *, with_type: bool = True) -> tuple[str, tuple[str, ...]]:
    """Return what an exception says: one line for a sentence, and notes with the rest.

    The line begins with the type of the exception, except for a `PluxelError` or without
    ``with_type``. The notes end with what `_remedy` adds.
    """
    is_own = isinstance(error, PluxelError)
    first, _, rest = (error.message if is_own else str(error)).strip().partition("\n")
    more = dedent(rest).strip("\n").rstrip()
    added = (*error.notes,) if is_own else (*getattr(error, "__notes__", ()),)
    kind = type(error).__name__
    line = first.rstrip(" :" if more else " ")  # a colon before the next lines
    if not is_own and (with_type or not line):
        line = f"{kind}: {line}" if line else kind
    return line, (*filter(None, [more, *added, _remedy(error)]),)


def _remedy(error: BaseException) -> str:
    """Return what to do about an error of Python that does not say it; mostly empty.

    Only pickle's errors have one: they name a type or a function, but not how it gets there.
    """
    if isinstance(error, PluxelError) or not _NOT_SENT.search(str(error)):
        return ""
    return (
        "an object that is copied to another process may hold functions of a module, and "
        "functools.partial of them, but no lambdas and no functions within functions; and it must "
        "open its files when it reads them, not before"
    )


_NOT_SENT = re.compile(r"can(?:no|')t (?:be )?pickled?\b|can't get local object", re.IGNORECASE)


class PluginError(PluxelError):
    """A plugin breaks a rule of registration; kept as the reason why it failed to load."""


class UnknownComponent(PluxelError):  # noqa: N818 - the name states the error
    """No loaded plugin offers this name."""


class AmbiguousComponent(PluxelError):  # noqa: N818
    """Several plugins offer this bare name."""


class ComponentImportError(PluxelError):
    """A component is registered, but its target cannot be imported."""

    @property
    def traceback(self) -> str:
        """The traceback through the plugin's own code; empty if none of it raised."""
        return own_traceback(self.__cause__) if self.__cause__ else ""


def own_traceback(error: BaseException) -> str:
    """Return the traceback from the first frame of the plugin on; empty if there is none."""
    from traceback import format_exception  # noqa: PLC0415 - only a failure needs it

    trace = error.__traceback__
    while trace and trace.tb_frame.f_globals.get("__name__", "").startswith(_CALLERS):
        trace = trace.tb_next
    if trace is None and not isinstance(error, SyntaxError):  # which shows its line itself
        return ""
    return "".join(format_exception(type(error), error, trace))


_CALLERS = ("importlib", "pluggy", "pluxel.registry")
"""Modules that run the code of plugins."""
