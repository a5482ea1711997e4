"""Write plain values as YAML that ``parse`` reads back unchanged, and PyYAML as well."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from .nodes import Segment
from .references import escape
from .scalars import resolve

_PLAIN = re.compile(r"[A-Za-z0-9_./~+-][A-Za-z0-9_./~+-]*( [A-Za-z0-9_./~+-]+)*")
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WIDTH = 100
_COMMENT_COLUMN = 48

Path = tuple[Segment, ...]
Comment = Callable[[Path], str]


def emit(tree: Mapping[str, Any], comment: Comment | None = None) -> str:
    """Return a mapping as a YAML document.

    ``comment`` receives the path of each value and returns the comment to append. With
    ``comment``, every value is on its own line.
    """
    lines = _lines(tree, (), comment)
    if not lines:
        return "{}\n"
    if comment is None:
        return "".join(f"{text}\n" for text, _ in lines)
    column = min(_COMMENT_COLUMN, max((len(text) for text, note in lines if note), default=0))
    return "".join(
        f"{text.ljust(column)}  # {note}\n" if note else f"{text}\n" for text, note in lines
    )


Line = tuple[str, str]


def _lines(tree: Mapping[str, Any] | list[Any], path: Path, comment: Comment | None) -> list[Line]:
    lines: list[Line] = []
    is_list = isinstance(tree, list)
    for key, value in enumerate(tree) if is_list else tree.items():
        here = (*path, key)
        mark = "-" if is_list else f"{_key(key)}:"
        inline = _inline(value, comment)
        if inline is not None:
            lines.append((f"{mark} {inline}", comment(here) if comment else ""))
            continue
        inner = _lines(value, here, comment)
        if is_list:  # the first line follows the dash
            text, note = inner.pop(0)
            lines.append((f"- {text}", note))
        else:
            lines.append((mark, ""))
        lines += [(f"  {text}", note) for text, note in inner]
    return lines


def _inline(value: Any, comment: Comment | None) -> str | None:
    """Return the text of a value that fits on the line of its key, else None."""
    if not isinstance(value, Mapping | list):
        return scalar(value)
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    flat = isinstance(value, list) and not any(isinstance(v, Mapping | list) for v in value)
    if not flat or comment:
        return None
    text = f"[{', '.join(map(scalar, value))}]"
    return text if len(text) <= _WIDTH else None


def inline(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)}: {inline(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    return scalar(value)


def _key(key: str | int) -> str:
    return _text(key) if isinstance(key, str) else str(key)


def scalar(value: bool | int | float | str | None) -> str:
    """Return a single value as YAML; quote text only if necessary."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isfinite(value):  # YAML 1.1 needs a point in every number
            return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, int):
        return str(value)
    return _text(escape(value))


def _text(text: str) -> str:
    is_other = not text or not isinstance(resolve(text[:_WIDTH]), str) or _is_other_in_1_1(text)
    if _PLAIN.fullmatch(text) and not is_other and not text.startswith(("-", "~")):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _is_other_in_1_1(text: str) -> bool:
    """Return whether YAML 1.1, which PyYAML follows, reads a plain text as another type."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    return tag != _RESOLVER.DEFAULT_SCALAR_TAG


_RESOLVER = yaml.resolver.Resolver()
