"""Parse the lines of a validation error and group those about the same union."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from ...contracts.annotations import annotation_at, tuple_length
from ..tree.nodes import MapNode, Node, Segment, child
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
    """One line of a validation error, its path separated from pydantic's markers.

    ``path``: keys and indices in the tree (the last may be absent from it).
    ``member``: the member of the union that the line is about; ``union``: length of the path to
    that union, -1 if there is none.
    ``depth``: index in ``path`` at which the parameters of ``owner`` begin.
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
        """The expected type or range of the value, if that is what is wrong."""
        return expectation(self.kind, self.context, self.member)

    @property
    def fits(self) -> bool:
        """Whether the value may be intended for this member of the union."""
        deeper = len(self.path) > self.union
        return deeper or not self.expected or self.kind in EXTENT


def read_mistake(details: ErrorDetails, tree: MapNode, owner: Owner) -> Mistake:
    """Parse one line of a validation error; ``owner`` applies unless the line names its own."""
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
    """Yield each mistake on its own, but group those about members of the same union."""
    unions: dict[tuple[Segment, ...], list[Mistake]] = {}
    for mistake in mistakes:
        if mistake.union < 0:
            yield [mistake]
        else:
            unions.setdefault(mistake.path[: mistake.union], []).append(mistake)
    for group in unions.values():
        yield from _narrow(group)


def _narrow(group: list[Mistake]) -> Iterator[list[Mistake]]:
    """Keep only the member for which the shape of the value fits, if there is one."""
    members: dict[str, list[Mistake]] = {}
    for mistake in group:
        members.setdefault(mistake.member, []).append(mistake)
    fitting = [lines for lines in members.values() if all(line.fits for line in lines)]
    if fitting:
        for mistake in min(fitting, key=len):
            yield [mistake]
    else:
        yield group
