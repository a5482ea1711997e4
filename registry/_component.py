"""The record by which a plugin offers one component: strings only, nothing heavy is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ._errors import PluginError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Component:
    """One backbone, decoder, loss, dataset or embedding that a plugin offers.

    ``name``: what a YAML file says, ``[a-z][a-z0-9_]*``.
    ``target``: the class, as ``package.module:Class``; imported when the component is built.
    ``summary``: one line, with the paper.
    ``aliases``: other names for it; ``renamed_from``: former names, still taken with a warning.
    ``extra``: the extra of the distribution that brings what the target needs beyond the ordinary.
    ``provider``: the distribution (or file) it came from; the host fills it in.

    Raises PluginError for a record that could never work.
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
            raise PluginError(f"component {self.name!r} needs a summary of one line")

    @property
    def qualified(self) -> str:
        """The name that no other plugin can claim: ``provider/name``."""
        return f"{self.provider}/{self.name}"

    @property
    def answers_to(self) -> tuple[str, ...]:
        """Every bare name: its own, its aliases, its former names."""
        return (self.name, *self.aliases, *self.renamed_from)

    def _names(self, field: str) -> tuple[str, ...]:
        names: Iterable[str] = getattr(self, field)
        if isinstance(names, str):  # a tuple of its letters otherwise
            raise PluginError(
                f"component {self.name!r}: {field} is a tuple of names, not the string {names!r}"
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
