"""Concatenate datasets and map them to the classes of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ...core import Dataset, Factory, LabelMap, LabelSpace, Sample
from ...core.authoring import (
    IGNORE,
    MAIN,
    AlignConfig,
    DerivedFile,
    InputSpec,
    Joined,
    RawIds,
    aligned,
    declared_labels,
    derived_files,
    group_of,
    input_specs,
    log_matches,
    main_map,
    open_split,
    resolved_parameters,
    unknown_split,
    unpaired_files,
)
from ...registry import PluxelError, did_you_mean
from ._member import Member, Translation, with_ignore

Datasets = Annotated[dict[str, Factory[Dataset]], Field(min_length=1)]
Maps = dict[str, RawIds]
Splits = dict[str, Annotated[dict[str, str], Field(min_length=1)]]
Repeats = dict[str, Literal["balanced"] | dict[str, Annotated[int, Field(ge=1)]]]


class ConcatError(PluxelError):
    """The datasets cannot be combined as configured."""


class Concat:
    """The samples of ``datasets``, in order; the name of a sample begins with its dataset's name.

    ``datasets``: name -> dataset. The other parameters use these names.
    ``classes_of``: the dataset whose raw ids, classes and colors apply to all datasets.
    ``maps``: dataset -> raw id (or ``#rrggbb``) -> one of these classes or ``ignore``. Other ids
    map to classes of equal names.
    ``align``: how to match the remaining classes by meaning. Classes without a match are ignored;
    without ``align``, they are an error.
    ``splits``: split -> dataset -> split expression in that dataset; an omitted dataset has no
    samples in that split. By default, a split combines the splits of the same name.
    ``repeat``: split -> dataset -> number of repetitions of its samples; ``balanced`` repeats
    smaller datasets until they are about as large as the largest.

    If a dataset has several label maps, ``semantic`` is used. Inputs are those that all datasets
    have. Predictions read files like those of ``classes_of``.

    Raises: ConcatError, SplitError, and the errors of the datasets.
    """

    def __init__(
        self,
        split: str,
        *,
        datasets: Datasets,
        classes_of: str,
        maps: Maps | None = None,
        align: AlignConfig | None = None,
        splits: Splits | None = None,
        repeat: Repeats | None = None,
    ) -> None:
        maps, splits, repeat = maps or {}, splits or {}, repeat or {}
        _check_names(datasets, classes_of, maps, splits, repeat)
        if splits and split not in splits:
            raise unknown_split(split, splits, Path("concat"))
        chosen = splits.get(split) or dict.fromkeys(datasets, split)
        opened = {name: open_split(datasets[name], part) for name, part in chosen.items()}
        sources = {name: _labels(name, datasets[name], opened, splits) for name in datasets}
        target = LabelSpace(sources[classes_of][1])
        # Include datasets that are not in this split: one configuration serves all splits.
        ids = {
            name: _translate(name, label_map, target, maps.get(name, {}), align)
            for name, (_, label_map) in sources.items()
            if name != classes_of
        }
        self.labels: Mapping[str, LabelMap] = {MAIN: with_ignore(target)}
        self.channels: Mapping[str, int] = _shared_channels(opened)
        # Each dataset reads its own files; prediction reads files like those of `classes_of`.
        own = opened.get(classes_of, next(iter(opened.values())))
        self.inputs: Mapping[str, InputSpec] = input_specs(own)
        self.unpaired = [path for dataset in opened.values() for path in unpaired_files(dataset)]
        self.resolved_parameters: Mapping[str, Any] = {
            "datasets": datasets
            | {n: datasets[n].given(resolved_parameters(d)) for n, d in opened.items()},
            "maps": {
                name: {sources[name][1].key_of(raw): one for raw, one in found.items()}
                for name, found in ids.items()
            },
            "align": None,
        }
        members = {
            name: Member(
                name,
                dataset,
                sources[name][0],
                self.channels,
                Translation(ids[name], target) if name in ids else None,
            )
            for name, dataset in opened.items()
        }
        counts = _repeats(repeat.get(split, {}), members)
        self._joined = Joined([one for name, one in members.items() for _ in range(counts[name])])

    def __len__(self) -> int:
        return len(self._joined)

    def __getitem__(self, index: int) -> Sample:
        return self._joined[index]

    def group_of(self, index: int) -> str:
        """Return the group that the dataset names for a sample; empty without one."""
        return group_of(self._joined, index)

    def derived_files(self, index: int) -> Sequence[DerivedFile]:
        """Return the files that a dataset derives for its sample."""
        return derived_files(self._joined, index)


def _check_names(
    datasets: Datasets, classes_of: str, maps: Maps, splits: Splits, repeat: Repeats
) -> None:
    """Raise ConcatError for unknown names of datasets and splits."""
    _require("classes_of", [classes_of], datasets)
    _require("maps", maps, datasets)
    if classes_of in maps:
        raise ConcatError(
            f"maps: '{classes_of}' defines the classes to which the others are mapped; to change "
            "these classes, use labels, next to the dataset"
        )
    for split, parts in splits.items():
        _require(f"splits.{split}", parts, datasets)
    for split, counts in repeat.items():
        if splits and split not in splits:
            raise ConcatError(f"repeat: unknown split '{split}'.{did_you_mean(split, splits)}")
        _require(
            f"repeat.{split}", () if counts == "balanced" else counts, splits.get(split, datasets)
        )


def _require(place: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = [*known]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f" Available: {', '.join(known)}."
            raise ConcatError(f"{place}: unknown dataset '{name}'.{hint}")


def _labels(
    name: str, make: Factory[Dataset], opened: Mapping[str, Dataset], splits: Splits
) -> tuple[str, LabelMap]:
    """Return the name of a dataset's label map and the map, opening any split if necessary."""
    labels = opened[name].labels if name in opened else declared_labels(make.target, make.params)
    if not labels:
        others = [parts[name] for parts in splits.values() if name in parts]
        if not others:
            raise ConcatError(f"splits: no split contains dataset '{name}'")
        labels = open_split(make, others[0]).labels
    if (source := main_map(labels)) is None:
        raise ConcatError(
            f"dataset '{name}' has several label maps, {', '.join(labels)}, none called '{MAIN}'"
        )
    return source, labels[source]


def _translate(
    name: str,
    label_map: LabelMap,
    target: LabelSpace,
    given: Mapping[int | str, str],
    align: AlignConfig | None,
) -> dict[int, str]:
    """Return raw id -> target class or ``ignore`` for all ids of a dataset.

    Raises: ConcatError if a class has no counterpart and ``align`` is not set, or if all classes
    are ignored; the errors of `aligned`.
    """
    ids, matches = aligned(label_map, target.class_names, align, given)
    alone = [match.source for match in matches if match.target is None]
    if alone and align is None:
        raise ConcatError(
            f"maps: no class is named like {', '.join(alone)} of dataset '{name}': map them under "
            f"maps.{name} to a class or ignore, or use 'align' to match by meaning",
            ["pluxel labels align prints a map"],
        )
    if set(ids.values()) == {IGNORE}:
        raise ConcatError(f"all classes of dataset '{name}' are ignored: remove it")
    log_matches(matches, f"classes of dataset '{name}'")
    return ids


def _shared_channels(datasets: Mapping[str, Dataset]) -> dict[str, int]:
    """Return the inputs that all datasets have, and their channels."""
    (first, one), *others = datasets.items()
    shared = {k: n for k, n in one.channels.items() if all(k in d.channels for _, d in others)}
    if not shared:
        listed = "; ".join(f"{name}: {', '.join(d.channels)}" for name, d in datasets.items())
        raise ConcatError(f"the datasets have no input in common: {listed}")
    for key, count in shared.items():
        for name, dataset in others:
            if dataset.channels[key] != count:
                raise ConcatError(
                    f"input '{key}' has {count} channels in dataset '{first}' but "
                    f"{dataset.channels[key]} in '{name}'"
                )
    return shared


def _repeats(
    wanted: Literal["balanced"] | Mapping[str, int],
    datasets: Mapping[str, Member],
) -> dict[str, int]:
    """Return the number of repetitions of each dataset."""
    if wanted != "balanced":
        return {name: wanted.get(name, 1) for name in datasets}
    largest = max(map(len, datasets.values()))
    return {name: max(1, round(largest / len(one))) for name, one in datasets.items()}
