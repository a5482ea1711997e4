"""Several datasets as one: one after the other, in the classes of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ...core import Dataset, Factory, LabelMap, LabelSpace, Sample
from ...core.authoring import (
    IGNORE,
    MAIN,
    AlignConfig,
    Joined,
    RawId,
    aligned,
    declared_labels,
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
Maps = dict[str, dict[RawId, str]]
Splits = dict[str, Annotated[dict[str, str], Field(min_length=1)]]
Repeats = dict[str, Literal["balanced"] | dict[str, Annotated[int, Field(ge=1)]]]


class ConcatError(PluxelError):
    """Datasets that do not go together as they are described."""


class Concat:
    """The samples of ``datasets``, in order; ``NAME/…`` is a sample of the one of that name.

    ``classes_of``: the dataset whose raw ids, classes and colors all get.
    ``maps``: dataset -> raw id (or ``#rrggbb``) -> one of these classes or ``ignore``. Ids that are
    not listed mean the classes of equal names; with ``align``, of like names too, and what is like
    none is ignored.
    ``splits``: split -> dataset -> its split, parts and sums included; a dataset that is left out
    has none. By default, every dataset has the splits, by the same names.
    ``repeat``: split -> dataset -> how often its samples come; ``balanced`` repeats the smaller
    datasets until they are about as large as the largest.

    Of several label maps of a dataset, ``semantic`` counts. Inputs are those that all have.

    Raises: ConcatError, SplitError, and what the datasets raise.
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
        # All of them, whatever this split has: a run keeps one configuration for all of its splits.
        ids = {
            name: _translate(name, label_map, target, maps.get(name, {}), align)
            for name, (_, label_map) in sources.items()
            if name != classes_of
        }
        self.labels: Mapping[str, LabelMap] = {MAIN: with_ignore(target)}
        self.channels: Mapping[str, int] = _shared_channels(opened)
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


def _check_names(
    datasets: Datasets, classes_of: str, maps: Maps, splits: Splits, repeat: Repeats
) -> None:
    """Refuse what names a dataset or a split that there is not."""
    _require("classes_of", [classes_of], datasets)
    _require("maps", maps, datasets)
    if classes_of in maps:
        raise ConcatError(
            f"maps: '{classes_of}' has the classes that the others are mapped onto; what all of "
            "them mean is changed under labels, beside the dataset"
        )
    for split, parts in splits.items():
        _require(f"splits.{split}", parts, datasets)
    for split, counts in repeat.items():
        if splits and split not in splits:
            raise ConcatError(f"repeat: no split is called '{split}'.{did_you_mean(split, splits)}")
        _require(
            f"repeat.{split}", () if counts == "balanced" else counts, splits.get(split, datasets)
        )


def _require(place: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = [*known]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f" There are {', '.join(known)}."
            raise ConcatError(f"{place}: no dataset is called '{name}'.{hint}")


def _labels(
    name: str, make: Factory[Dataset], opened: Mapping[str, Dataset], splits: Splits
) -> tuple[str, LabelMap]:
    """Return the name of a dataset's label map, and the map, from any split if need be."""
    labels = opened[name].labels if name in opened else declared_labels(make.target)
    if not labels:
        others = [parts[name] for parts in splits.values() if name in parts]
        if not others:
            raise ConcatError(f"splits: dataset '{name}' is in none of them")
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
    """Return raw id -> class of the target or ``ignore`` for all ids of a dataset.

    Raises: ConcatError if classes have no counterpart and nobody said that they may, or if none
    has; what `aligned` raises.
    """
    ids, matches = aligned(label_map, target.class_names, align, given)
    alone = [match.source for match in matches if match.target is None]
    if alone and align is None:
        raise ConcatError(
            f"maps: no class has the name of {', '.join(alone)} of dataset '{name}': say under "
            f"maps.{name} which they are, or ignore; or give 'align' to go by meaning",
            ["pluxel labels align prints such a map"],
        )
    if set(ids.values()) == {IGNORE}:
        raise ConcatError(f"all classes of dataset '{name}' are ignored: leave it out")
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
                    f"input '{key}' has {count} channels in dataset '{first}', and "
                    f"{dataset.channels[key]} in '{name}'"
                )
    return shared


def _repeats(
    wanted: Literal["balanced"] | Mapping[str, int],
    datasets: Mapping[str, Member],
) -> dict[str, int]:
    """Return how often each dataset comes."""
    if wanted != "balanced":
        return {name: wanted.get(name, 1) for name in datasets}
    largest = max(map(len, datasets.values()))
    return {name: max(1, round(largest / len(one))) for name, one in datasets.items()}
