"""Event files for TensorBoard (Abadi et al. 2016), by the writer of PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import TrackedEnd
from ._package import require_package

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class TensorBoard:
    """Write event files into the folder ``tensorboard`` of the run directory.

    ``tensorboard --logdir runs`` shows all runs. After a resume, TensorBoard hides what was tracked
    after the checkpoint. The configuration and the results are texts.
    """

    _writer: SummaryWriter

    def __init__(self) -> None:
        require_package("tensorboard")

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        """Open an event file; delete those of an earlier training if this one is new."""
        from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415 - takes seconds

        folder = run / "tensorboard"
        for old in [] if step else folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        self._text("config", config, step)

    def _text(self, name: str, values: Mapping[str, Any], step: int) -> None:
        text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
        indented = "".join(f"    {line}\n" for line in text.splitlines())  # code in Markdown
        self._writer.add_text(name, indented, step)
        self._writer.flush()

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Write a scalar for each name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Write an image for each name."""
        for name, image in images.items():
            self._writer.add_image(name, image, step, dataformats="HWC")
        self._writer.flush()

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Write the results and close the file."""
        self._text("results", {"status": status, **results}, int(results.get("step", 0)))
        self._writer.close()
