"""A page for each kind of component: what it must and may offer, and the built-in ones."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from _tables import NOTE, fields, models_in, paragraphs, parameter_table, table
from pluxel.core.cli._parameters import parameters_of
from pluxel.core.conformance import checks_of
from pluxel.core.contracts.kinds import WIRING
from pluxel.core.contracts.offers import members_of
from pluxel.core.contracts.signature import read_signature
from pluxel.core.contracts.table import CONTRACTS
from pluxel.registry import KINDS, Component, Host
from pydantic import BaseModel

GUIDES = {
    "backbone": "[Backbones](../backbones.md)",
    "decoder": "[Decoders](../decoders.md) and [Dense prediction](../dense.md)",
    "loss": "[Losses](../losses.md)",
    "dataset": "[Data and labels](../data.md)",
    "embedding": "[Word vectors](../embeddings.md)",
    "metric": "[Metrics](../metrics.md)",
    "tracker": "[Trackers](../trackers.md)",
}
PLURALS = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}


def kind_page(kind: str, host: Host) -> str:
    """Return the page of a kind."""
    heading = PLURALS[kind].capitalize()
    article = "an" if kind == "embedding" else "a"
    head = f"""\
# Reference: {PLURALS[kind]}

{NOTE}
{GUIDES[kind]} explain{"s" if " and " not in GUIDES[kind] else ""} how to use them. [Write a
plugin](../write_a_plugin.md) explains how to add one, which the hook `{KINDS[kind]}` registers.

## What {article} {kind} offers
"""
    contract = "\n".join(_contract(kind))
    components = "\n".join(
        line for one in host.components(kind) for line in _component(kind, one, host)
    )
    checks = "\n".join(_checks(kind))
    return f"{head}\n{contract}\n{checks}\n## {heading} that come with Pluxel\n\n{components}"


def _contract(kind: str) -> Iterator[str]:
    contract = CONTRACTS[kind]
    yield paragraphs(contract.required.__doc__ or "") + "\n"
    yield f"Wiring: {', '.join(f'`{name}`' for name in WIRING[kind]) or 'none'}.\n"
    required = members_of(contract.required).items()
    yield from table(
        ["required", ""],
        ((f"`{_written(name, m)}`", inspect.getdoc(m) or "") for name, m in required),
    )
    yield from table(["optional", "protocol", ""], _optional(kind))


def _optional(kind: str) -> Iterator[tuple[str, str, str]]:
    for protocol in CONTRACTS[kind].optional:
        about = inspect.getdoc(protocol) or ""
        for name, member in members_of(protocol).items():
            text = f"{about} {inspect.getdoc(member) or ''}"
            yield f"`{_written(name, member)}`", f"`{protocol.__name__}`", text
            about = ""


def _written(name: str, member: Any) -> str:
    if isinstance(member, property):
        return name
    function = member.__func__ if isinstance(member, classmethod) else member
    arguments = ", ".join([*inspect.signature(function).parameters][1:])
    return f"{'classmethod ' if isinstance(member, classmethod) else ''}{name}({arguments})"


def _checks(kind: str) -> Iterator[str]:
    yield "## What the conformance kit checks\n"
    yield (
        paragraphs(
            "[Write a plugin](../write_a_plugin.md#tests) explains how to run the kit. The names "
            "of the checks are those in `expected_failures` and in `--check`."
        )
        + "\n"
    )
    yield from table(["check", ""], ((f"`{n}`", c.summary) for n, c in checks_of(kind).items()))


def _component(kind: str, component: Component, host: Host) -> Iterator[str]:
    yield f"### `{component.name}`\n"
    yield paragraphs(component.summary) + "\n"
    signature = read_signature(kind, component, host.load(component))
    rows = [(p.key, p.type, p.default, p.description) for p in parameters_of(signature)]
    yield from parameter_table(rows)
    if not rows:
        yield "It has no parameters.\n"
    seen: list[type[BaseModel]] = []
    for field in signature.parameters.model_fields.values():
        for model in models_in(field.annotation):
            if model not in seen:
                seen.append(model)
                yield paragraphs(f"Keys of `{model.__name__}`: {_first(model)}") + "\n"
                yield from parameter_table(fields(model))


def _first(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0]
