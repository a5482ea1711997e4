"""Downloadable vectors that the installed plugins offer, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...registry import Component, Host, PluxelError
from ..contracts.offers import offers
from ..contracts.optional import OffersVectors
from ._downloads import Download


class Offered(NamedTuple):
    """Vectors that a component can download; its parameter ``name`` accepts the offer's alias."""

    component: Component
    offer: Download


def offered(host: Host, component: Component | None = None) -> Iterator[Offered]:
    """Yield the downloads that one embedding, or every embedding, offers.

    An embedding offers what its class method ``aliases()`` returns, if it has one. Embeddings that
    cannot be imported are skipped.
    """
    for candidate in [component] if component else host.components("embedding"):
        try:
            loaded = host.load(candidate)
        except PluxelError:
            continue
        if offers(loaded, OffersVectors):
            yield from (Offered(candidate, offer) for offer in loaded.aliases())
