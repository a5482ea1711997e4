"""How the files of an input encode its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Encoding:
    """How files store the values of an input.

    ``scale``: the stored value that stands for 1; by default 255 for uint8, 65535 for uint16 and 1
    for floating point. ``nodata``: the stored value of pixels without data, in addition to the one
    that a file declares.
    """

    scale: float | None = None
    nodata: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Encoding:
        """Return the encoding that ``to_json`` wrote."""
        return cls(**content)


PLAIN = Encoding()
"""The encoding of inputs that declare none."""
