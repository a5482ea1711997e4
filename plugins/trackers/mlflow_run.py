"""Runs of MLflow (Zaharia et al. 2018)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import TrackedEnd
from ...core.authoring import flat_texts
from ._flat import plain_name
from ._package import TrackedRun, environment, require_package

if TYPE_CHECKING:
    from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]

_LONGEST = 6000
"""Characters of a parameter that MLflow stores."""

_PARAMETERS, _METRICS = 100, 1000
"""What one call may log."""

_ENDS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class MLflow:
    """Track a run of MLflow, by default in ``mlflow.db`` beside the run directory.

    All runs of a folder then share a database: ``mlflow ui --backend-store-uri
    sqlite:///runs/mlflow.db`` compares them. MLflow does not report its use. It refuses some
    characters in names of metrics, such as ``&``: these become ``_``, and a number is added.

    ``uri``: another database, folder or server, such as ``sqlite:////data/mlflow.db``.
    ``experiment``: name of the list of runs.
    """

    _tracked: TrackedRun
    _client: MlflowClient

    def __init__(self, *, uri: str | None = None, experiment: str = "pluxel") -> None:
        require_package("mlflow")
        self.uri, self.experiment = uri, experiment
        self._environment = ExitStack()
        self._id = ""

    def start(self, run: Path, config: Mapping[str, Any], step: int, /) -> None:
        """Begin a run with the configuration as parameters, or continue that of the directory."""
        self._environment.enter_context(environment(MLFLOW_DISABLE_TELEMETRY="true"))
        from mlflow import MlflowClient  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        uri = self.uri or f"sqlite:///{run.parent / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        self._tracked = TrackedRun(run, "mlflow", f"{uri} {self.experiment}", step)
        if self._tracked.id:
            self._id = self._tracked.id
            self._client.update_run(self._id, status="RUNNING")
            return
        made = self._client.create_run(self._experiment_id(uri), run_name=run.name)
        self._id = made.info.run_id
        self._tracked.began(self._id)
        self._client.log_dict(self._id, dict(config), "config.json")
        self._log_parameters(config)

    def _experiment_id(self, uri: str) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        if found is not None:
            return found.experiment_id
        return self._client.create_experiment(self.experiment, artifact_location=_artifacts(uri))

    def _log_parameters(self, config: Mapping[str, Any]) -> None:
        from mlflow.entities import Param  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        pairs = [Param(plain_name(name), text[:_LONGEST]) for name, text in flat_texts(config)]
        for first in range(0, len(pairs), _PARAMETERS):
            self._client.log_batch(self._id, params=pairs[first : first + _PARAMETERS])

    def scalars(self, step: int, values: Mapping[str, float], /) -> None:
        """Log the values of a step."""
        from mlflow.entities import Metric  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        if self._tracked.is_new("scalars", step):
            now = int(time.time() * 1000)
            metrics = [Metric(plain_name(name), one, now, step) for name, one in values.items()]
            for first in range(0, len(metrics), _METRICS):
                self._client.log_batch(self._id, metrics=metrics[first : first + _METRICS])

    def images(self, step: int, images: Mapping[str, np.ndarray], /) -> None:
        """Log the images of a step."""
        if self._tracked.is_new("images", step):
            for name, image in images.items():
                self._client.log_image(self._id, image, key=plain_name(name), step=step)

    def finish(self, results: Mapping[str, Any], status: TrackedEnd, /) -> None:
        """Store the results, and end the run."""
        with self._environment:
            try:
                self._client.log_dict(self._id, dict(results), "results.json")
            finally:
                self._client.set_terminated(self._id, _ENDS[status])


def _artifacts(uri: str) -> str | None:
    """Return a folder beside a database in a file: MLflow would take the working folder."""
    file = uri.removeprefix("sqlite:///")
    return None if file == uri else (Path(file).absolute().parent / "mlflow-artifacts").as_uri()
