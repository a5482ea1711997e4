"""The records with which a plugin offers components and commands.

They hold strings, so they import nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ._errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COMMAND = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Component:
    """One part of a pipeline that a plugin offers, such as a backbone or a loss.

    ``name``: the name in YAML files, ``[a-z][a-z0-9_]*``.
    ``target``: the class, as ``package.module:Class``; imported when the component is built.
    ``summary``: one line that cites the paper.
    ``aliases``: other names; ``renamed_from``: former names, still accepted with a warning.
    ``extra``: the extra of the distribution that installs further packages the target needs.
    ``provider``: the distribution or file that offers it; the host fills this in.

    Raises: PluginError for a record that could never work.
    """

    name: str
    target: str
    summary: str
    aliases: tuple[str, ...] = ()
    renamed_from: tuple[str, ...] = ()
    extra: str | None = None
    provider: str = ""

    def __post_init__(self) -> None:
        _check_name("component", self.name, _NAME)
        for field in ("aliases", "renamed_from"):
            object.__setattr__(self, field, self._names(field))
        _check_text(f"component {self.name!r}", self.target, self.summary)

    @property
    def qualified(self) -> str:
        """The name that no other plugin can claim: ``provider/name``."""
        return f"{self.provider}/{self.name}"

    @property
    def answers_to(self) -> tuple[str, ...]:
        """Every bare name: the current name, the aliases and the former names."""
        return (self.name, *self.aliases, *self.renamed_from)

    def _names(self, field: str) -> tuple[str, ...]:
        names: Iterable[str] = getattr(self, field)
        if isinstance(names, str):  # tuple() would split it into letters
            raise PluginError(
                f"component {self.name!r}: {field} must be a tuple of names, not {names!r}"
            )
        for name in (names := tuple(names)):
            _check_name("component", name, _NAME)
        return names


@dataclass(frozen=True)
class Subcommand:
    """A command that a plugin adds to ``pluxel``.

    ``name``: what follows ``pluxel``, ``[a-z][a-z0-9-]*``.
    ``target``: a click command, as ``package.module:attribute``; imported when it is called.
    ``summary``: one line for ``pluxel --help``.
    ``provider``: the distribution or file that offers it; the host fills this in.

    Raises: PluginError for a record that could never work.
    """

    name: str
    target: str
    summary: str
    provider: str = ""

    def __post_init__(self) -> None:
        _check_name("command", self.name, _COMMAND)
        _check_text(f"command {self.name!r}", self.target, self.summary)

    @property
    def qualified(self) -> str:
        """The name that no other plugin can claim: ``provider/name``."""
        return f"{self.provider}/{self.name}"


def _check_text(what: str, target: object, summary: object) -> None:
    if not _is_target(target):
        near = ":".join(str(target).rsplit(".", 1))
        hint = f" Did you mean {near!r}?" if _is_target(near) else ""
        raise PluginError(f"{what}: target {target!r} is not 'package.module:Class'.{hint}")
    if not isinstance(summary, str) or len(summary.strip().splitlines()) != 1:
        raise PluginError(f"{what} needs a one-line summary")


def _is_target(target: object) -> bool:
    module, _, attribute = str(target).partition(":")
    return all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


def _check_name(what: str, name: object, pattern: re.Pattern[str]) -> None:
    if isinstance(name, str) and pattern.fullmatch(name):
        return
    separator = "_" if pattern is _NAME else "-"
    near = ""
    if isinstance(name, str):
        near = re.sub(r"[^a-z0-9]+", separator, name.lower()).strip(separator)
    hint = f" Did you mean {near!r}?" if pattern.fullmatch(near) else ""
    raise PluginError(f"{what} name {name!r} does not match {pattern.pattern}.{hint}")
