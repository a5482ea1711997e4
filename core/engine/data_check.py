"""Check the samples of a prepared configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..common.progress import track
from ..contracts.kinds import Dataset
from ..data.check import check_data
from ..data.check_report import Report
from ..data.examine import Draw, Examined
from .preparation import PreparedData


def check_prepared(
    prepared: PreparedData,
    splits: Mapping[str, Dataset],
    *,
    draw: Mapping[str, Draw] | None = None,
    watch: Callable[[str, Examined], object] = lambda _split, _found: None,
) -> Report:
    """Read all samples of splits as the model would, and return what is wrong with them.

    ``draw``, ``watch``: as for `check_data`.

    Raises: DataError if a dataset cannot be sent to worker processes.
    """
    with track("reading", sum(map(len, splits.values()))) as advance:
        return check_data(
            splits,
            prepared.blueprint.label_spaces(),
            inputs=prepared.input_names,
            sources=prepared.blueprint.targets,
            workers=prepared.config.pipeline.training.workers,
            progress=advance,
            draw=draw,
            watch=watch,
        )
