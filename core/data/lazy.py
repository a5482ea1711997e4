"""Lazily computed fields of a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class LazyMapping(Mapping[str, T]):
    """A mapping that computes a value at each access, without caching; any name may be a key."""

    def __init__(self, /, **makers: Callable[[], T]) -> None:
        self._makers = makers

    def __getitem__(self, key: str) -> T:
        return self._makers[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
