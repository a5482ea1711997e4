"""Collect all problems of a configuration with their locations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ....registry import PluxelError, did_you_mean
from .nodes import Location


@dataclass(frozen=True)
class Problem:
    """A problem at a location; ``message`` ends with the nearest valid choice, if any.

    ``cause``: the error that reported it.
    """

    location: Location | None
    message: str
    notes: tuple[str, ...] = ()
    cause: Exception | None = field(default=None, compare=False)

    def __str__(self) -> str:
        first, _, rest = self.message.partition("\n")  # a plugin may raise several lines
        text = f"{self.location}: {first}" if self.location else first
        return str(PluxelError(text, (*filter(None, [rest]), *self.notes)))


class ConfigError(PluxelError):
    """An invalid configuration; ``problems`` are in file order, a file before its bases.

    Its cause is that of the first problem that has one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=_order)
        super().__init__("\n".join(map(str, self.problems)))
        # Where problems are collected, no ``raise … from`` keeps the traceback.
        self.__cause__ = next((one.cause for one in self.problems if one.cause), None)


def _order(problem: Problem) -> tuple[int, int, int]:
    """Return the sort key: by file in reading order, then line and column."""
    at = problem.location
    return (at.rank, at.line, at.column) if at else (-1, 0, 0)


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return ``. Did you mean 'x'?`` to end a sentence, or an empty text if no choice is near."""
    hint = did_you_mean(word, choices)
    return f".{hint}" if hint else ""


class Problems:
    """Collects problems while reading a configuration."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._fatal = False

    def add(self, location: Location | None, message: str) -> None:
        """Record a problem and continue."""
        self._found[Problem(location, message)] = None

    def add_fatal(self, location: Location | None, message: str) -> None:
        """Record a problem that would make the findings of later stages misleading."""
        self.add(location, message)
        self._fatal = True

    def extend(self, problems: Iterable[Problem]) -> None:
        """Record several problems."""
        self._found.update(dict.fromkeys(problems))

    def stop_if_fatal(self) -> None:
        """Raise ConfigError with all problems if one of them is fatal."""
        if self._fatal:
            self.stop_if_any()

    def stop_if_any(self) -> None:
        """Raise ConfigError with all problems if there are any."""
        if self._found:
            raise ConfigError(self._found)
