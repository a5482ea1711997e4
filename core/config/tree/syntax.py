"""PyYAML's syntax errors in words that say what to do."""

from __future__ import annotations

import re

import yaml

_WORDS = (
    (r"found character '\\t'", "a tab cannot indent YAML: use spaces"),
    (
        r"mapping values are not allowed",
        "':' is not allowed here: is there one missing above, is this line indented unlike its "
        "neighbors, or does text that contains ': ' need quotes?",
    ),
    (r"could not find expected ':'", "a key without ':' (on this line or the one above)"),
    (r"expected <block end>, but found ':'", "a ':' without a key before it"),
    (r"expected <block end>", "this line is indented like none of the levels above it"),
    (r"found unexpected end of stream", "a quote that is opened here is never closed"),
    (r"expected ',' or '[\]}]', but got '<stream end>'", "a bracket that is never closed"),
    (r"expected ',' or '([\]}])'", "expected ',' or '{0}' here"),
    (r"found character '[@`]'", "text that begins with '@' or '`' must be quoted"),
    (r"found character '%'", "text that begins with '%' must be quoted"),
    (
        r"expected alphabetic or numeric character",
        "text that begins with '*' or '&' must be quoted",
    ),
)
_REFERENCE = 'a reference inside of { } or [ ] must be quoted: "${key.path}"'
_BEYOND = "text beyond the end of a value: put the whole of it in quotes"


def explain_syntax(error: yaml.YAMLError, text: str) -> tuple[int, int, str]:
    """Return (line, column, message) of a syntax error, line and column from 0."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        return line, column, f"the character U+{ord(text[error.position]):04X} is not allowed"
    assert isinstance(error, yaml.MarkedYAMLError)  # all that the parser raises otherwise
    message = str(error.problem)
    # What is never closed is found out at the end; where it was opened is what helps.
    unclosed = "end of stream" in message or "<stream end>" in message
    mark = (unclosed and error.context_mark) or error.problem_mark
    assert mark  # the parser always knows where it is
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
    return f"not YAML: {message}"
