"""Evaluate the weights of a run on a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....registry import Host
from ...common.files import is_missing_file, write_json
from ...common.logs import logger
from ...config.tree.problems import ConfigError
from ...contracts.kinds import Dataset
from ...data.splits import open_split
from ...model.build import build_model
from ...model.network import SegmentationModel
from ...model.objective import Objective
from ..distributed import (
    make_accelerator,
    make_deterministic,
    on_main_process,
    with_fast_layout,
)
from ..trained import open_trained
from .evaluate import Evaluator, evaluation_batches
from .losses import objective_of_run

HOW_MEASURED = {"dataset", "evaluation", "device"}
"""Sections that say on what and how a run is measured, not what it is."""


def evaluate_run(
    directory: Path,
    split: str,
    overrides: Sequence[str] = (),
    *,
    host: Host,
    device: str | None = None,
    output: Path | None = None,
) -> tuple[dict[str, Any], Path | None]:
    """Evaluate the weights of a run; return the results and the file that they were written to.

    ``split``: a role of the run's ``splits``, or a split of its dataset. ``overrides`` and
    ``device`` are those of ``open_trained``. The results are written into the run as long as
    overrides say only on what and how it is measured; those of a changed run, only to ``output``.
    """
    trained = open_trained(directory, overrides, device=device, host=host)
    config, blueprint, pipeline = trained.config, trained.blueprint, trained.config.pipeline
    accelerator = make_accelerator(pipeline.device, pipeline.training.precision)

    def dataset(role: str) -> Dataset:
        with config.at("dataset"):
            return open_split(
                lambda name: pipeline.dataset(split=name), pipeline.splits.get(role, role)
            )

    def objective(model: SegmentationModel) -> Objective | None:
        try:
            return objective_of_run(
                config, blueprint, model, trained.run, lambda: dataset("train"), accelerator
            )
        except ConfigError as error:
            if not is_missing_file(error):  # such as word vectors, on another machine
                raise
            logger.warning("the loss is not measured: %s", error)
            return None

    make_deterministic(pipeline.seed, strict=pipeline.deterministic)
    model = trained.filled(with_fast_layout(build_model(config, blueprint), accelerator))
    model.to(accelerator.device)
    batches = evaluation_batches(config, blueprint, dataset(split), model.input_names, accelerator)
    evaluator = Evaluator(blueprint.label_spaces(), objective(model), accelerator)
    results: dict[str, Any] = {"split": split, "step": trained.step}
    if overrides:
        results["overrides"] = [*overrides]
    results |= evaluator(model, batches, split).to_json()
    own = trained.run.results_of(split) if trained.changed <= HOW_MEASURED else None
    if written := output or own:
        on_main_process(accelerator, lambda: write_json(written, results))
    return results, written
