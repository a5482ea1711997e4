"""The record with which a plugin offers a component; it holds strings, so it imports nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ._errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Component:
    """One backbone, decoder, loss, dataset or embedding that a plugin offers.

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
        _check_name(self.name)
        for field in ("aliases", "renamed_from"):
            object.__setattr__(self, field, self._names(field))
        self._check_target()
        if not isinstance(self.summary, str) or len(self.summary.strip().splitlines()) != 1:
            raise PluginError(f"component {self.name!r} needs a one-line summary")

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
            _check_name(name)
        return names

    def _check_target(self) -> None:
        if _is_target(self.target):
            return
        near = ":".join(str(self.target).rsplit(".", 1))
        hint = f" Did you mean {near!r}?" if _is_target(near) else ""
        raise PluginError(
            f"component {self.name!r}: target {self.target!r} is not 'package.module:Class'.{hint}"
        )


def _is_target(target: object) -> bool:
    module, _, attribute = str(target).partition(":")
    return all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


def _check_name(name: object) -> None:
    if isinstance(name, str) and _NAME.fullmatch(name):
        return
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") if isinstance(name, str) else ""
    hint = f" Did you mean {near!r}?" if _NAME.fullmatch(near) else ""
    raise PluginError(f"component name {name!r} does not match {_NAME.pattern}.{hint}")
