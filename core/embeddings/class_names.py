"""Names of classes: spellings, alternatives, generic names, and which names are equal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ._phrases import normalized

VAGUE = frozenset(
    ("background", "misc", "miscellaneous", "other", "others", "unknown", "unlabeled", "unlabelled")
)
"""Catch-all names, whose meaning depends on the other classes: never matched by meaning."""

_SEPARATORS = re.compile(r"\s*[,;/]\s*")


def alternatives(name: str) -> list[str]:
    """Return the names that a name lists, separated by commas, semicolons or slashes."""
    return [part for part in _SEPARATORS.split(name.strip()) if part] or [name]


def spellings(name: str) -> set[str]:
    """Return the `plain_name` of a name and of each of its alternatives."""
    return {plain_name(name), *map(plain_name, alternatives(name))}


def plain_name(name: str) -> str:
    """Return the letters and digits of a name in lowercase: ``TrafficLight``, ``traffic light``.

    Both become ``trafficlight``. Accents may be composed or decomposed. A name
    without letters and digits is returned unchanged.
    """
    return "".join(re.findall(r"[^\W_]+", normalized(name.casefold()))) or name


def is_vague(name: str) -> bool:
    """Return whether a name has only catch-all alternatives."""
    return all(plain_name(each) in VAGUE for each in alternatives(name))


def equal_names(
    sources: Sequence[str], targets: Sequence[str], *, one_to_one: bool
) -> dict[str, str]:
    """Return the target of each source with an equal name.

    Identical names match first, then those that differ in spelling, then equal alternatives.
    """
    found = {name: name for name in sources if name in targets}
    for forms in (_whole, _each):
        table = _by_spelling(
            [t for t in targets if not (one_to_one and t in found.values())], forms
        )
        for source in (name for name in sources if name not in found):
            target = next((table[form] for form in forms(source) if form in table), None)
            if target is not None:
                found[source] = target
                if one_to_one:
                    table = {form: name for form, name in table.items() if name != target}
    return found


def _whole(name: str) -> list[str]:
    return [plain_name(name)]


def _each(name: str) -> list[str]:
    return [plain_name(each) for each in alternatives(name)]


def _by_spelling(targets: Sequence[str], forms: Callable[[str], list[str]]) -> dict[str, str]:
    """Return the target of each spelling; what a target lists first counts before the rest."""
    ranked = [(rank, form, name) for name in targets for rank, form in enumerate(forms(name))]
    table: dict[str, str] = {}
    for _, form, name in sorted(ranked, key=lambda each: each[0]):
        table.setdefault(form, name)
    return table
