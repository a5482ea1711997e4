"""Read the layers of a network that Caffe describes as text (``.prototxt``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...registry import PluxelError
from ..common.files import read_lines, require_file
from .caffe_parameters import MESSAGES, Options, options
from .caffemodel import CaffeLayer

Message = dict[str, list[Any]]
"""Field -> its values in order: texts, or messages."""

_TOKEN = re.compile(
    r"""(?P<skip>[\s,;]+|\#[^\n]*)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<word>[\w.+-]+)|(?P<mark>[{}\[\]:<>])|(?P<bad>.)""",
    re.DOTALL,
)
_DEEPEST = 20


def read_prototxt(path: Path) -> list[CaffeLayer]:
    """Return the layers of a description, without weights, in their order.

    Raises: PluxelError for a file that is missing, no such text, or without layers.
    """
    lines = read_lines(require_file(path))
    try:
        network = _message(_tokens("\n".join(lines)), 0)
        found = [*network.get("layer", ()), *network.get("layers", ())]
        layers = [_layer(one) for one in found if isinstance(one, dict)]
    except ValueError as error:
        raise PluxelError(f"{path}: not a description of a network: {error}") from error
    if not layers:
        raise PluxelError(
            f"{path}: the file describes no layers",
            ["give the train, val or deploy file of the network, not that of its solver"],
        )
    return layers


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Yield marks, words and quoted texts, each with its line."""
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "bad":
            raise ValueError(f"unexpected {match[0]!r} in line {line}")
        if match.lastgroup != "skip":
            yield match[0], line
        line += match[0].count("\n")


def _message(tokens: Iterator[tuple[str, int]], depth: int) -> Message:
    """Read fields up to the closing bracket, or up to the end at depth 0."""
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} brackets inside each other")
    fields: Message = {}
    for name, line in tokens:
        if name in "}>":
            if depth:
                return fields
            raise ValueError(f"'{name}' in line {line} closes nothing")
        if not name.isidentifier():
            raise ValueError(f"expected the name of a field in line {line}, found {name}")
        mark, _ = next(tokens, ("", 0))
        if mark == ":":
            mark, _ = next(tokens, ("", 0))
        values = fields.setdefault(name, [])
        if mark and mark in "{<":
            values.append(_message(tokens, depth + 1))
        elif mark == "[":
            values += _listed_values(tokens, line)
        elif mark and mark not in "}>]:":
            values.append(mark.strip("\"'"))
        else:
            raise ValueError(f"field '{name}' in line {line} has no value")
    if depth:
        raise ValueError("a bracket is not closed at the end")
    return fields


def _listed_values(tokens: Iterator[tuple[str, int]], line: int) -> list[str]:
    values = []
    for value, _ in tokens:
        if value == "]":
            return values
        values.append(value.strip("\"'"))
    raise ValueError(f"the list in line {line} is not closed")


def _layer(message: Message) -> CaffeLayer:
    def first(key: str) -> str:
        return str(next(iter(message.get(key, ())), ""))

    kind = first("type")
    if kind.isupper():  # as V1 names types: INNER_PRODUCT
        kind = kind.title().replace("_", "")
    bottoms, tops = (list(map(str, message.get(key, ()))) for key in ("bottom", "top"))
    name = first("name")
    try:
        parameters = _options(message, kind)
    except ValueError as error:
        raise ValueError(f"layer {name}: {error}") from error
    return CaffeLayer(name, kind, bottoms, tops, (), parameters)


def _options(message: Message, kind: str) -> Options:
    known = MESSAGES.get(kind.lower())
    given = [one for one in message.get(known.name, ()) if isinstance(one, dict)] if known else []
    return options(kind, given[0] if given else None)
