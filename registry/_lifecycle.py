"""Call the hooks of plugins while Pluxel works, and survive what they raise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

from ._errors import PluginError, reason_of


@dataclass(frozen=True)
class HealthCheck:
    """What a plugin checks of its surroundings, as ``pluxel plugins doctor`` shows it.

    ``name``: what is checked, such as ``license file``. ``problem``: what is wrong and how to mend
    it, in one sentence; empty if all is well. ``warning``: whether the plugin still works.

    Raises: PluginError without a name.
    """

    name: str
    problem: str = ""
    warning: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise PluginError("a HealthCheck needs a name, such as HealthCheck('license file')")


class Listener(NamedTuple):
    """An implementation of a hook by a plugin; ``arguments``: the names that it accepts."""

    provider: str
    hook: str
    function: Callable[..., object]
    arguments: tuple[str, ...]

    def __call__(self, given: Mapping[str, Any]) -> object:
        """Call it with copies of mappings, which belong to Pluxel; raises whatever it raises."""
        copied = {n: deepcopy(v) if isinstance(v, Mapping) else v for n, v in given.items()}
        with redirect_stdout(sys.stderr):
            return self.function(**{name: copied[name] for name in self.arguments})

    def failed(self, error: BaseException) -> str:
        """Return the message about an exception that it raised, with the place in its code."""
        return failed_part(self.provider, self.hook, error)


def failed_part(provider: str, part: str, error: BaseException) -> str:
    """Return the message about an exception in a part of a plugin, with the place in its code."""
    return f"plugin {provider}: {part} {failed(error)}"


def failed(error: BaseException) -> str:
    """Return that something failed, with the exception and the place in the code."""
    reason, _ = reason_of(error)
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f", {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"failed ({reason}{place})"
