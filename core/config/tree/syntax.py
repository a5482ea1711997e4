"""Translate PyYAML's syntax errors into messages that name the remedy."""

from __future__ import annotations

import re

import yaml

_WORDS = (
    (r"found character '\\t'", "a tab cannot indent YAML: use spaces"),
    (
        r"mapping values are not allowed",
        "':' is not allowed here: is a ':' missing above, is this line indented differently from "
        "its neighbors, or does text that contains ': ' need quotes?",
    ),
    (r"could not find expected ':'", "a key without ':' (on this line or the one above)"),
    (r"expected <block end>, but found ':'", "a ':' without a key before it"),
    (r"expected <block end>", "the indentation of this line matches no level above it"),
    (r"found unexpected end of stream", "this quote is never closed"),
    (r"expected ',' or '[\]}]', but got '<stream end>'", "this bracket is never closed"),
    (r"expected ',' or '([\]}])'", "expected ',' or '{0}' here"),
    (r"found character '[@`]'", "text that begins with '@' or '`' must be quoted"),
    (r"found character '%'", "text that begins with '%' must be quoted"),
    (
        r"expected alphabetic or numeric character",
        "text that begins with '*' or '&' must be quoted",
    ),
)
_REFERENCE = 'a reference inside { } or [ ] must be quoted: "${key.path}"'
_BEYOND = "text after the end of a value: quote the whole value"


def explain_syntax(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """Return (line, column, message) of a syntax error, line and column from 0."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        return line, column, f"the character U+{ord(text[error.position]):04X} is not allowed"
    assert isinstance(error, yaml.MarkedYAMLError)  # the only other error that the parser raises
    message = str(error.problem)
    # An unclosed quote or bracket is found at the end; report where it was opened.
    unclosed = "end of stream" in message or "<stream end>" in message
    mark = (unclosed and error.context_mark) or error.problem_mark
    assert mark  # the parser always sets one
    return mark.line, mark.column, _words(message, text, mark)


def _words(message: str, text: str, mark: yaml.Mark) -> str:
    lines = text.splitlines()
    before = lines[mark.line][: mark.column] if mark.line < len(lines) else ""
    if "expected ','" in message and before.endswith("$"):
        return _REFERENCE
    if "expected <block end>, but found '<scalar>'" in message and before.strip():
        return _BEYOND
    for pattern, words in _WORDS:
        if found := re.search(pattern, message):
            return words.format(*found.groups())
    return f"invalid YAML: {message}"
