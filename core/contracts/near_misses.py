"""Find members of a component's class that resemble the contract but do not fulfill it.

Core would silently ignore a misspelled optional member, and a member of the wrong form would fail
in the middle of training. The check only examines the class, and builds nothing.
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
from .offers import members_of
from .table import CONTRACTS

_FOREIGN = {"abc", "builtins", "collections", "torch", "typing"}
"""Packages of base classes whose members serve other purposes."""

_INSIDE = ("__func__", "fget", "func")
"""Attributes in which class methods, properties and cached properties store their function."""

_LIKE = 0.9
"""Similarity (0–1) from which a name counts as a misspelling of another."""


@lru_cache(maxsize=1024)
def near_misses(kind: str, target: object) -> tuple[str, ...]:
    """Return the near misses of a component's class, one sentence each.

    A near miss is a public member whose name is almost that of a contract member, or a contract
    member of the wrong form, such as a method in place of an attribute. Factory functions have no
    class to examine, so they give no near misses.
    """
    if not inspect.isclass(target):
        return ()
    wrong = (_wrong_form(target, *item) for item in CONTRACTS[kind].members.items())
    return (*filter(None, wrong), *_misspelled(kind, target))


def _wrong_form(target: type, name: str, member: Any) -> str | None:
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


def _misspelled(kind: str, target: type) -> Iterator[str]:
    own = [cls for cls in target.__mro__ if cls.__module__.partition(".")[0] not in _FOREIGN]
    mentioned = {name for cls in own for name in _mentioned(cls)}
    members = CONTRACTS[kind].members
    absent = {name for name in members if not hasattr(target, name) and name not in mentioned}
    # `normalize` alone is not a misspelled half of a protocol that has two members.
    candidates = [
        name
        for contract in CONTRACTS[kind].protocols
        for names in [members_of(contract)]
        if len(names) == 1 or not absent.issuperset(names)
        for name in absent.intersection(names)
    ]
    others = [name for name in mentioned if not name.startswith("_") and name not in members]
    pairs = [(other, name) for name in candidates for other in others if _are_alike(other, name)]
    if not pairs:
        return  # skip parsing the source
    methods = {name for cls in own for name in vars(cls)}
    written = methods | {name for cls in own for name in _assigned(cls)}
    for other, name in sorted(pairs):
        if other in (methods if _is_method(members[name]) else written):
            noun = article(kind)
            yield f"'{other}' is not in the contract of {noun}. Did you mean '{name}'?"


def _is_method(member: object) -> bool:
    return isinstance(member, FunctionType | classmethod | staticmethod)


def _are_alike(near: str, name: str) -> bool:
    if len(name) < 5 or (len(name) < 9 and f"{near}s" == name):  # `name` is not `names` misspelled
        return False
    return SequenceMatcher(None, near.lower(), name).ratio() >= _LIKE


def _mentioned(cls: type) -> Iterator[str]:
    """Yield every possible member name: attributes of the class, and names that its methods use."""
    yield from (*vars(cls), *inspect.get_annotations(cls))
    for member in vars(cls).values():
        for function in (member, *(getattr(member, name, None) for name in _INSIDE)):
            if isinstance(function, FunctionType):
                yield from function.__code__.co_names


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
