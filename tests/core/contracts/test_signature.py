"""The signature of a component is its schema."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from pluxel.core.contracts.kinds import WIRING, Loss
from pluxel.core.contracts.signature import read_signature
from pluxel.registry import Component, PluginError
from torch import nn

UNET = Component("unet", target="acme:UNet", summary="x", provider="acme-seg")


def read(target: Callable[..., Any], kind: str = "decoder") -> Any:
    return read_signature(kind, UNET, target)


def test_wiring_comes_before_the_star() -> None:
    class UNet:
        def __init__(self, num_classes, features: UndefinedAnywhere, *, width: int = 8):  # noqa: F821
            pass

    signature = read(UNet)
    assert signature.wiring == ("num_classes", "features")
    assert signature.parameters().model_dump() == {"parameter_width": 8}


@pytest.mark.parametrize("kind", WIRING)
def test_each_kind_has_its_wiring(kind: str) -> None:
    source = f"def build({', '.join(WIRING[kind])}): ..."
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    assert read(namespace["build"], kind).wiring == WIRING[kind]


def test_parameters_may_have_names_of_model_methods() -> None:
    def build(*, copy: int = 1, model_config: int = 2, json: int = 3, model_args: int = 4): ...

    model = read(build).parameters.model_validate_json('{"copy": 5}')
    assert [value for _, value in model] == [5, 2, 3, 4]


def test_an_inherited_constructor_is_evaluated_in_its_own_module(acme: Any) -> None:
    class Child(acme.Typed):
        pass

    assert "parameter_color" in read(Child, "loss").parameters.model_fields


class Plain:
    def __call__(self, logits: object, target: object) -> None: ...


class Module(nn.Module):
    def forward(self, logits: object, target: object) -> None: ...


class Child(Module): ...


class Protocolled(Loss):
    def __call__(self, logits: object, target: object, /) -> Any: ...


@pytest.mark.parametrize("target", [Plain, Module, Child, Protocolled])
def test_a_class_without_a_constructor_takes_nothing(target: Any) -> None:
    signature = read(target, "loss")
    assert signature.wiring == ()
    assert not signature.parameters.model_fields


def test_a_required_function_is_refused() -> None:
    def build(*, first: int, act: Callable[..., int] | type[int]): ...

    with pytest.raises(PluginError) as caught:
        read(build)
    assert str(caught.value).endswith("YAML cannot express its parameter 'act'")


def test_a_decorated_constructor_is_unwrapped() -> None:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    class UNet:
        @decorate
        def __init__(self, num_classes: int, *, width: int | None = None): ...

    assert list(read(UNet).parameters.model_fields) == ["parameter_width"]


def test_defaults_are_not_shared() -> None:
    def build(*, table: dict[str, int] = {}): ...  # noqa: B006

    model = read(build).parameters
    model().parameter_table["x"] = 1
    assert model().parameter_table == {}


def no_annotation(num_classes, *, width=3): ...


def keywords(num_classes, **options): ...


def positions(*args): ...


def unknown_wiring(num_class, *, width: int): ...


def far_wiring(mystery): ...


def positional_only(num_classes, /): ...


def named_type(*, type: str): ...  # noqa: A002


def late_wiring(features, *, num_classes: int): ...


def late_default(features, *, class_names: tuple[str, ...] = ()): ...


def undefined(*, width: Nowhere): ...  # noqa: F821


def tensor(*, a: int = 1, weight: WeightOfMine): ...


class WeightOfMine:
    pass


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (no_annotation, "parameter 'width' has no type annotation"),
        (
            keywords,
            "**options hides its parameters: declare each one, or one mapping 'options: dict'",
        ),
        (positions, "'args' cannot be passed by name"),
        (positional_only, "'num_classes' cannot be passed by name"),
        (
            unknown_wiring,
            "'num_class' comes before the *, so it is wiring, but a decoder can only be wired to "
            "features, num_classes, class_names, backbone, in_channels. Did you mean "
            "'num_classes'? Parameters for YAML come after the *",
        ),
        (
            far_wiring,
            "'mystery' comes before the *, so it is wiring, but a decoder can only be wired to "
            "features, num_classes, class_names, backbone, in_channels. Parameters for YAML come "
            "after the *",
        ),
        (named_type, "a parameter cannot be named 'type', the key that names the component"),
        (late_wiring, "num_classes is supplied by Pluxel: write it before the *"),
        (late_default, "class_names is supplied by Pluxel: write it before the *"),
        (
            undefined,
            "the annotation of parameter 'width' cannot be evaluated (name 'Nowhere' is not "
            "defined)",
        ),
    ],
)
def test_invalid_signatures_raise(target: Callable[..., Any], reason: str) -> None:
    with pytest.raises(PluginError) as caught:
        read(target)
    assert str(caught.value) == f"decoder 'unet' of plugin acme-seg cannot be used: {reason}"


def test_a_type_that_yaml_cannot_express_raises() -> None:
    with pytest.raises(PluginError, match="YAML cannot express its parameter 'weight'"):
        read(tensor)


def test_a_target_without_a_signature_raises() -> None:
    with pytest.raises(PluginError, match="its signature cannot be read"):
        read(5)  # pyright: ignore[reportArgumentType]
