"""The pages of the public names of Python, by room."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator

from _tables import NOTE, table

ROOMS = {
    "pluxel": "What a script needs.",
    "pluxel.registry": "What registers and finds components.",
    "pluxel.core": "The kinds of components, networks, training, evaluation and word vectors.",
    "pluxel.core.authoring": "What authors of plugins build on.",
    "pluxel.core.conformance": "Tests that any plugin should pass.",
}


def page_of(room: str) -> str:
    """Return the name of the page of a room."""
    return f"reference/{room.replace('.', '_')}.md"


def names_page(room: str) -> str:
    """Return the page of a room; the site adds signatures and whole docstrings."""
    rows = "\n".join(table(["name", ""], _rows(room)))
    return f"# Reference: {room}\n\n{NOTE}\n{ROOMS[room]}\n\n{rows}"


def _rows(room: str) -> Iterator[tuple[str, str]]:
    module = importlib.import_module(room)
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        described = inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)
        text = (inspect.getdoc(value) or "") if described else ""
        yield f"`{name}`", _first_sentence(text) or "A constant or a type."


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
