"""Format results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OVERALL = {
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_iou": "mean IoU",
    "mean_iou_foreground": "mean IoU, foreground",
    "frequency_weighted_iou": "frequency-weighted IoU",
}
PRESENT = {"mean_iou_present": "mean IoU, if present"}
"""Shown only if it differs from the mean IoU."""

ZERO_SHOT = {
    "seen_mean_iou": "mean IoU, seen",
    "unseen_mean_iou": "mean IoU, unseen",
    "harmonic_mean_iou": "harmonic mean of both",
}


def table(results: Mapping[str, Any]) -> str:
    """Return the overall scores and the classes of ``results.json`` in percent, and the loss."""
    lines = []
    for head, found in results["heads"].items():
        if len(results["heads"]) > 1:
            lines.append(f"[{head}]")
        titles = OVERALL | (PRESENT if found["false_alarms"] else {})
        lines += [*_titled(found["overall"], titles), "", *_classes(found["per_class"])]
        if "zero_shot" in found:
            lines += ["", *_titled(found["zero_shot"], ZERO_SHOT)]
            lines.append(f"unseen in training: {', '.join(found['zero_shot']['unseen'])}")
        alarms = found["false_alarms"]
        if unseen := [name for name in found["absent"] if name not in alarms]:
            lines.append(f"absent (left out of the means): {', '.join(unseen)}")
        if alarms:
            lines.append(f"predicted although absent (0 in mean IoU): {', '.join(alarms)}")
        lines.append("")
    loss = "unknown" if results["loss"] is None else f"{results['loss']:.4f}"
    lines.append(f"loss {loss}, split {results['split']}, step {results['step']}")
    return "\n".join(lines)


def _titled(scores: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    known = {name: title for name, title in titles.items() if name in scores}
    return [f"{title:<24}{_percent(scores[name])}" for name, title in known.items()]


def _classes(per_class: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    width = max(24, *(len(name) + 2 for name in per_class))
    rows = [f"{'class':<{width}}{'IoU':>6}{'accuracy':>10}"]
    for name, scores in per_class.items():
        rows.append(f"{name:<{width}}{_percent(scores['iou'])}{_percent(scores['accuracy']):>10}")
    return rows


def _percent(value: float | None) -> str:
    return f"{'–' if value is None else format(100 * value, '.1f'):>6}"
