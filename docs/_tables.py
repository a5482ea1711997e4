"""Markdown tables of parameters and keys, shared by the generated pages."""

from __future__ import annotations

import inspect
import textwrap
import typing
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass

from pluxel.core.cli._parameters import field_type, in_yaml
from pluxel.core.config._json_schema import StrictSchema, titled
from pluxel.core.contracts.annotations import key_of
from pydantic import BaseModel
from pydantic.fields import FieldInfo

NOTE = "<!-- Written by docs/reference.py from the code; do not edit. -->\n"


def flat(text: str) -> str:
    """Return a docstring as one line of Markdown."""
    return " ".join(text.split()).replace("``", "`")


def paragraphs(text: str) -> str:
    """Return a docstring as paragraphs of Markdown, with lines of at most 100 characters."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        textwrap.fill(flat(part), 100, break_long_words=False, break_on_hyphens=False)
        for part in parts
    )


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return flat(text).replace("|", "\\|")


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table, without those of an empty one."""
    lines = ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    if lines:
        heads = [*heads]
        yield "| " + " | ".join(heads) + " |"
        yield "|" + "---|" * len(heads)
        yield from lines
        yield ""


def parameter_table(rows: Iterable[tuple[str, str, str | None, str]]) -> Iterator[str]:
    """Yield a table of names, types, defaults (None if required) and descriptions."""
    heads = ["key", "type", "default", ""]
    return table(
        heads,
        (
            (f"`{key}`", words, "required" if default is None else _code(default), text)
            for key, words, default, text in rows
        ),
    )


def _code(default: str) -> str:
    return default if default == "see above" else f"`{default}`"


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str | None, str]]:
    """Yield key, type, default and description of each field of a section."""
    described = model.model_json_schema(schema_generator=StrictSchema)
    properties = described.get("properties", {})
    for name, field in model.model_fields.items():
        key = key_of(name, field)
        text = properties.get(key, {}).get("description", "")
        yield key, field_type(field), _default(field), text


def _default(field: FieldInfo) -> str | None:
    if field.is_required():
        return None
    if field.default_factory_takes_validated_data:
        return "see above"  # follows from other keys
    default = field.get_default(call_default_factory=True)
    return "{}" if isinstance(default, BaseModel) else in_yaml(default)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the sections within a type, such as ``list[Term] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    if hasattr(annotation, "__value__"):  # type Alias = …
        yield from models_in(annotation.__value__)
    for argument in typing.get_args(annotation):
        yield from models_in(argument)
    assert not (isinstance(annotation, type) and is_dataclass(annotation)), (
        "describe dataclasses too"
    )


def title(model: type[BaseModel]) -> str:
    """Return the heading of a section: ``PhaseHeadConfig`` → 'Phase head'."""
    return model.model_config.get("title") or titled(model.__name__).capitalize()
