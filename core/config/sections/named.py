"""Parse a name with parameters: the syntax of components, optimizers and schedules.

``decoder: fcn8s`` is short for ``decoder: {type: fcn8s}``; the other keys are parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ....registry import article
from ..messages.faults import Owner, fault, owned
from .before_validation import prepare_for_validation


def split_named(kind: str, value: object, default: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return the name and the parameters; ``default`` is the name if ``type`` is absent.

    Raises: PydanticCustomError if there is no name.
    """
    if isinstance(value, str):
        return value, {}
    expected = f"the name of {article(kind)} or a mapping with its 'type'"
    if not isinstance(value, Mapping):
        raise fault("", at="value", expected=expected)
    parameters = dict(value)
    name = parameters.pop("type", default)
    if name is None:
        raise fault(f"this {kind} has no name: add 'type: …'", expected=expected)
    if not isinstance(name, str):
        raise fault(f"'type' must be the name of {article(kind)}, not {json.dumps(name)}")
    return name, parameters


def validate_parameters(
    parameters: Mapping[str, Any], owner: Owner, context: Mapping[str, Any] | None
) -> BaseModel:
    """Return the parameters as a model, with defaults.

    Raises: ValidationError whose lines all carry ``owner``.
    """
    # Use JSON: only in JSON mode does strict validation accept a list for a tuple.
    text = json.dumps(prepare_for_validation(parameters, owner.model))
    try:
        return owner.model.model_validate_json(text, strict=True, context=context)
    except ValidationError as error:
        raise owned(error, owner) from None
