"""The base class of sections, and types for ranges of numbers."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]


COMPLETE = "x-pluxel-complete"
"""Key, in the JSON Schema of a section, of rules that hold unless a base supplies other keys."""


class Section(BaseModel):
    """A part of the configuration: strict types, no unknown keys, immutable.

    The docstring below a field is its description in the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # pydantic's own `use_attribute_docstrings` parses the source of every section whenever the
        # sections are imported, which costs a training more than reading its configuration.
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _field_docstrings(cls).items():
            properties[cls.model_fields[name].alias or name].setdefault("description", text)
        return schema


def _field_docstrings(section: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below each field that has one."""
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if issubclass(base, Section) and base is not Section:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(tree, ast.ClassDef)
            for field, text in pairwise(tree.body):
                match field, text:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str() as docstring)),
                    ):
                        found[name] = inspect.cleandoc(docstring)
    return found
