"""Downloadable vectors that the installed plugins offer, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...registry import Component, Host
from ..contracts.offers import offering
from ..contracts.optional import FindsVectors, OffersVectors
from ._downloads import Download


class Offered(NamedTuple):
    """Vectors that a component can download; its parameter ``name`` accepts the offer's alias."""

    component: Component
    offer: Download


def offered(host: Host) -> Iterator[Offered]:
    """Yield the downloads that the embeddings offer.

    An embedding offers what its class method ``aliases()`` returns, if it has one. Embeddings that
    cannot be imported are skipped.
    """
    for one, made in offering(host, "embedding", OffersVectors):
        yield from (Offered(one, offer) for offer in made.aliases())


def find_offer(host: Host, name: str) -> Offered | None:
    """Return the download with this name, also of those that are too many to list, or None."""
    for one in offered(host):
        if one.offer.alias == name:
            return one
    for component, made in offering(host, "embedding", FindsVectors):
        if offer := made.offer(name):
            return Offered(component, offer)
    return None
