"""Published weights, as a file holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

State = Mapping[str, Tensor]
"""Tensors by the names of published files, such as ``conv1_1.weight``."""


@dataclass(frozen=True)
class ForeignWeights:
    """Weights as published: their ``file``, the tensors, and what the file does not say.

    ``name``: of the network or of the file, which may say that it was trained at once. ``at_once``:
    whether it was, which scales the skips of FCN-8s; None: as the layers say, or else the name.
    ``hha``: whether the only input is HHA, not color; None: as the names of the network and
    of the file say, and otherwise color.
    """

    file: Path
    state: State
    name: str
    at_once: bool | None = None
    hha: bool | None = None

    @property
    def is_at_once(self) -> bool:
        """Whether the skips are scaled, in files without layers for that."""
        if self.at_once is not None:
            return self.at_once
        return re.search("at[-_]?once", self.name, re.IGNORECASE) is not None

    @property
    def sees_hha(self) -> bool:
        """Whether the only input is HHA."""
        return self.hha if self.hha is not None else self._named_inputs() == {"hha"}

    @property
    def says_its_input(self) -> bool:
        """Whether the user or a name says what the only input is."""
        return self.hha is not None or len(self._named_inputs()) == 1

    def _named_inputs(self) -> set[str]:
        return {*re.findall("hha|color", f"{self.name} {self.file.name}".lower())}
