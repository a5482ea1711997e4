"""Every parameter of the built-in components has a description."""

from __future__ import annotations

import pytest
from pluxel import plugins
from pluxel.core.contracts.signature import read_signature
from pluxel.registry import KINDS, Component, Host

HOST = Host({"pluxel": plugins})
COMPONENTS = [(kind, one) for kind in KINDS for one in HOST.components(kind)]


@pytest.mark.parametrize(
    ("kind", "component"), [pytest.param(*one, id=f"{one[0]}-{one[1].name}") for one in COMPONENTS]
)
def test_every_parameter_has_a_description(kind: str, component: Component) -> None:
    fields = read_signature(kind, component, HOST.load(component)).parameters.model_fields
    assert [field.alias for field in fields.values() if not field.description] == []
