"""Check the contract of samples: presence, shapes and types of their fields, ranges of inputs.

Code that reads label ids checks the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import PluxelError, article, reason_of
from ..contracts.kinds import Dataset, Sample
from ..contracts.offers import input_specs
from .missing import mask_pixels, without_missing
from .pixels import check_pixels, check_range, nodata_pixels
from .splits import class_name


class DataError(PluxelError):
    """A sample violates its contract or cannot be used.

    ``origin``: the traceback of the exception behind it, if it comes from a worker process.
    """

    origin = ""


def read_sample(dataset: Dataset, index: int) -> Sample:
    """Return sample ``index`` of a dataset.

    Raises: DataError if it raises, or is not a `Sample`, or has fields of other types.
    """
    try:
        sample = dataset[index]
    except PluxelError:
        raise
    except Exception as error:
        reason, notes = reason_of(error)
        raise DataError(f"sample {index} of {class_name(dataset)}: {reason}", notes) from error
    if not isinstance(sample, Sample):
        raise DataError(
            f"sample {index} of {class_name(dataset)} is {article(type(sample).__name__)}: a "
            "dataset must return Sample(name, inputs, labels)"
        )
    _check_fields(sample, f"sample {index} of {class_name(dataset)}")
    return sample


def _check_fields(sample: Sample, what: str) -> None:
    found: list[tuple[str, Any, type, str]] = [
        ("name", sample.name, str, "a string"),
        ("inputs", sample.inputs, Mapping, "a mapping from names to arrays"),
        ("labels", sample.labels, Mapping, "a mapping from names to arrays"),
        ("paths", sample.paths, Mapping, "a mapping from names to paths"),
    ]
    if isinstance(sample.paths, Mapping):
        paths = sample.paths.items()
        found += [(f"paths['{key}']", path, Path, "a pathlib.Path") for key, path in paths]
    for field, value, kind, expected in found:
        if not isinstance(value, kind):
            given = article(type(value).__name__)
            raise DataError(f"{what}: its {field} must be {expected}, but is {given}")
    if both := sorted({*sample.inputs} & {*sample.labels}):
        raise DataError(f"{what}: '{both[0]}' is the name of an input and of a label: rename one")


def raw_input(dataset: Dataset, sample: Sample, name: str) -> np.ndarray:
    """Return an input (H, W, channels) as the dataset declares it: uint8, uint16 or float32.

    Floating point is in 0–1, unless the dataset declares a scale, which permits any range. Values
    that are not finite are masked (`numpy.ma`), and masked pixels are 0 in all channels.

    Raises: PluxelError with the file or sample name and the class of the dataset.
    """
    what = f"input '{name}' of {class_name(dataset)}"
    pixels = _array(sample, sample.inputs, name, what)
    place = _place(sample, name, what)
    checked = check_pixels(pixels, dataset.channels[name], place)
    masked = mask_pixels(np.asarray(checked), nodata_pixels(checked))
    spec = input_specs(dataset)[name]
    if spec.scale is None:
        check_range(np.asarray(masked), place)
    return without_missing(masked, spec)


def raw_labels(dataset: Dataset, sample: Sample, name: str) -> np.ndarray:
    """Return raw label ids (H, W) of an integer type, perhaps masked (`numpy.ma`).

    Raises: PluxelError with the file or sample name and the class of the dataset.
    """
    what = f"labels '{name}' of {class_name(dataset)}"
    ids = _array(sample, sample.labels, name, what)
    if ids.ndim != 2 or ids.dtype.kind not in "iub":
        raise DataError(
            f"{_place(sample, name, what)}: {ids.dtype} of shape {ids.shape}; expected integers of "
            "shape (height, width)"
        )
    return ids


def _array(sample: Sample, fields: Mapping[str, np.ndarray], name: str, what: str) -> np.ndarray:
    if name not in list(fields):  # `in` may compute the value
        others = ", ".join(map(repr, fields)) or "nothing"
        raise DataError(f"{_place(sample, name, what)}: missing; the sample has {others}")
    array = fields[name]
    if not isinstance(array, np.ndarray):
        kind = article(type(array).__name__)
        raise DataError(f"{_place(sample, name, what)}: {kind}; expected a NumPy array")
    return array


def _place(sample: Sample, name: str, what: str) -> str:
    return f"{sample.paths.get(name, sample.name)}: {what}"
