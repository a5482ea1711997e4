"""Read the descriptions of parameters from the docstrings of a component.

Pluxel's own form is a ``name`` in double backquotes, a colon and the text. The forms of Google,
NumPy and Sphinx are read too.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator

_OWN = re.compile(r"(?:^|(?<=[.;] ))((?:``\w+``,? ?(?:and )?)+):\s", re.MULTILINE)
_SPHINX = re.compile(r"^:(?:param|parameter|arg)\s+(?:[^:\n]*\s)?\*{0,2}(\w+):\s", re.MULTILINE)
_GOOGLE = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s", re.MULTILINE)
_NUMPY = re.compile(r"^(\w+(?:, \w+)*)\s*(?::.*)?\n(?=\s+\S)", re.MULTILINE)
_GOOGLE_PART = re.compile(r"^(?:Args|Arguments|Parameters):\n(.*?)(?=^\S|\Z)", re.M | re.S)
_NUMPY_PART = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", re.M | re.S)


def described_parameters(target: object, names: Collection[str]) -> dict[str, str]:
    """Return parameter -> description, each one paragraph, for those that are described.

    The docstring of the constructor comes before that of the class, and a class before its bases.
    """
    found: dict[str, str] = {}
    for one in target.__mro__ if inspect.isclass(target) else [target]:
        own = vars(one).get("__init__") if inspect.isclass(one) else None
        for text in (getattr(own, "__doc__", None), getattr(one, "__doc__", None)):
            if not isinstance(text, str):
                continue
            for name, description in _described(inspect.cleandoc(text)):
                if name in names and description:
                    found.setdefault(name, description)
    return found


def _described(text: str) -> Iterator[tuple[str, str]]:
    yield from _pairs(_OWN, text)
    yield from _pairs(_SPHINX, text, end=r"\n:|\n\n")
    for part in _GOOGLE_PART.finditer(text):
        yield from _pairs(_GOOGLE, inspect.cleandoc("\n" + part[1]))
    for part in _NUMPY_PART.finditer(text):
        yield from _pairs(_NUMPY, part[1])


def _pairs(head: re.Pattern[str], text: str, end: str = r"\n\n") -> Iterator[tuple[str, str]]:
    """Yield each name and the text after its head, up to the next head or the end."""
    matches = [*head.finditer(text)]
    for number, match in enumerate(matches):
        stop = matches[number + 1].start() if number + 1 < len(matches) else len(text)
        body = re.split(end, text[match.end() : stop])[0]
        for name in re.findall(r"\w+", match[1]):
            yield name, " ".join(body.split())
