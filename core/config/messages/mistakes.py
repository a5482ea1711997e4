"""Lines of a validation error: their paths made sense of, those about one union together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from ..tree.nodes import MapNode, Node, Segment, child
from .annotations import annotation_at, tuple_length
from .faults import OWNED, Owner
from .words import EXTENT, expectation

MISSING = (
    "missing",
    "missing_argument",
    "missing_keyword_only_argument",
    "missing_positional_only_argument",
)


@dataclass(frozen=True)
class Mistake:
    """One line of a validation error, its path told apart from pydantic's marks in it.

    ``path``: keys and indices that lie in the tree (the last may be missing there).
    ``member``: which member of a union it is about, and ``union`` how far up that union lies.
    ``depth``: where in ``path`` the parameters of ``owner`` begin.
    """

    kind: str
    path: tuple[Segment, ...]
    message: str
    context: Mapping[str, Any]
    owner: Owner
    depth: int
    member: str = ""
    union: int = -1

    @property
    def expected(self) -> str | None:
        """What would have been right, if it is the type or the extent of a value that is wrong."""
        return expectation(self.kind, self.context, self.member)

    @property
    def fits(self) -> bool:
        """Tell whether the value may have been meant for this member of the union."""
        deeper = len(self.path) > self.union
        return deeper or not self.expected or self.kind in EXTENT


def read_mistake(details: ErrorDetails, tree: MapNode, owner: Owner) -> Mistake:
    """Return one line of a validation error; ``owner`` is whose it is, unless the line says so."""
    location, inner = details["loc"], len(details["loc"])
    if details["type"] == OWNED:
        context = details.get("ctx", {})
        details, owner = context["details"], context["owner"]
        inner = len(details["loc"])
    path: list[Segment] = []
    depth, union, member = 0, -1, ""
    node: Node | None = tree
    for number, segment in enumerate(location):
        if number == len(location) - inner:
            depth = len(path)
        following = child(node, segment) if node else None
        is_absent_key = number == len(location) - 1 and details["type"] in MISSING
        if following is not None or is_absent_key:
            path.append(segment)
            node = following
        elif segment != "[key]" and union < 0:
            union, member = len(path), str(segment)
    kind = "key" if location and location[-1] == "[key]" else details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "missing" and isinstance(path[-1], int):  # from a list that becomes a tuple
        kind = "too_few"
        path.pop()
        context = {"length": tuple_length(annotation_at(owner.model, path[depth:])) or "more"}
    return Mistake(kind, tuple(path), details["msg"], context, owner, depth, member, union)


def by_union(mistakes: Sequence[Mistake]) -> Iterator[list[Mistake]]:
    """Yield single mistakes, and together those about the members of one union."""
    unions: dict[tuple[Segment, ...], list[Mistake]] = {}
    for mistake in mistakes:
        if mistake.union < 0:
            yield [mistake]
        else:
            unions.setdefault(mistake.path[: mistake.union], []).append(mistake)
    for group in unions.values():
        yield from _narrow(group)


def _narrow(group: list[Mistake]) -> Iterator[list[Mistake]]:
    """Keep the member that the value was meant to be, where its shape tells."""
    members: dict[str, list[Mistake]] = {}
    for mistake in group:
        members.setdefault(mistake.member, []).append(mistake)
    fitting = [found for found in members.values() if all(one.fits for one in found)]
    if fitting:
        for mistake in min(fitting, key=len):
            yield [mistake]
    else:
        yield group
