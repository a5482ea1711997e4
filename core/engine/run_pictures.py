"""The pictures in a run directory: those of the last evaluation, and a few earlier panels."""

from __future__ import annotations

import re
from pathlib import Path

from ..common.files import copy_file

MOST_PANELS = 6
"""Panels of the same images that a run keeps, of different steps."""

_OWN = re.compile(r"curves|panel|confusion(-.+)?")
_PANEL = re.compile(r"panel-(\d{8,})")


class RunPictures:
    """The PNG files in ``results/`` of a run: ``curves``, ``panel``, ``confusion`` of each head.

    ``history/panel-STEP.png`` are panels of the same images at earlier steps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._history = folder / "history"

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folders with pictures, the inner one first."""
        return self._history, self.folder

    def file(self, name: str) -> Path:
        """Return the file of a picture, such as ``curves`` or ``confusion-HEAD``."""
        return self.folder / f"{name}.png"

    def panels(self) -> dict[int, Path]:
        """Return the panels of the same images through training, by step in order."""
        files = {file: _PANEL.fullmatch(file.stem) for file in self._history.glob("panel-*.png")}
        return dict(sorted((int(match[1]), file) for file, match in files.items() if match))

    def files(self) -> list[Path]:
        """Return the existing files that training writes."""
        present = [file for file in self.folder.glob("*.png") if _OWN.fullmatch(file.stem)]
        return [*present, *self.panels().values()]

    def keep_panel(self, step: int) -> None:
        """Keep the present panel as that of a step; of many, `MOST_PANELS` spread over training.

        Raises: PluxelError if it cannot be written.
        """
        copy_file(self.file("panel"), self._history / f"panel-{step:08d}.png")
        panels = self.panels()
        while len(panels) > MOST_PANELS:
            steps = [*panels]
            gaps = [after - before for before, after in zip(steps, steps[2:], strict=False)]
            panels.pop(steps[1 + gaps.index(min(gaps))]).unlink(missing_ok=True)

    def forget_after(self, step: int) -> None:
        """Delete panels of later steps."""
        for later, file in self.panels().items():
            if later > step:
                file.unlink(missing_ok=True)
