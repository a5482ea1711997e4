"""How a validator says what is wrong, for someone else to say where.

Pydantic knows the path to a value but not the file; the tree knows the file but not what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ..tree.nodes import Segment

Target = Literal["key", "value", "component"]
"""What to point at: a key, its value, or the name of a component (its key ``type``)."""

Fault = tuple[tuple[Segment, ...], str, Target]
"""Path below the value that is being validated, message, and what to point at."""

FAULT = "pluxel_fault"
OWNED = "pluxel_owned"


def fault(
    message: str, notes: Iterable[str] = (), at: Target = "component", expected: str = ""
) -> PydanticCustomError:
    """Return an error whose message is ready to be shown.

    ``expected``: what would have been right, if it is the shape of the value that is wrong; in a
    union, it is told together with the other members'.
    """
    context = {"message": message, "notes": [*notes], "at": at, "expected": expected}
    return PydanticCustomError(FAULT, "{message}", context)


def faults(found: Iterable[Fault]) -> ValidationError:
    """Return several faults at once."""
    lines = [
        InitErrorDetails(type=fault(message, at=place), loc=path, input=None)
        for path, message, place in found
    ]
    return ValidationError.from_exception_data("configuration", lines)


@dataclass(frozen=True)
class Owner:
    """The component that parameters belong to: ``loss 'dice'``, its parameters and its wiring."""

    label: str
    model: type[BaseModel]
    wiring: tuple[str, ...] = ()


def owned(error: ValidationError, owner: Owner) -> ValidationError:
    """Return the errors of a component's parameters with the component's name on them."""
    lines = [
        InitErrorDetails(type=_own(details, owner), loc=details["loc"], input=details["input"])
        for details in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(owner.label, lines)


def _own(details: ErrorDetails, owner: Owner) -> PydanticCustomError:
    if details["type"] == OWNED:  # by a component nested in this one
        return PydanticCustomError(OWNED, "", details.get("ctx"))
    context: dict[str, Any] = {"details": details, "owner": owner}
    return PydanticCustomError(OWNED, "", context)
