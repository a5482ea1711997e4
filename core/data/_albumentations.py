"""Check which distribution provides ``albumentations``, because licenses differ (ADR 11)."""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import metadata, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from ...registry import PluxelError

ACCEPTED = "PLUXEL_ALBUMENTATIONS"
"""Environment variable that names another distribution whose license the user accepts."""

_OURS = "albumentations"


def check_provider() -> None:
    """Check that the distribution of the same name, or an accepted one, provides the module.

    Raises: PluxelError with the name and license of the other distribution, and two remedies.
    """
    accepted = os.environ.get(ACCEPTED, _OURS)
    others = [name for name in _providers() if name not in (_OURS, accepted)]
    if others:
        other = others[0]
        raise PluxelError(
            f"the module 'albumentations' comes from {other} {version(other)} "
            f"({_license(other)}), not from albumentations (MIT)",
            [
                f"to use albumentations: pip uninstall -y {other} && "
                "pip install --force-reinstall --no-deps albumentations",
                f"to use {other} under its license: set {ACCEPTED}={other}",
            ],
        )


@cache
def _providers() -> tuple[str, ...]:
    """Return the installed distributions that provide the module; empty for a plain folder."""
    spec = find_spec("albumentations")
    if spec is None or spec.origin is None:
        return ()
    site = Path(spec.origin).parents[1]
    # Fast path: reading the files of all distributions takes a third of a second.
    if [path.name.partition("-")[0] for path in site.glob(f"{_OURS}*.dist-info")] == [_OURS]:
        return (_OURS,)
    return tuple(sorted(set(packages_distributions().get("albumentations", ()))))


def _license(distribution: str) -> str:
    found = metadata(distribution)
    text = found["License-Expression"] or found["License"] or "unknown license"
    return text.strip().partition("\n")[0]
