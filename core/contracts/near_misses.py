"""Find members of a component's class that resemble the contract but do not fulfill it.

Core would silently ignore a misspelled optional member, so it deserves a warning. A member of the
wrong form would fail in the middle of training, so it is an error. Both checks only examine the
class.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from textwrap import dedent
from types import FunctionType
from typing import Any

from ...registry import article
from .kinds import WIRING
from .offers import members_of
from .table import CONTRACTS

_FOREIGN = {"abc", "builtins", "collections", "torch", "typing"}
"""Packages of base classes whose members serve other purposes."""

_LIKE = 0.85
"""Similarity (0–1) from which a name counts as a misspelling of another."""

_ORDINARY = {"name", "normalize", "paired", "reset_parameters", "term"}
"""Names that resemble members of contracts but have purposes of their own."""


@lru_cache(maxsize=1024)
def near_misses(kind: str, target: type) -> tuple[str, ...]:
    """Return the members of a component's class that fulfill no contract, one sentence each.

    Their names resemble those of the contract, or lack another member that belongs to them. Only
    members that the class or its bases define count, or assign to ``self``. The names of wiring,
    which many classes keep, do not count.
    """
    own = [cls for cls in target.__mro__ if cls.__module__.partition(".")[0] not in _FOREIGN]
    defined = {name for cls in own for name in vars(cls)}
    written = defined.union(*map(_assigned, own))
    members = CONTRACTS[kind].members
    noun = article(kind)
    misspelled = [
        f"'{other}' is not in the contract of {noun}. Did you mean '{name}'?"
        for other in sorted(written - members.keys() - _ORDINARY - {*WIRING[kind]})
        for name in members
        if not (name in written or hasattr(target, name))
        if other in defined or not _is_method(members[name])
        if _are_alike(other, name)
    ]
    incomplete = [
        f"'{present[0]}' has no effect without '{name}'"
        for contract in CONTRACTS[kind].optional
        if (present := [name for name in members_of(contract) if name in written])
        for name in members_of(contract)
        if not (name in written or hasattr(target, name))
    ]
    return (*misspelled, *incomplete)


def wrong_forms(kind: str, target: object) -> list[str]:
    """Return how members of a component's class differ in form from the contract's.

    Such a member is a method in place of an attribute or the reverse, or has other arguments.
    """
    wrong = (_wrong_form(target, *item) for item in CONTRACTS[kind].members.items())
    return [*filter(None, wrong)]


def _wrong_form(target: object, name: str, member: Any) -> str | None:
    """Return how the form of a class's member differs from the contract's, or None."""
    own = inspect.getattr_static(target, name, None)
    # Classes inherit special methods; those of `nn.Module` take any arguments.
    if own is None or name.startswith("__"):
        return None
    if not _is_method(member):
        if _is_method(own):
            return f"'{name}' is a method, but the contract requires an attribute or a property"
        return None
    if not callable(value := getattr(target, name)):
        plain = not hasattr(type(own), "__get__")  # only an instance has the value of a property
        return f"'{name}' is not a method, but the contract requires one" if plain else None
    function = member.__func__ if isinstance(member, classmethod) else member
    given = [*inspect.signature(function).parameters][1:]
    of_instance = isinstance(member, FunctionType) and isinstance(own, FunctionType)
    try:
        inspect.signature(value).bind(*([None] if of_instance else []), *given)
    except TypeError:
        receiver = "the class" if isinstance(member, classmethod) else "an instance"
        call = f"{name}({', '.join(given)})"
        own_call = f"{name}({', '.join(inspect.signature(value).parameters)})"
        return f"'{own_call}' cannot be called on {receiver} as {call}"
    except ValueError:  # the signature is unknown
        pass
    return None


def _is_method(member: object) -> bool:
    return isinstance(member, FunctionType | classmethod | staticmethod)


def _are_alike(near: str, name: str) -> bool:
    """Compare two names; neither private ones nor short ones count."""
    if near.startswith("_") or len(name) < 5:
        return False
    return SequenceMatcher(None, near.lower(), name).ratio() >= _LIKE


def _assigned(cls: type) -> Iterator[str]:
    """Yield the names that a class declares for its instances or assigns to them."""
    yield from inspect.get_annotations(cls)
    try:
        tree = ast.parse(dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                yield node.attr
