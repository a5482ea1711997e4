"""What is wrong with a configuration: all of it at once, each with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....registry import PluxelError, did_you_mean
from .nodes import Location


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; ``message`` ends with the nearest right answer."""

    location: Location | None
    message: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f"{self.location}: {self.message}" if self.location else self.message
        return str(PluxelError(first, self.notes))


class ConfigError(PluxelError):
    """A configuration that cannot be used; ``problems`` are in file order, child before base."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=_order)
        super().__init__("\n".join(map(str, self.problems)))


def _order(problem: Problem) -> tuple[int, int, int]:
    return problem.location.order if problem.location else (-1, 0, 0)


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return the end of a sentence, ``. Did you mean 'x'?``, or nothing if no choice is near."""
    hint = did_you_mean(word, choices)
    return f".{hint}" if hint else ""


class Problems:
    """Collects problems while a configuration is read."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._fatal = False

    def add(self, location: Location | None, message: str, notes: Iterable[str] = ()) -> None:
        """Note a problem; reading goes on."""
        self._found[Problem(location, message, tuple(notes))] = None

    def add_fatal(self, location: Location | None, message: str, notes: Iterable[str] = ()) -> None:
        """Note a problem that would make what is found after this stage misleading."""
        self.add(location, message, notes)
        self._fatal = True

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several that are made already."""
        self._found.update(dict.fromkeys(problems))

    def stop_if_fatal(self) -> None:
        """Raise ConfigError with all that was found, if any of it was fatal."""
        if self._fatal:
            self.stop_if_any()

    def stop_if_any(self) -> None:
        """Raise ConfigError with all that was found, if anything was."""
        if self._found:
            raise ConfigError(self._found)
