"""Write the public names of Pluxel and their signatures, as they are in the source.

    python tests/public_api.py > tests/public_api.txt

Run it after a change of the public names, and read the difference: a line that disappears or
changes breaks plugins and scripts. docs/versioning.md says what that means for the version.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

ROOMS = (
    *("pluxel", "pluxel.core", "pluxel.core.authoring", "pluxel.core.conformance"),
    "pluxel.registry",
)


def lines() -> Iterator[str]:
    """Yield a line for each name, and one for each public member of a class."""
    for room in ROOMS:
        module = import_module(room)
        for name in sorted(module.__all__):
            yield from described(f"{room}.{name}", getattr(module, name))
    hooks = import_module("pluxel.registry.hookspecs")
    for name in sorted(vars(hooks)):
        if name.startswith("pluxel_"):
            yield from described(f"hook {name}", getattr(hooks, name))


def described(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of a class, a function or a value."""
    if isinstance(value, ModuleType):
        yield f"{name}: module"
    elif isinstance(value, type):
        yield from _class(name, value)
    elif inspect.isfunction(value):
        node = _source(value)
        assert isinstance(node, ast.FunctionDef)
        yield f"{name}{_signature(node)}"
    else:  # its value may change, and how Python represents a type
        plain = isinstance(value, bool | int | str | tuple)
        yield f"{name}: {type(value).__name__ if plain else 'value'}"


def _class(name: str, value: type) -> Iterator[str]:
    node = _source(value)
    assert isinstance(node, ast.ClassDef)
    yield f"class {name}({', '.join(map(ast.unparse, node.bases))})"
    for member in node.body:
        for one in _members(member):
            yield f"  {name}.{one}"


def _members(member: ast.stmt) -> Iterator[str]:
    """Yield the public fields, methods and properties that a class defines."""
    if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
        if not member.target.id.startswith("_"):
            yield f"{member.target.id}: {ast.unparse(member.annotation)}{_default(member.value)}"
    elif isinstance(member, ast.FunctionDef):
        is_special = member.name in ("__init__", "__call__", "__len__", "__getitem__")
        if is_special or not member.name.startswith("_"):
            decorators = {ast.unparse(one) for one in member.decorator_list}
            if decorators & {"property", "cached_property"}:
                yield f"{member.name}: {ast.unparse(member.returns or ast.Constant('?'))}"
            else:
                yield f"{member.name}{_signature(member)}"


def _default(value: ast.expr | None) -> str:
    return "" if value is None else f" = {ast.unparse(value)}"


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def _source(value: Any) -> ast.stmt:
    """Return the definition of a class or a function, without its surroundings."""
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(value))).body[0]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")
