"""The JSON Schema matches the loader and lists all installed components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import Problems
from pluxel.registry import Component, Host, hookimpl


def read(text: str) -> Any:
    problems = Problems()
    tree = parse(text, lambda line, column: Location("f", line, column), problems)
    problems.stop_if_any()
    assert tree
    return plain(tree)


@pytest.fixture(scope="module")
def schema(host: Host) -> dict[str, Any]:
    return config_schema(host)


@pytest.fixture(scope="module")
def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema)


def test_the_schema_is_valid(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_lists_every_component(schema: dict[str, Any]) -> None:
    offered, others, _, _ = schema["$defs"]["decoder"]["anyOf"]
    assert offered["enum"] == ["bare", "fcn16s", "fcn8s", "wrap"]
    assert others["pattern"] == ("^(acme-seg/bare|acme-seg/fcn16s|acme-seg/fcn8s|acme-seg/wrap)$")
    dice = schema["$defs"]["loss.acme-seg.dice"]
    assert dice["description"] == "The dice."
    assert dice["properties"]["smooth"]["default"] == 1.0
    assert dice["additionalProperties"] is False


def test_sections_are_described(schema: dict[str, Any]) -> None:
    training = schema["$defs"]["PhasedTrainingConfig"]["properties"]
    for name, value in training.items():
        assert value.get("description"), name


VALID = [
    "seed: 3",
    "seed: ${training.steps}",
    "seed: ${env:SEED,3}",
    "training: null",
    "training: {optimizer: adamw}",
    "training: {optimizer: {lr: 1}}",
    "training: {optimizer: {type: sgd, lr: '${x}'}, schedule: {type: poly, power: 1}}",
    "training: {early_stop: {patience: 2}, groups: [{match: x, frozen: true}]}",
    "augment: {train: [HorizontalFlip, {RandomCrop: {height: 3, width: 3}}]}",
    "labels: {map: {0: road, '#ff0000': ignore}, palette: {road: [1, 2, 3]}}",
    "pluxel: {version: 0.1.0, providers: {acme-seg: 1.2, other: null}}",
]
INVALID = [
    "sede: 3",
    "seed: three",
    "seed: -1",
    "training: {stepz: 3}",
    "training: {optimizer: lion}",
    "training: {optimizer: {type: adamw, momentum: 1}}",
    "training: {schedule: {type: constant, power: 1}}",
    "training: {groups: [{matsch: x}]}",
    "labels: {maps: {}}",
    "splits: {train: 3}",
    "augment: {val: [HorizontalFlip]}",
]


@pytest.mark.parametrize("section", VALID)
def test_configurations_that_load_are_valid(
    validator: Draft202012Validator, small: str, section: str
) -> None:
    validator.validate(read(f"{small}{section}\n"))


@pytest.mark.parametrize("section", INVALID)
def test_configurations_that_do_not_load_are_invalid(
    validator: Draft202012Validator, small: str, section: str
) -> None:
    assert not validator.is_valid(read(f"{small}{section}\n"))


@pytest.mark.parametrize(
    ("loss", "valid"),
    [
        ("dice", True),
        ("acme-seg/dice", True),
        ("{type: dice, smooth: 3}", True),
        ("{type: dice, smooth: '${x}'}", True),
        ("{type: '${x}', anything: 1}", True),
        ("{type: sum, terms: [dice, {type: dice}, {loss: {type: dice, smooth: 1}}]}", True),
        ("{type: typed, color: red, pair: [1, 2], options: {beta-decay: 3}, size: [1, 2]}", True),
        ("dicee", False),
        ("fcn8s", False),
        ("5", False),
        ("{type: dicee}", False),
        ("{type: dice, smoth: 3}", False),
        ("{type: dice, smooth: x}", False),
        ("{type: sum, terms: [dicee]}", False),
        ("{type: sum, terms: [{type: dice, smoth: 1}]}", False),
        ("{type: typed, color: green}", False),
    ],
)
def test_components_are_validated(
    validator: Draft202012Validator, small: str, loss: str, valid: bool
) -> None:
    assert validator.is_valid(read(small.replace("cross_entropy", loss))) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("backbone: vgg\n", False),
        ("base: x.yaml\ndecoder: {dropout: 0.1}\n", True),
        ("base: [x.yaml, y.yaml]\ndecoder: {dropout: 0.1}\n", True),
        ("base: x.yaml\ntrainig: {}\n", False),
        (
            "streams: {image: {backbone: vgg}}\nheads: {a: {decoder: fcn8s, loss: dice}}\n"
            "dataset: shapes\n",
            True,
        ),
        (
            "streams: {image: {backbone: fcn8s}}\nheads: {a: {decoder: fcn8s, loss: dice}}\n"
            "dataset: shapes\n",
            False,
        ),
    ],
)
def test_forms(validator: Draft202012Validator, text: str, valid: bool) -> None:
    assert validator.is_valid(read(text)) is valid


def test_a_broken_component_does_not_affect_others(acme: Any, small: str, monkeypatch: Any) -> None:
    class Half:
        @hookimpl
        def pluxel_losses(self) -> list[Component]:
            return [
                Component("gone", target="no_such_module:Gone", summary="Not importable."),
                Component("dice", target="fake_seg:Dice", summary="Of the same name."),
                Component("greedy", target="fake_seg:greedy", summary="Takes anything."),
                Component("caller", target="fake_seg:caller", summary="Wants a function."),
            ]

    def greedy(**options: int) -> None: ...

    def caller(*, function: Callable[[], int]) -> None: ...

    monkeypatch.setattr(acme, "greedy", greedy, raising=False)
    monkeypatch.setattr(acme, "caller", caller, raising=False)
    validator = Draft202012Validator(
        config_schema(Host(plugins={"acme-seg": acme, "half": Half()}))
    )
    Draft202012Validator.check_schema(validator.schema)
    for loss, valid in {
        "gone": True,
        "{type: gone, whatever: 1}": True,
        "{type: half/greedy, whatever: 1}": True,
        "{type: caller}": True,
        "{type: typed, color: green}": False,
        "dice": False,  # ambiguous now
        "half/dice": True,
    }.items():
        assert validator.is_valid(read(small.replace("cross_entropy", loss))) is valid, loss


def test_a_dump_is_valid(load: Any, small: str, validator: Draft202012Validator) -> None:
    for more in ((), ("heads.semantic.weight=2", "training.optimizer={type: sgd, lr: 1}")):
        validator.validate(read(load(small, *more).dump()))
