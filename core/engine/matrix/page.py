"""A summary of the results as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from .record import ON_MAPS, NetworkRecord
from .results import TrialResults

INTRODUCTION = """\
# What works with what

<!-- Written by pluxel matrix; do not edit. -->

`pluxel matrix` builds networks with random weights and runs each of them forward and backward
under every decoder that needs no parameters, once at the size that it was designed for (in
evaluation mode) and once at 97×131 pixels (two images, in training mode). It compares the cells of
each map with its grid and, where it computes values, also the pixels that a cell depends on.
Networks that are too large for this are checked without data: shapes, grids and the paths of
gradients, but no values. `matrix.json` has the result of each network.

```sh options
pluxel matrix --output docs/matrix.json --page docs/matrix.md --overwrite
```

writes this page. You can interrupt it; the next run resumes. Networks that it has not reached yet
are missing here. After an update of a library, it tries all of its networks again.

The column of a decoder counts the networks that work with it. A decoder that needs other maps
refuses a network; the last table says why.
"""

WORDS = {
    "refused": "refused",
    "crashed": "failed",
    "limit": "over the limit of time or memory",
    "absent": "no longer offered",
}
MOST_NAMES = 12


def summary(results: TrialResults) -> str:
    """Return the page."""
    backbones = sorted({record.backbone for record in results.records.values()})
    parts = [INTRODUCTION]
    for backbone in backbones:
        parts += [f"## {backbone}\n", *_section(results, backbone)]
    return "\n".join(parts)


def _section(results: TrialResults, backbone: str) -> Iterator[str]:
    records = sorted(results.of(backbone), key=lambda one: (one.family, one.model))
    listed = results.listed.get(backbone, len(records))
    values = sum(record.with_data for record in records)
    untried = sum(bool(record.kind) for record in records)
    yield (
        f"{results.libraries.get(backbone, '')} lists {listed} networks. This page covers "
        f"{len(records)} of them:\n{values} ran with values, {len(records) - values - untried} "
        f"without data, and {untried} not at all.\n"
    )
    decoders = sorted(
        results.decoders, key=lambda name: -sum(not one.problem(name) for one in records)
    )
    yield from _shares(results, records, backbone, decoders)
    yield from _families(records, decoders)
    yield from _problems(records, decoders)


def _shares(
    results: TrialResults, records: Sequence[NetworkRecord], backbone: str, decoders: Sequence[str]
) -> Iterator[str]:
    """Yield how many networks work with each decoder."""
    others = sorted({one.backbone for one in results.records.values()} - {backbone})
    heads = ["own size", *(f"own size, or as `{other}`" for other in others), "97×131"]
    yield f"| decoder | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(heads)}"
    for decoder in decoders:
        works = [not one.problem(decoder) for one in records]
        cells = [_share(works)]
        for other in others:
            fallback = [_works(results.records.get((other, one.model)), decoder) for one in records]
            cells.append(_share([a or b for a, b in zip(works, fallback, strict=True)]))
        cells.append(_share([not one.problem(decoder, odd=True) for one in records]))
        yield f"| `{decoder}` | {' | '.join(cells)} |"
    yield ""


def _works(record: NetworkRecord | None, decoder: str) -> bool:
    return record is not None and not record.problem(decoder)


def _share(works: Sequence[bool]) -> str:
    return f"{sum(works)} ({100 * sum(works) / max(1, len(works)):.1f} %)"


def _families(records: Sequence[NetworkRecord], decoders: Sequence[str]) -> Iterator[str]:
    """Yield the table of families.

    Each network counts once: as it is, in tiles or padded to more than its largest stride, or with
    a problem; and those of them without data.
    """
    heads = [
        *("family", "networks", "as they are", "padded to whole windows", "in tiles of one size"),
        *("with a problem", "without data"),
        *(f"`{decoder}`" for decoder in decoders),
    ]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for family, group in groupby(records, key=lambda one: one.family):
        own = list(group)
        healthy = [one for one in own if not _broken(one)]
        counts = [
            len(own),
            sum(not one.is_adapted for one in healthy),
            sum(one.is_adapted and one.tile is None for one in healthy),
            sum(one.tile is not None for one in healthy),
            len(own) - len(healthy),
            sum(not one.with_data and not one.kind for one in own),
            *(sum(not one.problem(decoder) for one in own) for decoder in decoders),
        ]
        yield f"| {family} | {' | '.join(map(str, counts))} |"
    yield ""


def _broken(record: NetworkRecord) -> str:
    """Return what is wrong with a network under any decoder; empty if nothing is."""
    if record.kind:
        return f"{WORDS[record.kind]}: {record.reason}"
    for size, found in (("own size", record.own), ("97×131", record.odd)):
        for decoder, reason in found.items():
            return f"{size}{'' if decoder == ON_MAPS else f', {decoder}'}: {reason}"
    return ""


def _problems(records: Sequence[NetworkRecord], decoders: Sequence[str]) -> Iterator[str]:
    """Yield the networks with a problem, and those that a decoder refuses, by reason."""
    by_reason: dict[str, list[str]] = {}
    for record in records:
        if reason := _broken(record):
            by_reason.setdefault(reason, []).append(record.model)
        elif refused := _refusals(record.refused, decoders):
            by_reason.setdefault(refused, []).append(record.model)
    if by_reason:
        yield "| networks | problem | names |\n|---|---|---|"
    for reason, models in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        names = ", ".join(f"`{model}`" for model in models[:MOST_NAMES])
        more = f" and {len(models) - MOST_NAMES} more" if len(models) > MOST_NAMES else ""
        yield f"| {len(models)} | {reason.replace('|', '/')} | {names}{more} |"
    yield ""


def _refusals(refused: Mapping[str, str], decoders: Sequence[str]) -> str:
    return "; ".join(f"`{name}` {refused[name]}" for name in decoders if name in refused)
