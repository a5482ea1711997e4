"""Find the places of a configuration at which a word names a component, for merging."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ....registry import Host, PluxelError
from ...contracts.annotations import alternatives, annotation_at, keys_of
from ...contracts.signature import Signature, read_signature
from ..tree.nodes import MapNode, Node, ScalarNode
from .choice import Choice
from .factory import Factory, kind_of
from .pipeline import PipelineConfig


def root_place(host: Host) -> AnnotatedPlace:
    """Return the place of a whole configuration: of a pipeline or of word vectors."""
    return AnnotatedPlace(host, lambda: _WholeFile)


class _WholeFile:
    """Stands for the annotation of a whole file, whose keys tell what it describes."""


@dataclass(frozen=True)
class AnnotatedPlace:
    """The place of a value with a type annotation, which is read only if merging depends on it.

    Reading it may import the component whose parameter this is.
    """

    host: Host
    read: Callable[[], Any]

    @cached_property
    def annotation(self) -> Any:
        """The annotation, or Any if it is unknown."""
        return self.read()

    @property
    def is_named(self) -> bool:
        """Whether a word here names a component, an optimizer or a schedule."""
        return self.kind is not None or self._choice is not None

    @cached_property
    def kind(self) -> str | None:
        """The kind of the components that this place takes."""
        written = _written(self.annotation)
        return next((kind_of(one) for one in written if typing.get_origin(one) is Factory), None)

    @cached_property
    def _choice(self) -> Choice | None:
        return next((one for one in _metadata(self.annotation) if isinstance(one, Choice)), None)

    def are_same(self, one: str, other: str) -> bool:
        """Return whether two names refer to the same component, by any of its names."""
        return one == other or self._identity(one) == self._identity(other)

    def _identity(self, name: str) -> object:
        """Return the component with this name, or the name itself if there is none."""
        owners = self.host.owners(self.kind, name) if self.kind else ()
        # A bare name refers to its only provider; an ambiguous name is reported later.
        return owners[0] if len(owners) == 1 else name.rpartition("/")[2]

    def inside(self, key: str, *mappings: Node | None) -> AnnotatedPlace:
        """Return the place of a key; the first of ``mappings`` with a ``type`` decides about it."""
        return AnnotatedPlace(self.host, lambda: self._step(key, mappings))

    def _step(self, key: str, mappings: tuple[Node | None, ...]) -> Any:
        if self.annotation is _WholeFile:
            return _section(key)
        if self.is_named:
            named = (one.get("type") for one in mappings if isinstance(one, MapNode))
            name = next((str(one.value) for one in named if isinstance(one, ScalarNode)), "")
            return (keys_of(self._parameters(name)) or {}).get(key, Any)
        items = [int(key)] if key.isdecimal() else []
        found = [annotation_at(self.annotation, [step]) for step in (key, *items)]
        return next((one for one in found if one is not Any), Any)

    def _parameters(self, name: str) -> type[BaseModel] | None:
        if self._choice:
            return self._choice.models(self.annotation).get(name or self._choice.default)
        signature = self.signature(name)
        return signature and signature.parameters

    def signature(self, name: str) -> Signature | None:
        """Return the signature of a component that this place takes, or None if there is none."""
        if self.kind is None:
            return None
        try:
            component = self.host.get(self.kind, name)
            return read_signature(self.kind, component, self.host.load(component))
        except PluxelError:  # validation reports it
            return None


def _section(key: str) -> Any:
    if found := (keys_of(PipelineConfig) or {}).get(key):
        return found
    # This imports neighbor search, which pipelines do not need.
    from .embedding import EmbeddingConfig  # noqa: PLC0415

    return (keys_of(EmbeddingConfig) or {}).get(key, Any)


def _metadata(annotation: Any) -> Iterator[Any]:
    """Yield what annotates a type and the members of a union."""
    if typing.get_origin(annotation) is Annotated:
        inner, *metadata = typing.get_args(annotation)
        yield from metadata
        yield from _metadata(inner)
    for member in alternatives(annotation):
        if member is not annotation and typing.get_origin(annotation) is not Annotated:
            yield from _metadata(member)


def _written(annotation: Any) -> Iterator[Any]:
    """Yield the types of the values that YAML may contain; a validator may accept more."""
    yield from alternatives(annotation)
    for validator in _metadata(annotation):
        accepted = getattr(validator, "json_schema_input_type", PydanticUndefined)
        if accepted is not PydanticUndefined:
            yield from alternatives(accepted)
