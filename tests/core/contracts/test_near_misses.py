"""Members that look like those of a contract and are not, found from the class alone."""

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


class Misspelt(nn.Module):
    """What an author may have meant to offer."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_specs = []
        self.normalisation = None
        self.minimum_sizes = 32
        self.loadPretrained = None

    def load_pretraind(self) -> None: ...
    def check_pretrained_(self) -> None: ...


def test_misspelt_members_of_a_backbone() -> None:
    assert near_misses("backbone", Misspelt) == (
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
            ["'names' is a method, and the contract reads it as an attribute or a property"],
        ),
        (
            "decoder",
            WrongCalls,
            [
                "'load_pretrained' is not a method, and the contract calls it",
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
def test_members_of_another_form(kind: str, target: type, found: list[str]) -> None:
    assert [*near_misses(kind, target)] == found


class Fine(nn.Module):
    """What resembles the contract and is meant otherwise."""

    def __init__(self, *, normalize: bool = True) -> None:
        super().__init__()
        self.normalize = normalize
        self.name = self.term = "fine"
        self._per_pixel = None

    def normalizes(self, target: Tensor) -> Tensor: ...


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_meant_otherwise(kind: str) -> None:
    assert near_misses(kind, Fine) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_modules_are_not_taken_for_misspelt_ones(kind: str) -> None:
    assert near_misses(kind, nn.Module) == near_misses(kind, nn.Transformer) == ()


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_no_built_in_component_is_suspected(kind: str, name: str) -> None:
    assert near_misses(kind, HOST.load(HOST.get(kind, name))) == ()


@pytest.mark.parametrize("make", [lambda: None, Callable])
def test_of_a_function_nothing_is_known(make: object) -> None:
    assert near_misses("loss", make) == ()


def test_every_kind_has_a_contract() -> None:
    assert [*CONTRACTS] == [*KINDS]
    for contract in CONTRACTS.values():
        assert all(protocol.__doc__ for protocol in contract.protocols)
        assert all(member.__doc__ for name, member in contract.members.items() if name[0] != "_")
