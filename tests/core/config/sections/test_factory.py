"""Factories of the components that a configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pluxel.core import FeatureSpec, Grid, Normalization
from pluxel.core.config.sections.factory import Factory
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.contracts.kinds import Backbone, Dataset, Decoder, Loss
from pluxel.registry import PluxelError
from pydantic import TypeAdapter
from torch import nn


def build(text: str, kind: Any, host: Any) -> Any:
    return TypeAdapter(Factory[kind]).validate_json(text, strict=True, context={"host": host})


def test_a_factory_knows_its_component(host: Any, acme: Any) -> None:
    factory = build('{"type": "fcn8s", "dropout": 0.1}', Decoder, host)
    assert factory.kind == "decoder"
    assert factory.component.qualified == "acme-seg/fcn8s"
    assert factory.target is acme.Skips
    assert factory.params == {"dropout": 0.1, "scales": None}
    assert str(factory) == "decoder 'fcn8s'"
    assert repr(factory) == "Factory(acme-seg/fcn8s, {'dropout': 0.1, 'scales': None})"


@pytest.mark.parametrize("name", ["vgg", "vgg_16", "acme-seg/vgg", "Acme_Seg/vgg"])
def test_every_spelling_is_the_same_component(host: Any, name: str) -> None:
    assert build(f'"{name}"', Backbone, host) == build('{"type": "vgg"}', Backbone, host)
    assert build(f'"{name}"', Backbone, host) != build(
        '{"type": "vgg", "depth": 3}', Backbone, host
    )
    assert build(f'"{name}"', Backbone, host) != "vgg"


def test_only_accepted_wiring_is_passed(host: Any) -> None:
    factory = build('{"type": "fcn8s"}', Decoder, host)
    assert factory.wants("features")
    assert not factory.wants("class_names")
    assert not factory.wants("dropout")
    decoder = factory(features=[1], num_classes=3, class_names=["a"], backbone=None)
    assert (decoder.features, decoder.num_classes, decoder.dropout) == ([1], 3, 0.5)


def test_forgotten_wiring_is_a_programming_error(host: Any) -> None:
    with pytest.raises(TypeError, match=r"^call the factory of decoder 'fcn8s' with num_classes$"):
        build('"fcn8s"', Decoder, host)(features=[])


class Optional(nn.Module):
    def __init__(self, num_classes: int, class_names: Any = (), *, error: bool = False) -> None:
        super().__init__()
        self.class_names = class_names
        if error:
            raise TypeError("unsupported operand")


def test_wiring_with_a_default_may_be_absent(host: Any, acme: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(acme, "Skips", Optional)
    assert build('"fcn8s"', Decoder, host)(num_classes=2).class_names == ()
    with pytest.raises(PluxelError, match=r"acme-seg cannot be built \(TypeError: unsupported"):
        build('{"type": "fcn8s", "error": true}', Decoder, host)(num_classes=2)


def test_an_outer_component_builds_its_inner_one(host: Any, acme: Any) -> None:
    factory = build('{"type": "wrap", "inner": {"type": "fcn16s", "dropout": 0}}', Decoder, host)
    outer = factory(backbone="net", num_classes=2, features=[])
    assert outer.backbone == "net"
    assert isinstance(outer.inner, acme.Skips)
    assert outer.inner.dropout == 0


class Raises(nn.Module):
    def __init__(self, num_classes: int, *, error: int = 0) -> None:
        super().__init__()
        raise [
            TypeError("unsupported operand"),
            KeyError("kind"),
            SystemExit(7),
            OSError(),
            ValueError("a quarter is not for me"),
            RuntimeError("wrong shapes:\n  (3, 4)\n  (5, 6)"),
        ][error]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (0, "TypeError: unsupported operand"),
        (1, "KeyError: 'kind'"),
        (2, "SystemExit: 7"),
        (3, "OSError"),
        (4, "ValueError: a quarter is not for me"),
    ],
)
def test_any_exception_of_a_constructor_names_component_and_plugin(
    host: Any, acme: Any, monkeypatch: Any, error: int, reason: str
) -> None:
    monkeypatch.setattr(acme, "Skips", Raises)
    with pytest.raises(PluxelError) as caught:
        build(f'{{"type": "fcn8s", "error": {error}}}', Decoder, host)(num_classes=2)
    assert str(caught.value) == (f"decoder 'fcn8s' of plugin acme-seg cannot be built ({reason})")
    assert caught.value.__cause__ is not None


class Unfinished:
    pass


class UnfinishedModule(nn.Module):
    feature_specs = ()

    def __init__(self) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("kind", "name", "target", "made", "message"),
    [
        (
            Backbone,
            "vgg",
            "Backbone",
            UnfinishedModule,
            "backbone 'vgg' of plugin acme-seg cannot be used: a backbone must have "
            "'normalization', but UnfinishedModule does not",
        ),
        (
            Decoder,
            "bare",
            "Bare",
            Unfinished,
            "decoder 'bare' of plugin acme-seg cannot be used: a decoder must be a "
            "torch.nn.Module, but Unfinished is not",
        ),
        (
            Loss,
            "dice",
            "Dice",
            Unfinished,
            "loss 'dice' of plugin acme-seg cannot be used: a loss must have '__call__', but "
            "Unfinished does not",
        ),
        (
            Dataset,
            "shapes",
            "Shapes",
            Unfinished,
            "dataset 'shapes' of plugin acme-seg cannot be used: a dataset must have 'labels' and "
            "'channels' and '__len__' and '__getitem__', but Unfinished does not",
        ),
    ],
)
def test_a_built_component_must_meet_its_contract(
    host: Any,
    acme: Any,
    monkeypatch: Any,
    kind: Any,
    name: str,
    target: str,
    made: Any,
    message: str,
) -> None:
    monkeypatch.setattr(acme, target, made)
    with pytest.raises(PluxelError) as caught:
        build(f'"{name}"', kind, host)()
    assert str(caught.value) == message


def test_delegated_members_meet_the_contract(host: Any, acme: Any, monkeypatch: Any) -> None:
    class Delegates(nn.Module):
        def __init__(self) -> None:
            super().__init__()

        def __getattr__(self, name: str) -> object:
            spec = FeatureSpec("a", 4, Grid(2), (3, 3), "computed")
            known = {"feature_specs": [spec], "normalization": Normalization()}
            return known[name] if name in known else super().__getattr__(name)

    monkeypatch.setattr(acme, "Backbone", Delegates)
    assert isinstance(build('"vgg"', Backbone, host)(), Delegates)


def test_parameter_types(host: Any, acme: Any) -> None:
    text = """{"type": "typed", "color": "blue", "pair": [1, 2], "path": "a/b", "names": ["x"],
    "options": {"alpha": 1, "beta-decay": 4}, "term": {"loss": "dice"}, "size": [1, 2],
    "table": {"a": [1]}, "anything": [{"x": null}], "limit": Infinity, "inner": "dice"}"""
    params = build(text, Loss, host).params
    assert params["color"] is acme.Color.blue
    assert params["pair"] == (1, 2.0)
    assert params["path"] == Path("a/b")
    assert params["names"] == frozenset({"x"})
    assert params["options"] == acme.Options(**{"alpha": 1, "beta-decay": 4})
    assert params["term"].loss.component.name == "dice"
    assert params["size"] == (1, 2)
    assert params["anything"] == [{"x": None}]
    assert params["limit"] == float("inf")
    assert params["inner"] == build('"dice"', Loss, host)


def test_a_tilde_is_expanded(host: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert build('{"type": "vgg", "pretrained": "~/w.pt"}', Backbone, host).params[
        "pretrained"
    ] == Path("/home/me/w.pt")


def test_an_unknown_user_is_not_expanded(host: Any) -> None:
    factory = build('{"type": "vgg", "pretrained": "~no_such_user/w.pt"}', Backbone, host)
    assert factory.params["pretrained"] == Path("~no_such_user/w.pt")


def test_a_factory_of_another_type_raises() -> None:
    with pytest.raises(TypeError, match="annotate a factory"):
        TypeAdapter(Factory[int])


def test_errors_while_building_have_a_location(load: Any, small: str) -> None:
    config = load(small, "decoder.dropout=0.25")
    with pytest.raises(ConfigError) as caught, config.at("decoder"):
        config.pipeline.heads["semantic"].decoder(features=[], num_classes=2)
    assert str(caught.value) == (
        "x.yaml:3:3: decoder 'fcn8s' of plugin acme-seg cannot be built (ValueError: a quarter is "
        "not for me)"
    )


def test_an_error_of_several_lines_stays_readable(
    load: Any, small: str, acme: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(acme, "Skips", Raises)
    config = load(small, "decoder={type: fcn8s, error: 5}")
    with pytest.raises(ConfigError) as caught, config.at("decoder"):
        config.pipeline.heads["semantic"].decoder(features=[], num_classes=2)
    assert str(caught.value).endswith(
        ": decoder 'fcn8s' of plugin acme-seg cannot be built (RuntimeError: wrong shapes)\n"
        "  note: (3, 4)\n        (5, 6)"
    )


def test_a_plugins_own_error_of_several_lines_stays_readable(load: Any, small: str) -> None:
    with pytest.raises(ConfigError) as caught, load(small).at("decoder"):
        raise PluxelError("two problems:\na\nb", ["see the manual"])
    assert str(caught.value) == (
        "x.yaml:3:3: two problems:\n  note: a\n        b\n  note: see the manual"
    )


class Misspelt(nn.Module):
    def __init__(self, *, depth: int = 16) -> None:
        super().__init__()

    def load_pretraind(self) -> None: ...


def test_a_member_that_is_nearly_one_of_the_contract_is_logged_once(
    host: Any, acme: Any, monkeypatch: Any, caplog: Any
) -> None:
    monkeypatch.setattr(acme, "Backbone", Misspelt)
    for _ in range(2):
        build('"vgg"', Backbone, host)
    assert caplog.messages == [
        "backbone 'vgg' of plugin acme-seg: 'load_pretraind' is not in the contract of a backbone. "
        "Did you mean 'load_pretrained'?"
    ]
