"""The heads of a report: what the template writes as tables, and what scripts draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ....registry import Host
from ...contracts.colors import hex_color
from ...contracts.labels import LabelSpace
from ...pictures.masks import color_of
from ..evaluation.bootstrap import make_blocks
from ..evaluation.image_statistics import ImageStatistics
from ..titles import title_of
from ..trained import Trained
from .gallery import ReportGallery
from .head_report import HeadReport, ScoreTables


@dataclass(frozen=True)
class ReportedHead:
    """A head on a page.

    ``colors``: ``#rrggbb`` of each class. ``ignore``: the class index of ignored pixels; -1 if it
    is unknown. ``confusion``, ``reliability``, ``sizes``, ``images``: as `HeadReport` returns them.
    ``pictures``: as `ReportGallery` does.
    """

    name: str
    classes: Sequence[str]
    colors: Sequence[str]
    ignore: int
    tables: ScoreTables
    confusion: Mapping[str, Any]
    reliability: Mapping[str, Any] | None
    sizes: Mapping[str, Any] | None
    images: Mapping[str, Any]
    pictures: Sequence[Mapping[str, Any]]

    def for_scripts(self) -> dict[str, Any]:
        """Return everything but the tables, which the template writes."""
        names = [one.name for one in fields(self) if one.name != "tables"]
        return {name: getattr(self, name) for name in names}


def reported_heads(
    kept: ImageStatistics, trained: Trained | None, gallery: ReportGallery | None, host: Host
) -> tuple[list[ReportedHead], str, list[str]]:
    """Return the heads, how images were resampled for the intervals, and notes for readers."""
    blocks = make_blocks(kept.names, kept.groups)
    notes, heads = [blocks.caution] if blocks.caution else [], []
    spaces = trained.blueprint.label_spaces() if trained else {}
    for name, head in kept.heads.items():
        report = HeadReport(head, [*kept.names], blocks, host)
        heads.append(
            ReportedHead(
                name,
                [*head.class_names],
                _colors(spaces.get(name), len(head.class_names)),
                spaces[name].ignore_index if name in spaces else -1,
                report.tables(),
                report.confusion(),
                report.reliability(),
                report.sizes(),
                report.images(),
                gallery.of_head(name, report) if gallery else [],
            )
        )
        notes += report.notes
    notes += gallery.notes if gallery else []
    return heads, blocks.description, notes


def _colors(space: LabelSpace | None, count: int) -> Sequence[str]:
    if space is None or space.num_classes != count:
        return ["#888888"] * count
    return [hex_color(color_of(space, index)) for index in range(count)]


def summary_of(diagram: Mapping[str, Any] | None, heads: Sequence[ReportedHead]) -> str:
    """Return the network and its scores in a sentence; empty if neither is known."""
    parts = []
    if diagram:
        streams = " and ".join(one["backbone"] for one in diagram["streams"])
        decoders = ", ".join(one["decoder"] for one in diagram["heads"])
        parts.append(f"{decoders} on {streams}")
    for head in heads:
        of = f" of {head.name}" if len(heads) > 1 else ""
        scored = [one for one in head.tables.classes if one["iou"]["value"] is not None]
        overall = {one["title"]: one["value"] for one in head.tables.overall}
        mean = overall.get(title_of("mean_iou"))
        if scored and mean is not None:
            lowest = min(one["iou"]["value"] for one in scored)
            names = [one["name"] for one in scored if one["iou"]["value"] == lowest]
            which = f"class '{names[0]}'" if len(names) == 1 else f"{len(names)} classes"
            parts.append(
                f"mean IoU{of} {100 * mean:.1f} %, lowest for {which}: {100 * lowest:.1f} %"
            )
    return "; ".join(parts)
