"""Write the report of a run: one web page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ....registry import Host, PluxelError, reason_of
from ...common.files import check_writable, replacing
from ...common.logs import logger
from ...contracts.colors import hex_color
from ...data.batch import Item
from ...data.samples import EvaluationData
from ...model.build import build_without_memory
from ...pictures.masks import ERRORS
from ...pictures.page import render
from ...pictures.saving import data_uri, webp_bytes
from ..evaluation.image_statistics import ImageStatistics
from ..evaluation.kept_results import read_results
from ..run import Run
from ..trained import Trained, open_run, open_trained
from .attempt import attempt
from .diagram import diagram_of, untrained_diagram
from .evaluated_images import EvaluatedImages, evaluated_data
from .facts import facts_of
from .gallery import ReportGallery
from .heads import ReportedHead, reported_heads, summary_of
from .series import phases_of, series_of

_SCRIPTS = (
    *("vendor/d3.min.js", "vendor/plot.min.js"),
    *("tables.js", "charts.js", "viewer.js", "report.js"),
)


@dataclass
class _PageContent:
    """What a page shows: ``heads``, the photographs that they share, and ``notes``."""

    heads: Sequence[ReportedHead] = ()
    photos: Sequence[str] = ()
    diagram: dict[str, Any] | None = None
    results: dict[str, Any] = field(default_factory=dict)
    blocks: str = ""
    notes: list[str] = field(default_factory=list)


def write_report(
    directory: Path, split: str = "val", *, host: Host, output: Path | None = None
) -> Path:
    """Write the report of a run on a split as a web page, and return its file.

    The page shows what is available, and says whether results, weights, images or plugins are
    missing. ``output``: by default, `Run.report_of`.

    Raises: PluxelError if ``directory`` is not a run, or if the file cannot be written.
    """
    path = output or Run(directory).report_of(split)
    check_writable(path, [] if output else ["--output DIRECTORY writes the page elsewhere"])
    page = report_page(directory, split, host=host)
    with replacing(path) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    return path


def try_report(directory: Path, split: str = "val", *, host: Host) -> Path | None:
    """Write the report of a run, or log why that fails; return its file."""
    try:
        return write_report(directory, split, host=host)
    except Exception as error:  # noqa: BLE001 - what the page is about has been done and written
        logger.warning("cannot write the report of %s: %s", directory, reason_of(error)[0])
        return None


@dataclass(frozen=True)
class LiveSource:
    """Where a served page learns of changes: its ``version``, and how often it asks for it."""

    version: str
    seconds: float


def report_page(
    directory: Path, split: str = "val", *, host: Host, live: LiveSource | None = None
) -> str:
    """Return the report of a run as HTML; ``live``: for a page that a server keeps current.

    Raises: PluxelError if ``directory`` is not a run.
    """
    run = open_run(directory)
    facts = facts_of(run)
    content = _content(run, split, host)
    records = run.records()
    return render(
        "report.html",
        f"Report of {directory.absolute().name}" + (f" on {split}" if content.heads else ""),
        package=__name__.rpartition(".")[0],
        scripts=(*_SCRIPTS, "live.js") if live else _SCRIPTS,
        sources={"connect-src": "'self'"} if live else {},
        facts=facts,
        summary=summary_of(content.diagram, content.heads),
        notes=[*facts.notes, *content.notes],
        content=content,
        split=split,
        panels=_panels(run),
        data={
            "live": live and asdict(live),
            "errors": [(name, hex_color(color)) for name, color in ERRORS.items()],
            "series": series_of(records),
            "phases": phases_of(records),
            "heads": [head.for_scripts() for head in content.heads],
            "photos": content.photos,
        },
        has_series=bool(records),
    )


def _content(run: Run, split: str, host: Host) -> _PageContent:
    content, kept = _PageContent(), None
    notes = content.notes
    has_weights = run.weights.exists()
    if has_weights or run.results_of(split).exists():
        read = partial(read_results, run, split)
        if found := attempt("The scores cannot be shown", read, notes):
            content.results, kept = found
    trained = model = data = None
    if not has_weights:
        what = ", so there are no pictures" if kept else " yet: they come with the first evaluation"
        notes.append(f"{run.directory} has no weights{what}.")
        draw = partial(untrained_diagram, run, host)
        if drawn := attempt("The network cannot be drawn", draw, notes):
            content.diagram, assumption = drawn
            notes += [f"In the pipeline, {assumption}."] if assumption else []
    elif trained := _opened(run, content, host):
        build = partial(build_without_memory, trained.config, trained.blueprint)
        model = attempt("The network cannot be built", build, notes)
        if model is not None and kept is not None:
            open_data = partial(evaluated_data, trained, model, kept.split)
            data = attempt("The images cannot be shown", open_data, notes)
        if model is not None:
            config, blueprint, image = trained.config, trained.blueprint, _image_of(data, kept)
            diagram = partial(diagram_of, config, blueprint, model, image)
            content.diagram = attempt("The network cannot be drawn", diagram, notes)
    if kept is not None:
        gallery = ReportGallery(EvaluatedImages(data, model, kept)) if data and model else None
        content.heads, content.blocks, more = reported_heads(kept, trained, gallery, host)
        content.photos = gallery.photos if gallery else ()
        notes += more
    return content


def _image_of(data: EvaluationData | None, kept: ImageStatistics | None) -> Item | None:
    """Return the first evaluated image, or None if it cannot be read anymore."""
    if data is None or kept is None:
        return None
    try:
        return data[kept.index_of(0)]
    except Exception:  # noqa: BLE001 - the gallery says why images cannot be read
        return None


def _opened(run: Run, content: _PageContent, host: Host) -> Trained | None:
    """Open the run as its evaluation did, or say why that fails."""
    try:
        return open_trained(run.directory, content.results.get("overrides", ()), host=host)
    except PluxelError as error:
        content.notes.append(f"The run cannot be opened, so there are no pictures: {error.message}")
        return None


def _panels(run: Run) -> list[dict[str, Any]]:
    """Return the panels of the same images through training, by step."""
    found = []
    for step, file in run.pictures.panels().items():
        try:
            with Image.open(file) as image:
                picture = np.asarray(image.convert("RGB"))
        except OSError as error:
            logger.warning("%s cannot be read: %s", file, error)
            continue
        found.append({"step": step, "address": data_uri(webp_bytes(picture))})
    return found
