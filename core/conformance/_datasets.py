"""What every dataset must guarantee."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import reason_of
from ..common.processes import without_working_folder
from ..contracts.kinds import Dataset, Sample
from ..contracts.labels import LabelSpace
from ..contracts.offers import is_endless
from ..data.groups import group_of
from ..data.raw import raw_input, raw_labels, read_sample
from ._check import ConformanceError, require
from ._subject import Subject

READ = 4
"""Samples that are read from the beginning of a dataset, and as many from its end."""


def length(subject: Subject) -> None:
    """``len(dataset)`` is at least 1, and an index beyond it is an IndexError."""
    dataset = subject.dataset()
    require(len(dataset) > 0, "the dataset is empty")
    if is_endless(dataset):
        return
    try:
        dataset[len(dataset)]
    except IndexError:
        return
    raise ConformanceError(f"dataset[{len(dataset)}] is beyond its end, but not an IndexError")


def samples(subject: Subject) -> None:
    """Each sample has all declared inputs and label maps, of valid types and of one size."""
    dataset = subject.dataset()
    for index in _indices(dataset):
        sample = read_sample(dataset, index)
        sizes = {name: raw_input(dataset, sample, name).shape[:2] for name in dataset.channels}
        sizes |= {name: raw_labels(dataset, sample, name).shape[:2] for name in dataset.labels}
        require(
            len({*sizes.values()}) == 1,
            f"sample '{sample.name}' has inputs and labels of several sizes: {sizes}",
        )


def labels(subject: Subject) -> None:
    """Each label id is in the label map that the dataset declares."""
    dataset = subject.dataset()
    spaces = {name: LabelSpace(one) for name, one in dataset.labels.items()}
    for index in _indices(dataset):
        sample = dataset[index]
        for name, space in spaces.items():
            space.encode(raw_labels(dataset, sample, name), sample.paths.get(name))


def names_and_palette(subject: Subject) -> None:
    """Sample names are unique, and every color of a palette belongs to one class."""
    dataset = subject.dataset()
    listed = getattr(dataset, "names", None)
    read = _indices(dataset) if listed is not None else range(min(len(dataset), 1000))
    found = [dataset[index].name for index in read]
    if listed is not None:
        same = [listed[index] for index in read] == found
        require(same, "names differs from the names of the samples")
    names = found if listed is None else listed
    require(len(set(names)) == len(names), "two samples have the same name")
    for name, label_map in dataset.labels.items():
        stray = sorted({*label_map.palette} - {*label_map.ids.values()})
        require(not stray, f"the palette of '{name}' has a color for {', '.join(stray)}: no class")
        colors = [tuple(color) for color in LabelSpace(label_map).palette.tolist()]
        require(len(set(colors)) == len(colors), f"two classes of '{name}' have the same color")


def groups(subject: Subject) -> None:
    """Each sample of a dataset that names groups has one: a text, which is always the same."""
    dataset, again = subject.dataset(), subject.dataset()
    for index in reversed(_indices(dataset)):
        group = group_of(dataset, index)
        require(isinstance(group, str), f"the group of sample {index} is {group!r}, not a text")
        require(group_of(again, index) == group, f"the group of sample {index} changes")


def repeatable(subject: Subject) -> None:
    """The same index always gives the same sample, also after opening the dataset again."""
    dataset, again = subject.dataset(), subject.dataset()
    for index in reversed(_indices(dataset)):
        first = digest(dataset[index])
        require(digest(dataset[index]) == first, f"dataset[{index}] changes when read twice")
        require(digest(again[index]) == first, f"dataset[{index}] changes when opened again")


def forked_workers(subject: Subject) -> None:
    """Worker processes made by fork read the same samples, in any order."""
    if "fork" in multiprocessing.get_all_start_methods():
        _compare_with_worker(subject, "fork")


def spawned_workers(subject: Subject) -> None:
    """Worker processes made by spawn, to which the dataset is pickled, read the same samples."""
    _compare_with_worker(subject, "spawn")


def missing_file(subject: Subject) -> None:
    """A file that is gone is an error that names it; the other samples are not affected."""
    dataset = subject.dataset()
    for name, path in dataset[0].paths.items():
        with tempfile.TemporaryDirectory() as folder:
            _check_without(subject, path, name, Path(folder))


def _check_without(subject: Subject, path: Path, name: str, folder: Path) -> None:
    """Open the dataset in a copy of its folder, delete one file, and read the sample."""
    parameters = _mirrored(subject.parameters, path.absolute(), folder)
    if parameters == subject.parameters:
        return  # no parameter leads to the file
    dataset = subject.dataset(**parameters)
    link = dataset[0].paths[name]
    if not link.absolute().is_relative_to(folder):
        return
    before = digest(dataset[0])
    link.unlink()
    try:
        after = digest(dataset[0])
    except Exception as error:  # noqa: BLE001 - the check is about its text
        require(link.name in str(error), f"{link.name} is gone, but the error is: {error}")
    else:
        require(after == before, f"{link.name} is gone, but sample 0 is read without an error")


def _mirrored(value: Any, path: Path, folder: Path) -> Any:
    """Return parameters in which folders that lead to a file are replaced by copies."""
    if isinstance(value, Mapping):
        return {key: _mirrored(one, path, folder) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mirrored(one, path, folder) for one in value]
    if not isinstance(value, str | Path) or not str(value):
        return value
    root = Path(value).absolute()
    if root != path and root not in path.parents:
        return value
    copy = Path(tempfile.mkdtemp(dir=folder)) / root.name
    _mirror(root, copy, path)
    return str(copy)


def _mirror(source: Path, copy: Path, path: Path) -> None:
    """Copy a folder by links to its entries; only folders that lead to ``path`` are real."""
    if source == path or source not in path.parents:
        _link(source, copy)
        return
    copy.mkdir(parents=True)
    for entry in source.iterdir():
        _mirror(entry, copy / entry.name, path)


def _link(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        copy.symlink_to(source)
    except OSError:  # Windows asks for a privilege
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy)


def _indices(dataset: Dataset) -> Sequence[int]:
    count = len(dataset)
    return sorted({*range(min(READ, count)), *range(max(0, count - READ), count)})


def digest(sample: Sample) -> str:
    """Return a hash of the name and of all arrays of a sample."""
    found = hashlib.sha256(sample.name.encode())
    for mapping in (sample.inputs, sample.labels):
        for name in sorted(mapping):
            array = np.asarray(mapping[name])
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _compare_with_worker(subject: Subject, start: str) -> None:
    dataset = subject.dataset()
    indices = _indices(dataset)
    expected = {index: digest(dataset[index]) for index in indices}
    read = _read_in_fork if start == "fork" else _read_in_spawned
    try:
        found = read(dataset, [*reversed(indices)])
    except Exception as error:
        reason, _ = reason_of(error)
        raise ConformanceError(f"a worker process ({start}) cannot read it: {reason}") from error
    for index in indices:
        require(
            found[index] == expected[index],
            f"a worker process ({start}) reads another sample at index {index}",
        )


def _read_in_fork(dataset: Dataset, indices: Sequence[int]) -> dict[int, str]:
    """Return the hash of each sample, read by a process that shares this one's memory."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_digests, args=(sender, dataset, indices))
    process.start()
    sender.close()  # so that an end without an answer is an EOFError
    try:
        found = receiver.recv()
    finally:
        process.join()
    if isinstance(found, str):
        raise ConformanceError(found)
    return found


def _send_digests(sender: Connection, dataset: Dataset, indices: Sequence[int]) -> None:
    try:
        sender.send(_digests(dataset, indices, sys.path))
    except Exception as error:  # noqa: BLE001 - it is raised again in the other process
        sender.send(reason_of(error)[0])


def _read_in_spawned(dataset: Dataset, indices: Sequence[int]) -> dict[int, str]:
    """Return the hash of each sample, read by a new process, to which the dataset is pickled."""
    try:
        with without_working_folder():
            return _spawned().submit(_digests, dataset, indices, sys.path).result()
    except BrokenExecutor:
        _spawned.cache_clear()
        raise


@cache
def _spawned() -> ProcessPoolExecutor:
    """Return a new process, which all checks share: it imports PyTorch, which takes seconds."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def _digests(dataset: Dataset, indices: Sequence[int], path: Sequence[str]) -> dict[int, str]:
    """Return the hash of each sample; runs in a worker process.

    ``path``: where that process finds modules.
    """
    sys.path[:] = path
    return {index: digest(dataset[index]) for index in indices}


CHECKS = (
    length,
    samples,
    labels,
    names_and_palette,
    groups,
    repeatable,
    forked_workers,
    spawned_workers,
    missing_file,
)
