"""Describe types, limits and values in words, and suggest corrections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..tree.nodes import ListNode, Node, ScalarNode
from ..tree.problems import suggestion
from ..tree.scalars import resolve
from .faults import FAULT

_WHOLE, _NUMBER, _BOOL, _TEXT = "a whole number", "a number", "true or false", "text"
_LIST, _MAPPING, _PATH = "a list", "a mapping", "a path"
_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _BOOL),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("dict_type", "model_type", "mapping_type", "dataclass_type"), _MAPPING),
    "string_type": _TEXT,
    "path_type": _PATH,
    "none_required": "null",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
EXTENT: Mapping[str, str] = {
    "finite_number": "a finite number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "too_few": "{length} items",
}
"""Descriptions for values that have the right type but the wrong range or length."""

_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_SHOWN = 60
"""Maximum characters of a value that an error repeats."""


def expectation(kind: str, context: Mapping[str, Any], member: str = "") -> str | None:
    """Return the expected type or range for errors about the shape or size of a value.

    ``member`` is pydantic's description of the union member that did not match.
    """
    if kind == FAULT:
        return context.get("expected") or None
    if kind == "string_type" and "path_validator" in member:
        return _PATH
    words = _EXPECTED.get(kind) or EXTENT.get(kind)
    if not words:
        return None
    text = words.format_map({k: _bound(v) for k, v in context.items()})
    return re.sub(r"\b1 (item|character)s", r"1 \1", text)


def _bound(limit: Any) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def describe(node: Node) -> str:
    """Return a value as error messages show it."""
    if isinstance(node, ScalarNode):
        line = node.text.replace("\n", "\\n")  # an error has one line
        text = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        return f"'{text}'" if isinstance(node.value, str) else text or "nothing"
    if isinstance(node, ListNode):
        return f"{_LIST} of length {len(node.items)}" if node.items else "an empty list"
    return _MAPPING


def instead(node: Node, expected: Sequence[str]) -> str:
    """Return a correction with its leading punctuation, or an empty text if unknown."""
    if not isinstance(node, ScalarNode) or node.value is None:
        return ""
    if isinstance(node.value, str):
        if names := re.findall(r"'([^']*)'", " ".join(expected)):
            return suggestion(node.value, names)
        if converted := next(filter(None, (_converted(node.value, one) for one in expected)), ""):
            return converted
    elif _WHOLE in expected and isinstance(node.value, float) and node.value.is_integer():
        return f": write {int(node.value)}"
    elif _TEXT in expected or _PATH in expected:
        return f': write "{node.text}" in quotes'
    return f": write [{node.text}]" if [*expected] == [_LIST] else ""


def _converted(text: str, expected: str) -> str:
    if expected == _BOOL:
        word = _YES_NO.get(text.lower(), text.lower())
        return f": write {word}" if word in ("true", "false") else ""
    if "number" in expected:
        bare = text.replace("_", "").replace(",", "").strip()
        value = resolve(bare) if len(bare) < _SHOWN else None
        return f": write {bare}" if isinstance(value, int | float) else ""
    return ""
