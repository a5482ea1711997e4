"""The exact text of every error in the name or parameters of a component."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pluxel.registry import Component, Host, hookimpl

from .complaints import complaints


@pytest.mark.parametrize(
    ("loss", "messages"),
    [
        (
            "{type: dice, ^smoth: 1}",
            ["loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?"],
        ),
        ("{type: dice, smooth: ^x}", ["loss.smooth: expected a number, not 'x'"]),
        ("{type: dice, ^zzz: 1}", ["loss 'dice' has no parameter 'zzz'. Known keys: smooth"]),
        (
            "{type: dice, ^num_classes: 4}",
            ["loss 'dice' receives 'num_classes' from Pluxel: delete it"],
        ),
        ("^dicee", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        ("^fcn8s", ["unknown loss 'fcn8s'. There is a decoder with that name"]),
        ("^{smooth: 1}", ["this loss has no name: add 'type: …'"]),
        ("^{}", ["this loss has no name: add 'type: …'"]),
        ("{^type: [dice]}", ["'type' must be the name of a loss, not [\"dice\"]"]),
        ("^5", ["loss: expected the name of a loss or a mapping with its 'type', not 5"]),
        ("^sum", ["loss 'sum' needs the parameter 'terms'"]),
        # types of a signature
        ("{type: typed, color: ^green}", ["loss.color: expected 'red' or 'blue', not 'green'"]),
        ("{type: typed, names: ^x}", ["loss.names: expected a list, not 'x': write [x]"]),
        (
            "{type: typed, options: {^alpa: 1}}",
            ["unknown key 'alpa' in loss.options. Did you mean 'alpha'?"],
        ),
        (
            "{type: typed, options: {beta-decay: ^x}}",
            ["loss.options.beta-decay: expected a whole number, not 'x'"],
        ),
        (
            "{type: typed, tree: {left: {left: {^lef: {}}}}}",
            ["unknown key 'lef' in loss.tree.left.left. Did you mean 'left'?"],
        ),
        (
            "{type: typed, tree: {^zzz: 1}}",
            ["unknown key 'zzz' in loss.tree. Known keys: leaf, left"],
        ),
        ("{type: typed, term: ^{}}", ["missing 'loss' in loss.term"]),
        ("{type: typed, table: {a: [^x]}}", ["loss.table.a.0: expected a whole number, not 'x'"]),
        ("{type: typed, size: ^big}", ["loss.size: expected a whole number or a list, not 'big'"]),
        ("{type: typed, size: ^[1]}", ["loss.size: expected 2 items, not a list of length 1"]),
        ("{type: typed, text: ^1.0}", ['loss.text: expected text, not 1.0: write "1.0" in quotes']),
        (
            "{type: cross_entropy, weights: ^aut}",
            ["loss.weights: expected 'auto' or a list, not 'aut'. Did you mean 'auto'?"],
        ),
        ("{type: cross_entropy, weights: [^a]}", ["loss.weights.0: expected a number, not 'a'"]),
        # unions of a component and another type
        (
            "{type: sum, terms: [{type: dice, ^smoth: 1}]}",
            ["loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?"],
        ),
        ("{type: sum, terms: [{loss: ^dicee}]}", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        ("{type: sum, terms: [^dicee]}", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        (
            "{type: sum, terms: [{loss: dice, ^wieght: 1}, ^5]}",
            [
                "unknown key 'wieght' in loss.terms.0. Did you mean 'weight'?",
                "loss.terms.1: expected the name of a loss or a mapping with its 'type' or a "
                "mapping, not 5",
            ],
        ),
    ],
)
def test_component_errors(load: Any, small: str, loss: str, messages: list[str]) -> None:
    """A caret marks the location of each message."""
    columns = [7 + found.start() - n for n, found in enumerate(re.finditer(r"\^", loss))]
    text = small.replace("cross_entropy", loss.replace("^", ""))
    assert complaints(load, text) == [
        f"x.yaml:4:{column}: {message}" for column, message in zip(columns, messages, strict=True)
    ]


def test_examples_of_the_documentation(acme: Any, load: Any, host: Host) -> None:
    """Errors of a component point at its key ``type``, errors of a key at the key."""

    class Broken:
        @hookimpl
        def pluxel_decoders(self) -> list[Component]:
            raise ModuleNotFoundError("No module named 'torchh'")

    text = """\
        backbone:
          type: vgg

        decoder:
          type: fcn8

        loss:
          type: dice
          smoth: 1
        dataset: shapes
        """
    host = Host(plugins={"acme-seg": acme, "broken-seg": Broken()})
    assert complaints(load, text, host=host) == [
        "x.yaml:5:3: unknown decoder 'fcn8'. Did you mean 'fcn8s'?",
        "  note: plugin broken-seg (ModuleNotFoundError: No module named 'torchh') failed to load "
        "and may provide it",
        "x.yaml:9:3: loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?",
    ]


def test_a_plugin_with_an_invalid_signature_is_named(
    load: Any, small: str, monkeypatch: Any, acme: Any
) -> None:
    class Greedy:
        def __init__(self, num_classes: int, **options: int) -> None: ...

    monkeypatch.setattr(acme, "Dice", Greedy)
    assert complaints(load, small.replace("cross_entropy", "dice")) == [
        "x.yaml:4:7: loss 'dice' of plugin acme-seg cannot be used: **options hides its "
        "parameters: declare each one, or one mapping 'options: dict'"
    ]


def test_an_import_error_is_reported(load: Any, small: str, monkeypatch: Any, acme: Any) -> None:
    monkeypatch.delattr(acme, "Dice")
    (message,) = complaints(load, small.replace("cross_entropy", "dice"))
    assert message.startswith("x.yaml:4:7: ")
    assert "acme-seg" in message


def test_only_named_components_are_imported(
    load: Any, small: str, monkeypatch: Any, acme: Any
) -> None:
    monkeypatch.delattr(acme, "Dice")
    assert load(small).pipeline.seed == 0
