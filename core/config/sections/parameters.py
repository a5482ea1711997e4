"""Read the parameters of a component, and check the defaults that its author gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ....registry import Component, Host, PluginError
from ...contracts.annotations import accepts_none, key_of
from ...contracts.signature import Signature, read_signature
from ..messages.faults import OWNED, Owner, owned
from ..messages.words import expectation
from .before_validation import prepare_for_validation
from .plain import to_plain


def read_parameters(
    given: Mapping[str, Any],
    owner: Owner,
    component: Component,
    signature: Signature,
    context: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all parameters, with defaults, and those that are given, as they were written.

    Raises: ValidationError whose lines all carry ``owner``; PluginError for a default that does not
    fit its annotation, or that YAML cannot hold.
    """
    model = signature.parameters
    written: dict[str, Any] = prepare_for_validation(given, model)
    defaults = _Defaults(owner, component, signature, without=written)
    text = json.dumps(defaults.plain | written)
    try:
        read = signature.validator.validate_json(text, context=dict(context))
    except ValidationError as error:
        defaults.check(error)
        raise owned(error, owner) from None
    params = {
        key: defaults.value(key, getattr(read, name)) for name, key in _keys(signature).items()
    }
    return params, {key: value for key, value in written.items() if key in params}


def check_defaults(host: Host, kind: str, component: Component) -> Any:
    """Return what a component's target names, with parameters and defaults of valid types.

    Raises: PluginError for an annotation that YAML cannot express and for a default that does not
    fit its annotation; ComponentImportError or MissingPackage if it cannot be imported.
    """
    target = host.load(component)
    signature = read_signature(kind, component, target)
    owner = Owner(f"{kind} '{component.name}'", signature.parameters)
    defaults = _Defaults(owner, component, signature)
    try:
        signature.validator.validate_json(json.dumps(defaults.plain), context={"host": host})
    except ValidationError as error:
        defaults.check(error)  # parameters without a default are missing
    return target


def _keys(signature: Signature) -> dict[str, str]:
    return {name: key_of(name, field) for name, field in signature.parameters.model_fields.items()}


class _Defaults:
    """The defaults of the parameters that are not given, as YAML would hold them."""

    def __init__(
        self,
        owner: Owner,
        component: Component,
        signature: Signature,
        without: Mapping[str, Any] | None = None,
    ) -> None:
        self._refused = f"{owner.label} of plugin {component.provider} cannot be used"
        self._values: dict[str, Any] = {}
        self._unchanged: set[str] = set()
        self.plain: dict[str, Any] = {}
        for name, field in signature.parameters.model_fields.items():
            if not field.is_required() and (key := key_of(name, field)) not in (without or {}):
                self._add(key, field)

    def _add(self, key: str, field: FieldInfo) -> None:
        default = field.get_default(call_default_factory=True)
        if default is None and not accepts_none(field.annotation):
            return  # as null in YAML, it stands for the default
        try:
            plain = to_plain(default, absolute=False)
            json.dumps(plain)
        except (TypeError, ValueError) as error:
            message = f"YAML cannot hold {default!r}, the default of parameter '{key}'"
            raise PluginError(f"{self._refused}: {message}") from error
        self._values[key] = default
        self.plain[key] = prepare_for_validation(plain, field.annotation)
        if self.plain[key] == plain:
            self._unchanged.add(key)

    def check(self, error: ValidationError) -> None:
        """Raise PluginError if a default causes an error of validation."""
        for line in error.errors(include_url=False):
            if line["loc"] and (key := str(line["loc"][0])) in self._values:
                raise PluginError(
                    f"{self._refused}: the default {self._values[key]!r} of parameter '{key}' does "
                    f"not fit its annotation: {_reason(line)}"
                )

    def value(self, key: str, read: Any) -> Any:
        """Return the value of a parameter: a default of the right type, else what was read."""
        default = self._values.get(key)
        keeps = key in self._unchanged and type(read) is type(default)
        return deepcopy(default) if keeps else read


def _reason(line: ErrorDetails) -> str:
    context = line.get("ctx", {})
    if line["type"] == OWNED:
        line = context["details"]
        context = line.get("ctx", {})
    expected = expectation(line["type"], context)
    return f"expected {expected}" if expected else line["msg"]
