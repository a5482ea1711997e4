"""Runs of Weights & Biases (Biewald 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np

from ...core import TrackedEnd
from ._flat import short_name
from ._package import TrackedRun, environment, require_package

if TYPE_CHECKING:
    from wandb import Run  # pyright: ignore[reportMissingImports]


class WandB:
    """Write a run of Weights & Biases into the folder ``wandb`` of the run directory.

    Nothing is sent unless ``mode`` is ``online``; ``wandb sync RUN/wandb/offline-run-*`` sends it
    later. In either mode, wandb does not report errors, its use, or this machine.

    ``project``: where the site lists the run. ``entity``: user or team; by default your own.
    ``mode``: ``offline`` writes files only, ``online`` also sends them.
    """

    _run: Run
    _tracked: TrackedRun

    def __init__(
        self,
        *,
        project: str = "pluxel",
        entity: str | None = None,
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        require_package("wandb")
        self.project, self.entity, self.mode = project, entity, mode
        self._environment = ExitStack()

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        """Begin a run, or continue that of the run directory."""
        # wandb reads the first when it is imported, and leaves the second behind.
        self._environment.enter_context(
            environment(WANDB_ERROR_REPORTING="false", WANDB_SERVICE=None)
        )
        import wandb  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        destination = f"{self.entity}/{self.project}"
        self._tracked = TrackedRun(run, "wandb", destination, step)
        name = self._tracked.id or uuid4().hex[:8]
        self._run = wandb.init(
            dir=str(run),
            project=self.project,
            entity=self.entity,
            id=name,
            name=run.name,
            config=dict(config),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                mode=self.mode,
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )
        self._tracked.began(name)

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Log the values of a step."""
        if self._tracked.is_new("scalars", step):
            self._run.log(dict(values), step=step)

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Log the images of a step."""
        import wandb  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        if self._tracked.is_new("images", step):
            shown = {short_name(name): wandb.Image(image) for name, image in images.items()}
            self._run.log(shown, step=step)

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Add the results to the summary, and end the run."""
        with self._environment:
            self._run.summary.update({"results": dict(results), "status": status})
            self._run.finish(exit_code=0 if status == "finished" else 1)
