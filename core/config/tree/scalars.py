"""Resolve unquoted YAML scalars by the core schema of YAML 1.2 (section 10.3.2).

YAML 1.1, which PyYAML follows, reads ``no`` as false, ``1e-4`` as text and ``12:30`` as 750.
"""

from __future__ import annotations

import re

from .nodes import Value

SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half a UTF-16 character, which is not valid on its own and cannot be written as JSON."""

_MAX_BITS = 4096
"""Far larger than needed, but within Python's limit for conversion to digits."""

_PARSERS = (
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float(text.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: float("nan")),
)


def resolve(text: str) -> Value:
    """Return the value of an unquoted scalar; a scalar without another type is a string.

    Raises: ValueError for an integer of more than 4096 bits.
    """
    for pattern, parse in _PARSERS:
        if pattern.fullmatch(text):
            value = parse(text)
            if isinstance(value, int) and value.bit_length() > _MAX_BITS:
                raise ValueError("too large a number")
            return value
    return text
