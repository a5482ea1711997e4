"""Find class members that resemble the contract but do not fulfill it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pluxel import plugins
from pluxel.core.contracts.near_misses import near_misses, wrong_forms
from pluxel.core.contracts.table import CONTRACTS
from pluxel.registry import KINDS, Host, article
from torch import Tensor, nn

EXAMPLES = Path(__file__).parents[3] / "examples"


class Measured:
    pad_multiple = 32


class Backbone(nn.Module):
    """Members that an author may have meant to offer."""

    def __init__(self, measured: Measured) -> None:
        super().__init__()
        self.feature_specs = []
        self.normalisation = None
        self.pad_mutliple = measured.pad_multiple
        self.minimum_sizes = 32
        self.loadPretrained = None

    def load_pretraind(self) -> None: ...
    def check_pretrained_(self) -> None: ...


class Loss(nn.Module):
    def per_pixle(self, logits: Tensor, target: Tensor) -> Tensor: ...
    def normaliser(self, target: Tensor) -> Tensor: ...


class Dataset:
    label = chanels = {}
    endles = True


class Decoder(nn.Module):
    def dense_form(self, stride: int, factor: int) -> list[str]: ...


class Embedding:
    suffix = (".vec",)


@pytest.mark.parametrize(
    ("target", "pairs"),
    [
        (
            Backbone,
            {
                "check_pretrained_": "check_pretrained",
                "load_pretraind": "load_pretrained",
                "minimum_sizes": "minimum_size",
                "normalisation": "normalization",
                "pad_mutliple": "pad_multiple",
            },
        ),
        (Loss, {"normaliser": "normalizer", "per_pixle": "per_pixel"}),
        (Dataset, {"chanels": "channels", "endles": "endless", "label": "labels"}),
        (Decoder, {"dense_form": "dense_forms"}),
        (Embedding, {"suffix": "suffixes"}),
    ],
)
def test_near_misses(target: type, pairs: dict[str, str]) -> None:
    kind = target.__name__.lower()
    assert near_misses(kind, target) == tuple(
        f"'{near}' is not in the contract of {article(kind)}. Did you mean '{name}'?"
        for near, name in pairs.items()
    )


class HalfLoss(nn.Module):
    def per_pixel(self, logits: Tensor, target: Tensor) -> Tensor: ...


class OtherHalf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.normalizer = None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (HalfLoss, "'per_pixel' has no effect without 'normalizer'"),
        (OtherHalf, "'normalizer' has no effect without 'per_pixel'"),
    ],
)
def test_half_of_an_offer_is_reported(target: type, message: str) -> None:
    assert near_misses("loss", target) == (message,)


class WrongForms:
    labels = channels = {}

    def names(self) -> list[str]: ...

    @property
    def endless(self) -> bool: ...

    @cached_property
    def unpaired(self) -> list[Path]: ...


class WrongCalls(nn.Module):
    load_pretrained = True

    def check_pretrained(self, path: Path) -> None: ...

    def adapt_state(self) -> None: ...

    @property
    def inner(self) -> nn.Module: ...


class WrongReceiver:
    def aliases(self) -> list[str]: ...

    @staticmethod
    def sniff(head: bytes, size: int) -> bool: ...


@pytest.mark.parametrize(
    ("kind", "target", "found"),
    [
        (
            "dataset",
            WrongForms,
            ["'names' is a method, but the contract requires an attribute or a property"],
        ),
        (
            "decoder",
            WrongCalls,
            [
                "'load_pretrained' is not a method, but the contract requires one",
                "'check_pretrained(self, path)' cannot be called on an instance as "
                "check_pretrained()",
                "'adapt_state(self)' cannot be called on an instance as adapt_state(state)",
            ],
        ),
        (
            "embedding",
            WrongReceiver,
            [
                "'aliases(self)' cannot be called on the class as aliases()",
                "'sniff(head, size)' cannot be called on the class as sniff(head)",
            ],
        ),
    ],
)
def test_members_of_the_wrong_form(kind: str, target: type, found: list[str]) -> None:
    assert wrong_forms(kind, target) == found


class Fine(nn.Module):
    """Members that resemble the contract but have another purpose."""

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.name = self.term = self.paired = "fine"
        self._per_pixel = None

    def reset_parameters(self) -> None: ...


@pytest.mark.parametrize("kind", KINDS)
def test_members_with_another_purpose_are_accepted(kind: str) -> None:
    assert near_misses(kind, Fine) == ()


def test_wiring_that_a_backbone_keeps_is_not_a_misspelling() -> None:
    class Keeps:
        def __init__(self, in_channels: int) -> None:
            self.in_channels = in_channels
            self.input_chanels = "mean"

    assert near_misses("backbone", Keeps) == (
        "'input_chanels' is not in the contract of a backbone. Did you mean 'input_channels'?",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_modules_are_not_misspellings(kind: str) -> None:
    assert near_misses(kind, nn.Module) == near_misses(kind, nn.Transformer) == ()


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The plugin modules of the example packages, which need not be installed."""
    files = sorted(EXAMPLES.glob("*/*/plugin.py"))
    files = [file for file in files if file.parent.name != "broken_seg"]  # broken on purpose
    names = [f"{file.parent.name}.plugin" for file in files]
    for file in files:
        monkeypatch.syspath_prepend(str(file.parents[1]))
    yield {name.partition(".")[0]: import_module(name) for name in names}
    for name in [*sys.modules]:
        if f"{name.partition('.')[0]}.plugin" in names:
            del sys.modules[name]


def test_components_have_no_near_misses(examples: dict[str, Any]) -> None:
    host = Host({"pluxel": plugins, **examples})
    found = [(kind, one) for kind in KINDS for one in host.components(kind)]
    silent = {"acme_hooks"}  # it offers hooks only
    assert {one.provider for _, one in found} == {"pluxel", *examples} - silent
    for kind, component in found:
        target = host.load(component)
        assert [*near_misses(kind, target), *wrong_forms(kind, target)] == []


def test_every_kind_has_a_contract() -> None:
    assert [*CONTRACTS] == [*KINDS]
    for contract in CONTRACTS.values():
        assert all(protocol.__doc__ for protocol in contract.protocols)
        assert all(member.__doc__ for name, member in contract.members.items() if name[0] != "_")
