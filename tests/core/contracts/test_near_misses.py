"""Find class members that resemble the contract but do not fulfill it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest
from pluxel import plugins
from pluxel.core.contracts.near_misses import near_misses
from pluxel.core.contracts.table import CONTRACTS
from pluxel.registry import KINDS, Host
from torch import Tensor, nn

EXAMPLES = Path(__file__).parents[3] / "examples"
HOST = Host(plugins=[plugins])
BUILT_IN = [(kind, one.name) for kind in KINDS for one in HOST.components(kind)]


class Misspelled(nn.Module):
    """Members that an author may have meant to offer."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_specs = []
        self.normalisation = None
        self.minimum_sizes = 32
        self.loadPretrained = None

    def load_pretraind(self) -> None: ...
    def check_pretrained_(self) -> None: ...


def test_misspelled_members_of_a_backbone() -> None:
    assert near_misses("backbone", Misspelled) == (
        "'check_pretrained_' is not in the contract of a backbone. "
        "Did you mean 'check_pretrained'?",
        "'load_pretraind' is not in the contract of a backbone. Did you mean 'load_pretrained'?",
        "'minimum_sizes' is not in the contract of a backbone. Did you mean 'minimum_size'?",
        "'normalisation' is not in the contract of a backbone. Did you mean 'normalization'?",
    )


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
    assert [*near_misses(kind, target)] == found


class Fine(nn.Module):
    """Members that resemble the contract but have another purpose."""

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.name = self.term = "fine"
        self._per_pixel = None

    def normalizes(self, target: Tensor) -> Tensor: ...


@pytest.mark.parametrize("kind", KINDS)
def test_members_with_another_purpose_are_accepted(kind: str) -> None:
    assert near_misses(kind, Fine) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_modules_are_not_misspellings(kind: str) -> None:
    assert near_misses(kind, nn.Module) == near_misses(kind, nn.Transformer) == ()


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_built_in_components_have_no_near_misses(kind: str, name: str) -> None:
    assert near_misses(kind, HOST.load(HOST.get(kind, name))) == ()


@pytest.mark.parametrize("make", [lambda: None, Callable])
def test_functions_are_not_examined(make: object) -> None:
    assert near_misses("loss", make) == ()


def test_every_kind_has_a_contract() -> None:
    assert [*CONTRACTS] == [*KINDS]
    for contract in CONTRACTS.values():
        assert all(protocol.__doc__ for protocol in contract.protocols)
        assert all(member.__doc__ for name, member in contract.members.items() if name[0] != "_")
