"""Write files that a dataset derives from its original ones: ``pluxel data prepare``."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ..common.files import replacing
from ..common.progress import track
from ..contracts.kinds import Dataset
from ..contracts.offers import offers
from ..contracts.optional import DerivedFile, DerivesFiles
from .listing import file_names
from .splits import Joined, Subset


def derived_files(dataset: Dataset, index: int) -> Sequence[DerivedFile]:
    """Return the files that are derived for sample ``index``, also of a part or a sum; or none."""
    while isinstance(dataset, Subset | Joined):
        dataset, index = dataset.source(index)
    return dataset.derived_files(index) if offers(dataset, DerivesFiles) else ()


def all_derived_files(datasets: Iterable[Dataset]) -> list[DerivedFile]:
    """Return the files that are derived for all samples, each once, in order."""
    by_path = {
        file.path: file
        for dataset in datasets
        for index in range(len(dataset))
        for file in derived_files(dataset, index)
    }
    return [*by_path.values()]


def write_derived(files: Sequence[DerivedFile], *, overwrite: bool = False) -> int:
    """Write the files that do not exist yet, and return how many were written.

    One thread per CPU makes files, which mostly compute outside of Python. Each file is complete or
    absent, so that a later call continues where this one stopped.

    Raises: PluxelError if a file cannot be made or written; files not yet begun are not made then.
    """
    present: defaultdict[Path, set[str]] = defaultdict(set)
    for folder in {file.path.parent for file in files}:
        present[folder] = {*file_names(folder)}
    missing = [one for one in files if overwrite or one.path.name not in present[one.path.parent]]
    with (
        track("preparing", len(files), len(files) - len(missing)) as advance,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        try:
            for one in as_completed([pool.submit(_write, file) for file in missing]):
                one.result()
                advance()
        finally:  # also after Ctrl-C
            pool.shutdown(cancel_futures=True)
    return len(missing)


def _write(file: DerivedFile) -> None:
    with replacing(file.path) as unfinished:
        file.write(unfinished)
