"""Members of a component's class that the core would not use although they look as if it should.

They are found from the class, without building anything: a misspelt optional member would be left
out in silence, and one of another form would fail in the middle of a training.
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
"""Packages whose classes have members for other purposes."""

_INSIDE = ("__func__", "fget", "func")
"""Where class methods, properties and cached properties keep their function."""

_LIKE = 0.9
"""Similarity of two names, from which on one is taken for the other misspelt."""


@lru_cache(maxsize=1024)
def near_misses(kind: str, target: object) -> tuple[str, ...]:
    """Return what is odd about the members of a component's class, a sentence each.

    That is: public members whose name is nearly one of the contract's, and members of the contract
    that are written as something else than the core takes them for. Of a function that makes the
    component, nothing is known.
    """
    if not inspect.isclass(target):
        return ()
    found = (_wrong_form(target, *one) for one in CONTRACTS[kind].members.items())
    return (*filter(None, found), *_misspelt(kind, target))


def _wrong_form(target: type, name: str, member: Any) -> str | None:
    """Return what is wrong with a member of a class that the contract has too, or None."""
    own = inspect.getattr_static(target, name, None)
    if own is None or _is_special(name):
        return None
    if not _is_method(member):
        if _is_method(own):
            return f"'{name}' is a method, and the contract reads it as an attribute or a property"
        return None
    if not callable(value := getattr(target, name)):
        plain = not hasattr(type(own), "__get__")  # of a property, only the instance has the value
        return f"'{name}' is not a method, and the contract calls it" if plain else None
    asked = member.__func__ if isinstance(member, classmethod) else member
    given = [*inspect.signature(asked).parameters][1:]
    of_instance = isinstance(member, FunctionType) and isinstance(own, FunctionType)
    try:
        inspect.signature(value).bind(*([None] if of_instance else []), *given)
    except TypeError:
        receiver = "the class" if isinstance(member, classmethod) else "an instance"
        call = f"{name}({', '.join(given)})"
        own_call = f"{name}({', '.join(inspect.signature(value).parameters)})"
        return f"'{own_call}' cannot be called on {receiver} as {call}"
    except ValueError:  # a signature that is not known
        pass
    return None


def _misspelt(kind: str, target: type) -> Iterator[str]:
    own = [one for one in target.__mro__ if one.__module__.partition(".")[0] not in _FOREIGN]
    mentioned = {name for one in own for name in _mentioned(one)}
    members = CONTRACTS[kind].members
    absent = {name for name in members if not hasattr(target, name) and name not in mentioned}
    # `normalize` alone is not meant as one half of a contract of two members.
    wanted = [
        name
        for contract in CONTRACTS[kind].protocols
        for names in [members_of(contract)]
        if len(names) == 1 or not absent.issuperset(names)
        for name in absent.intersection(names)
    ]
    others = [name for name in mentioned if not name.startswith("_") and name not in members]
    pairs = [(other, name) for name in wanted for other in others if _are_alike(other, name)]
    if not pairs:
        return  # without a look at the source
    methods = {name for one in own for name in vars(one)}
    written = methods | {name for one in own for name in _assigned(one)}
    for other, name in sorted(pairs):
        if other in (methods if _is_method(members[name]) else written):
            noun = article(kind)
            yield f"'{other}' is not in the contract of {noun}. Did you mean '{name}'?"


def _is_method(member: object) -> bool:
    return isinstance(member, FunctionType | classmethod | staticmethod)


def _is_special(name: str) -> bool:
    return name.startswith("__")  # classes inherit these, `nn.Module` for any arguments


def _are_alike(near: str, name: str) -> bool:
    if len(name) < 5 or (len(name) < 9 and f"{near}s" == name):  # one name of a list of names
        return False
    return SequenceMatcher(None, near.lower(), name).ratio() >= _LIKE


def _mentioned(one: type) -> Iterator[str]:
    """Yield every name that could be a member: of the class, and used in one of its methods."""
    yield from (*vars(one), *inspect.get_annotations(one))
    for member in vars(one).values():
        for function in (member, *(getattr(member, name, None) for name in _INSIDE)):
            if isinstance(function, FunctionType):
                yield from function.__code__.co_names


def _assigned(one: type) -> Iterator[str]:
    """Yield the names that a class declares for its instances or assigns to them."""
    yield from inspect.get_annotations(one)
    try:
        tree = ast.parse(dedent(inspect.getsource(one)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                yield node.attr
