"""Errors that validators raise, to which the tree later adds source locations.

Pydantic knows the path to a value but not the file; the tree knows the file but not the error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ....registry import PluxelError
from ..tree.nodes import Segment

Target = Literal["key", "value", "component"]
"""What an error points at: a key, its value, or a component (its key ``type``)."""

Fault = tuple[tuple[Segment, ...], str, Target]
"""Path below the validated value, message, and target of the error."""

FAULT = "pluxel_fault"
OWNED = "pluxel_owned"


def fault(
    message: str, notes: Iterable[str] = (), at: Target = "component", expected: str = ""
) -> PydanticCustomError:
    """Return an error whose message is shown to the user as is.

    ``expected``: the expected shape of the value, if its shape is wrong; for a union, the report
    combines it with those of the other members.
    """
    context = {"message": message, "notes": [*notes], "at": at, "expected": expected}
    return PydanticCustomError(FAULT, "{message}", context)


def faults(items: Iterable[Fault]) -> ValidationError:
    """Combine several faults into one error."""
    lines = [
        InitErrorDetails(type=fault(message, at=place), loc=path, input=None)
        for path, message, place in items
    ]
    return ValidationError.from_exception_data("configuration", lines)


@dataclass(frozen=True)
class Owner:
    """A component (``label``: ``loss 'dice'``) with its parameters, wiring and distribution."""

    label: str
    model: type[BaseModel]
    wiring: tuple[str, ...] = ()
    provider: str = ""


def owned(error: ValidationError, owner: Owner) -> ValidationError:
    """Return the errors of a component's parameters, each marked with the component."""
    lines = [
        InitErrorDetails(type=_own(details, owner), loc=details["loc"], input=details["input"])
        for details in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(owner.label, lines)


def _own(details: ErrorDetails, owner: Owner) -> PydanticCustomError:
    if details["type"] == OWNED:  # marked by a nested component
        return PydanticCustomError(OWNED, "", details.get("ctx"))
    context: dict[str, Any] = {"details": details, "owner": owner}
    return PydanticCustomError(OWNED, "", context)


def faulty_component(error: ValidationError) -> PluxelError:
    """Return the errors of one component, which no file names, as an error for users."""
    messages, notes = [], []
    for details in error.errors(include_url=False):
        inner, label = details, ""
        while inner["type"] == OWNED:
            context = inner.get("ctx", {})
            inner, label = context["details"], context["owner"].label
        place = ".".join(map(str, inner["loc"]))
        messages.append(": ".join(filter(None, [label, place, inner["msg"]])))
        notes += inner.get("ctx", {}).get("notes", ())
    return PluxelError("; ".join(messages), notes)
