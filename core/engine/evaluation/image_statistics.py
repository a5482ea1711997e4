"""The file of a run with the statistics of each image of a split, beside its results.

An ``.npz`` archive of NumPy: a description as JSON, and for each head its confusion matrix and the
statistics without zeros, in the narrowest types. 100,000 images of 150 classes take some 20 MB.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from ....registry import PluxelError
from ...common.files import MissingFile, replacing
from ...common.formats import FileFormat
from ...config._dump import to_plain
from .details import HeadDetails
from .evaluation import Evaluation
from .statistics import ImageRows

STATISTICS_FORMAT = FileFormat("statistics", 1)

_DESCRIPTION = "description"

_DAMAGED = (
    EOFError,
    KeyError,
    RuntimeError,  # such as a flag for encryption
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a damaged archive raises."""


@dataclass(frozen=True, eq=False)
class HeadImageStatistics:
    """What is kept of a head.

    ``rows``: key -> statistics of each image; ``counts`` are the right, labeled and predicted
    pixels of each class, (C, 3); those of `DETAILS` may be missing. ``metrics``: key -> the metric,
    as YAML names it; a metric without rows of its own follows from the counts. ``confusion``:
    (C, C) int64, of all images. ``examples``: row of an image -> PNG of its predicted classes.
    """

    class_names: Sequence[str]
    background: Sequence[int]
    confusion: np.ndarray
    rows: Mapping[str, ImageRows]
    metrics: Mapping[str, Any]
    examples: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ImageStatistics:
    """The statistics of each evaluated image of a split, in the order of the split.

    ``step``: of the weights. ``names``: of the images. ``groups``: of each image; empty if the
    dataset names none. ``indices``: of the images in the split; empty if none was skipped.
    """

    split: str
    step: int
    names: Sequence[str]
    groups: Sequence[str]
    heads: Mapping[str, HeadImageStatistics]
    indices: Sequence[int] = ()

    def index_of(self, row: int) -> int:
        """Return the index in the split of the image of a row."""
        return self.indices[row] if self.indices else row

    @classmethod
    def of(cls, evaluation: Evaluation, split: str, step: int) -> ImageStatistics:
        """Return the statistics of an evaluation."""
        rows_of = {index: row for row, index in enumerate(evaluation.indices)}
        heads = {
            head: HeadImageStatistics(
                found.measures.class_names,
                evaluation.scores[head].background,
                found.confusion,
                {**found.rows, **details.rows},
                {one.key: to_plain(one.factory, absolute=True) for one in found.measures.measures},
                {rows_of[index]: png for index, png in details.examples.items()},
            )
            for head, found in evaluation.metrics.items()
            for details in [evaluation.details.get(head, HeadDetails())]
        }
        rows = next(iter(evaluation.per_image.values()))
        names = [row["name"] for row in rows]
        is_whole = all(row == index for index, row in rows_of.items())
        indices = () if is_whole else evaluation.indices
        return cls(split, step, names, evaluation.groups, heads, indices)

    def write(self, path: Path) -> None:
        """Write the file atomically. Raises: PluxelError if writing fails."""
        description = {
            "version": STATISTICS_FORMAT.current,
            "split": self.split,
            "step": self.step,
            "names": [*self.names],
            "groups": [*self.groups] if any(self.groups) else [],
            "indices": [*self.indices],
            "heads": {
                head: {
                    "class_names": [*one.class_names],
                    "background": [*one.background],
                    "metrics": dict(one.metrics),
                    "rows": {
                        key: {"shape": rows.shape, "type": rows.values.dtype.name}
                        for key, rows in one.rows.items()
                    },
                    "examples": {index: len(png) for index, png in one.examples.items()},
                }
                for head, one in self.heads.items()
            },
        }
        arrays = {_DESCRIPTION: np.frombuffer(json.dumps(description).encode(), np.uint8)}
        for head, one in self.heads.items():
            arrays[f"{head}/confusion"] = _narrow(one.confusion)
            arrays[f"{head}/examples"] = np.frombuffer(b"".join(one.examples.values()), np.uint8)
            for key, rows in one.rows.items():
                arrays |= {
                    f"{head}/{key}/lengths": _narrow(np.diff(rows.starts)),
                    f"{head}/{key}/columns": _narrow(rows.columns),
                    f"{head}/{key}/values": _narrow(rows.values),
                }
        with replacing(path) as unfinished:
            np.savez_compressed(unfinished, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> ImageStatistics:
        """Read the file.

        Raises: MissingFile if it does not exist; PluxelError if it is damaged or of another
        version.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = json.loads(arrays[_DESCRIPTION].tobytes())
                STATISTICS_FORMAT.check(found["version"], path)
                heads = {head: _head(head, one, arrays) for head, one in found["heads"].items()}
                names, groups, indices = found["names"], found["groups"], found["indices"]
            return cls(found["split"], found["step"], names, groups, heads, indices)
        except FileNotFoundError as error:
            raise MissingFile(f"{path} does not exist") from error
        except OSError as error:
            raise PluxelError(f"cannot read {path}: {error.strerror or error}") from error
        except _DAMAGED as error:
            raise PluxelError(f"{path} is damaged") from error


def _head(
    head: str, found: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> HeadImageStatistics:
    rows = {}
    for key, one in found["rows"].items():
        lengths = arrays[f"{head}/{key}/lengths"].astype(np.int64)
        rows[key] = ImageRows(
            tuple(one["shape"]),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            arrays[f"{head}/{key}/columns"].astype(np.int32),
            arrays[f"{head}/{key}/values"].astype(one["type"]),
        )
    confusion = arrays[f"{head}/confusion"].astype(np.int64)
    content, ends = arrays[f"{head}/examples"].tobytes(), [*accumulate(found["examples"].values())]
    examples = {
        int(index): content[end - length : end]
        for (index, length), end in zip(found["examples"].items(), ends, strict=True)
    }
    return HeadImageStatistics(
        found["class_names"], found["background"], confusion, rows, found["metrics"], examples
    )


def _narrow(values: np.ndarray) -> np.ndarray:
    """Return integers in the narrowest type that holds them; other numbers stay."""
    if values.dtype.kind not in "iu" or not values.size:
        return values
    kinds = np.min_scalar_type(values.min()), np.min_scalar_type(values.max())
    return values.astype(np.result_type(*kinds))
