"""Read what an evaluation left in a run: its results, and the statistics of each image."""

from __future__ import annotations

from typing import Any

from ....registry import PluxelError
from ...common.files import MissingFile, is_missing_file
from ...common.json_files import DamagedFile, require_json
from ..run import Run
from .image_statistics import ImageStatistics


def read_results(run: Run, split: str) -> tuple[dict[str, Any], ImageStatistics]:
    """Return the results of a run on a split, and the statistics that they follow from.

    Raises: PluxelError if either is missing or damaged, or if they are of different evaluations.
    """
    again = f"pluxel evaluate {run.directory} --split {split}"
    try:
        results = require_json(run.results_of(split))
    except MissingFile as error:
        raise PluxelError(f"{run.directory} has no results on '{split}' yet: {again}") from error
    except DamagedFile as error:
        raise PluxelError(f"{error.message}: {again}") from error
    try:
        kept = ImageStatistics.read(run.statistics_of(split))
    except PluxelError as error:
        if is_missing_file(error):
            name = run.statistics_of(split).name
            reason = f"{name}, the counts of each image, is missing in {run.directory}"
        else:
            reason = error.message
        raise PluxelError(f"{reason}: {again}", error.notes) from error
    if kept.step != results.get("step") or kept.split != split:
        raise PluxelError(
            f"{run.statistics_of(split)} and {run.results_of(split).name} are of different "
            f"evaluations: {again}"
        )
    return results, kept
