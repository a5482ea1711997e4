"""A check: a named function that raises if a component violates one guarantee of its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc

from ...registry import PluxelError, reason_of
from ._state import restored
from ._subject import Subject


class ConformanceError(PluxelError):
    """A component violates a guarantee of its kind."""


@dataclass(frozen=True)
class Check:
    """One guarantee. ``check(subject)`` raises ConformanceError, or what the component raises."""

    function: Callable[[Subject], None]

    @property
    def name(self) -> str:
        """The name in test ids and in ``expected_failures``, such as ``state_dict``."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """The guarantee, in one sentence."""
        return (getdoc(self.function) or "").partition("\n\n")[0].replace("\n", " ")

    def __call__(self, subject: Subject) -> None:
        """Check the guarantee, and restore the state of the process, which other checks rely on.

        Raises: ConformanceError, or what the component raises.
        """
        with restored():
            self.function(subject)

    def problem(self, subject: Subject) -> str:
        """Return why the check fails, or an empty string if it passes."""
        try:
            self(subject)
        except SystemExit as error:
            return f"it ends the program: sys.exit({error.code!r})"
        except Exception as error:  # noqa: BLE001 - a component may raise anything
            return str(PluxelError(*reason_of(error)))
        return ""


def require(condition: bool, message: str) -> None:
    """Raise ConformanceError unless a condition holds."""
    if not condition:
        raise ConformanceError(message)
