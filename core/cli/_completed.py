"""What completes the value of an option or argument; imported when a shell asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Complete = Callable[[click.Context, click.Parameter, str], Any]


def completed(name: str) -> Complete:
    """Return the completer ``complete_NAME`` of `_completion`."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        from . import _completion

        return getattr(_completion, f"complete_{name}")(ctx, parameter, incomplete)

    return complete


def completed_component(kind: str, *words: str) -> Complete:
    """Return a completer of the components of a kind, and of further words."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        from ._completion import complete_component

        return complete_component(kind, *words)(ctx, parameter, incomplete)

    return complete


def completed_words(*words: str) -> Complete:
    """Return a completer of fixed words."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        from ._completion import complete_words

        return complete_words(*words)(ctx, parameter, incomplete)

    return complete
