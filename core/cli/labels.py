"""``pluxel labels``: match the classes of one dataset with those of another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from ...registry import PluxelError, UnknownComponent
from ._completed import completed_component
from ._groups import Group
from ._options import as_json, output, overwrite, refuse_existing
from ._session import Session
from ._words import WordSource, source_options

if TYPE_CHECKING:
    from ..contracts.labels import LabelMap
    from ..embeddings.matching import ClassMatch

_WIDTH = 100


@click.group(cls=Group)
def labels() -> None:
    """Match the classes of two datasets."""


@labels.command()
@click.argument("dataset_a", shell_complete=completed_component("dataset"))
@click.argument("dataset_b", shell_complete=completed_component("dataset"))
@click.option(
    "--one-to-one/--many-to-one",
    help="Use each class of DATASET_B once, or any number of times.  [default: many-to-one]",
)
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    help="Smallest cosine at which a match counts.  [default: 0.8]",
)
@output("File to write.  [default: standard output]")
@overwrite()
@source_options
@as_json()
@click.pass_obj
def align(
    session: Session,
    dataset_a: str,
    dataset_b: str,
    source: WordSource,
    one_to_one: bool,
    threshold: float | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Print a label map from the classes of DATASET_A to those of DATASET_B.

    A dataset is the name of a component (camvid), a configuration (FILE.yaml), or a text file with
    one class per line. Classes match if their names are equal or close in meaning. A name may list
    alternatives: car, auto, automobile. Check the map, above all the matches marked as doubtful,
    then put it under `labels`, or under `maps` of the dataset `concat`.
    """
    from ..common.files import write_text
    from ..contracts.options import MATCH_THRESHOLD
    from ..embeddings.matching import align, vectors_of

    refuse_existing(output, overwrite=overwrite)
    smallest = MATCH_THRESHOLD if threshold is None else threshold
    source_map, target_map = (_label_map(session, each) for each in (dataset_a, dataset_b))
    words = source.words(session)
    matches = align(
        source_map.class_names,
        target_map.class_names,
        vectors_of(lambda: [words]),
        threshold=smallest,
        one_to_one=one_to_one,
    )
    used = {match.target for match in matches}
    free = [name for name in target_map.class_names if name not in used]
    if as_json:
        text = json.dumps(_record(source_map, matches, free), indent=2, ensure_ascii=False) + "\n"
    else:
        title = f"Matches of {dataset_a} in {dataset_b} with cosines of at least {smallest:g}."
        text = "".join(f"{line}\n" for line in _lines(title, source_map, matches, free))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)


def _label_map(session: Session, argument: str) -> LabelMap:
    """Return the label map of a dataset argument; the classes of a text file get ids from 0.

    Raises: PluxelError if the argument is not a dataset.
    """
    from ..config.sections.labels import declared_map

    path = Path(argument)
    if path.suffix in (".yaml", ".yml"):
        return _configured(session, argument)
    if path.is_file():
        return _listed(path)
    try:
        return declared_map(session.host, argument)
    except UnknownComponent as error:
        raise PluxelError(
            error.message, (*error.notes, f"the file {path} does not exist either")
        ) from error
    except PluxelError as error:
        hint = "give a configuration, FILE.yaml, or a text file with one class per line"
        raise PluxelError(error.message, (*error.notes, hint)) from error


def _configured(session: Session, path: str) -> LabelMap:
    from ..config._load import load_config
    from ..config.sections.labels import declared_labels
    from ..contracts.labels import main_map
    from ..data.splits import open_split

    config = load_config(path, host=session.host)
    make, splits = config.pipeline.dataset, config.pipeline.splits
    with config.at("dataset"):
        labels = declared_labels(make.target, make.params)
        if not labels:
            split = next(iter(splits.values()), "train")
            labels = open_split(make, split).labels
        if (name := main_map(labels)) is None:
            raise PluxelError(f"the dataset has several label maps: {', '.join(labels)}")
        return labels[name]


def _listed(path: Path) -> LabelMap:
    from ..common.files import read_lines
    from ..contracts.labels import LabelMap

    names = [line.strip() for line in read_lines(path) if line.strip()]
    if not names:
        raise PluxelError(f"{path} contains no classes; write one per line")
    for name in names:
        if names.count(name) > 1:
            raise PluxelError(f"{path}: class '{name}' occurs {names.count(name)} times")
    return LabelMap(dict(enumerate(names)))


def _record(labels: LabelMap, matches: Sequence[ClassMatch], free: Sequence[str]) -> dict[str, Any]:
    keys = _keys(labels)
    found = [
        {
            "ids": keys[match.source],
            "class": match.source,
            "target": match.target,
            "cosine": match.score,
            "margin": match.margin,
            "doubtful": match.is_doubtful,
            "nearest": [{"class": name, "cosine": cosine} for name, cosine in match.nearest],
        }
        for match in matches
    ]
    return {"matches": found, "without": list(free)}


def _keys(labels: LabelMap) -> dict[str, list[int | str]]:
    keys: dict[str, list[int | str]] = {}
    for raw, name in labels.ids.items():
        keys.setdefault(name, []).append(labels.key_of(raw))
    return keys


def _lines(
    title: str, labels: LabelMap, matches: Sequence[ClassMatch], free: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of a YAML file with aligned comments."""
    from ..config.tree.emit import scalar
    from ..contracts.labels import IGNORE

    found = {match.source: match for match in matches}
    rows: list[tuple[str, str, str]] = []
    for raw, name in labels.ids.items():
        match = found.get(name)
        target = (match.target if match else None) or IGNORE
        entry = f"  {scalar(labels.key_of(raw))}: {scalar(target)}"
        rows.append((entry, name, _reason(match) if match else ""))
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    yield _comment(
        f"{title} Word vectors find related meanings, not only equal ones: check each line."
    )
    yield "map:"
    for entry, name, reason in rows:
        yield f"{entry:<{widths[0]}}  # {name:<{widths[1]}}  {reason}".rstrip()
    alone = [match for match in matches if match.target is None]
    vague = [match.source for match in alone if not match.nearest]
    far = [match.source for match in alone if match.nearest]
    for why, ignored in (
        ("since no class is close enough", far),
        ("since their names are generic", vague),
    ):
        if ignored:
            yield _comment(f"Ignored, {why}: {', '.join(ignored)}.")
    if doubtful := [match.source for match in matches if match.is_doubtful]:
        yield _comment(f"Doubtful, decide about each: {', '.join(doubtful)}.")
    if free:
        yield _comment(f"Classes without a match: {', '.join(free)}.")


def _comment(text: str) -> str:
    return fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _reason(match: ClassMatch) -> str:
    others = ", ".join(f"{name} {cosine:.2f}" for name, cosine in match.nearest)
    mark = "doubtful: " if match.is_doubtful else ""
    if match.target is None:
        return f"{mark}none; nearest: {others}" if others else "none: generic name"
    if match.by_name:
        return "by name"
    return f"{mark}{match.score:.2f}" + (f"; next: {others}" if others else "")
