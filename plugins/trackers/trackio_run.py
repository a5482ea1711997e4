"""Runs of Trackio, the local dashboard of Hugging Face (2025)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ...core import TrackedEnd
from ._package import TrackedRun, environment, require_package

if TYPE_CHECKING:
    from trackio import Run  # pyright: ignore[reportMissingImports]


class Trackio:
    """Track a run of Trackio on this machine, in its own folder ($TRACKIO_DIR).

    ``trackio show`` opens the dashboard of all runs. Nothing is sent, and neither Trackio nor what
    it is made of reports its use.

    ``project``: name of the list of runs.
    """

    _run: Run
    _tracked: TrackedRun

    def __init__(self, *, project: str = "pluxel") -> None:
        require_package("trackio")
        self.project = project
        self._environment = ExitStack()

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        """Begin a run, or continue that of the run directory."""
        self._environment.enter_context(
            environment(
                GRADIO_ANALYTICS_ENABLED="False",
                HF_HUB_DISABLE_TELEMETRY="1",
                # With these, Trackio would send what it tracks.
                TRACKIO_SPACE_ID=None,
                TRACKIO_SERVER_URL=None,
                TRACKIO_WEBHOOK_URL=None,
            )
        )
        import trackio  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        # Trackio compares values with Matplotlib's figures, and drops those that it is given while
        # another thread imports Matplotlib to draw.
        import_module("matplotlib.figure")
        self._tracked = TrackedRun(run, "trackio", self.project, step)
        # Trackio continues runs by their name, and two directories may have the same one.
        name = self._tracked.id or f"{run.name}-{uuid4().hex[:8]}"
        with redirect_stdout(sys.stderr):
            self._run = trackio.init(
                self.project,
                name=name,
                config=dict(config),
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        self._tracked.began(name)

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Log the values of a step."""
        if self._tracked.is_new("scalars", step):
            self._run.log(dict(values), step=step)

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Log the images of a step."""
        import trackio  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        if self._tracked.is_new("images", step):
            shown = {name: trackio.Image(image) for name, image in images.items()}
            self._run.log(shown, step=step)

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Add the results as a text, and end the run."""
        with self._environment:
            import trackio  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

            text = json.dumps({"status": status, **results}, indent=2, ensure_ascii=False)
            self._run.log({"results": trackio.Markdown(f"```json\n{text}\n```")})
            with redirect_stdout(sys.stderr):
                self._run.finish()
