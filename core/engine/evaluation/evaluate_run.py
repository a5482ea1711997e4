"""Evaluate the weights of a run on a split."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from ....registry import PluxelError
from ...common.files import check_writable, is_missing_file
from ...common.json_files import write_json
from ...common.logs import images_counted, logger
from ...common.randomness import seeded
from ...config._config import Config
from ...config.tree.problems import ConfigError
from ...contracts.kinds import Dataset
from ...model.blueprint import Blueprint, make_blueprint
from ...model.build import build_model
from ..distributed import Processes, with_fast_layout
from ..preparation import open_role
from ..run import recorded_step
from ..trained import Trained
from .evaluate import evaluate
from .image_statistics import ImageStatistics
from .losses import objective_of_run

HOW_MEASURED = {"dataset", "evaluation", "device"}
"""Sections that change the evaluation of a run, but not its model."""


@images_counted()
def evaluate_run(
    trained: Trained, split: str, *, output: Path | None = None
) -> tuple[dict[str, Any], Path | None]:
    """Evaluate the weights of a run; return the results and the file that contains them.

    ``split``: a role in ``splits``, or a split of the dataset. Results go to ``output`` or to the
    run. If overrides change more than `HOW_MEASURED`, results go only to ``output``.

    Raises: ConfigError if the data are missing or two parts do not fit.
    """
    config, blueprint = trained.config, trained.blueprint
    processes = Processes(config.pipeline.device, config.pipeline.training.precision)
    dataset = cache(partial(open_role, config))
    with seeded(config.pipeline.seed):
        built = build_model(config, blueprint)
    model = trained.filled(with_fast_layout(built, processes)).to(processes.device)
    data = dataset(split)
    _check_labels(config, blueprint, data)
    train = partial(dataset, "train")
    try:
        objective = objective_of_run(
            config, blueprint, model, trained.run, train, processes, keep=False
        )
    except ConfigError as error:  # the losses may need files that are missing, such as word vectors
        if not is_missing_file(error):
            raise
        logger.warning("cannot compute the loss: %s", error)
        objective = None
    own = trained.run.results_of(split) if trained.changed <= HOW_MEASURED else None
    if written := output or own:
        check_writable(written, [] if output else ["--output FILE writes the results elsewhere"])
    results: dict[str, Any] = {"split": split} | recorded_step(trained.step, trained.phase)
    if trained.overrides:
        results["overrides"] = [*trained.overrides]
    found = evaluate(config, blueprint, model, data, split, objective, processes)
    results |= found.to_json()
    if own and not trained.is_current():
        logger.warning(
            "%s: a training replaced the weights during the evaluation; %s keeps its scores",
            trained.run.directory,
            own.name,
        )
        written = output
    if written:
        processes.on_main_process(lambda: write_json(written, results))
    if written and not output:
        kept = ImageStatistics.of(found, split, trained.step)
        processes.on_main_process(lambda: kept.write(trained.run.statistics_of(split)))
    if processes.is_main_process:
        config.host.notify("pluxel_evaluated", run=trained.run.directory, results=results)
    return results, written


def _check_labels(config: Config, trained: Blueprint, dataset: Dataset) -> None:
    """Raise ConfigError if the dataset names a label otherwise than the weights do."""
    for head, found in make_blueprint(config, dataset).labels.items():
        for raw, name in found.ids.items():
            if (known := trained.labels[head].ids.get(raw, name)) != name:
                with config.at("dataset"):
                    raise PluxelError(
                        f"label {found.key_of(raw)} of the dataset is '{name}', but the weights "
                        f"were trained with '{known}'",
                        ["give the ids the same meaning, or train again with init_from"],
                    )
