"""Format results as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..titles import OVERALL, PRESENT, ZERO_SHOT, title_of


def table(results: Mapping[str, Any]) -> str:
    """Return the overall scores and the classes of ``results.json`` in percent, and the loss."""
    lines = []
    for head, found in results["heads"].items():
        if len(results["heads"]) > 1:
            lines.append(f"[{head}]")
        titles = OVERALL | (PRESENT if found["false_alarms"] else {})
        titles |= {name: title_of(name) for name in found.get("mean_over_images", ())}
        lines += _titled(found["overall"], titles)
        lines += ["", *_classes(found["per_class"])]
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
    width = wide(known.values())
    return [f"{title:<{width}}{percent(scores[name])}" for name, title in known.items()]


def wide(names: Iterable[str]) -> int:
    """Return the width of a column for names."""
    return max(24, *(len(name) + 2 for name in names), 0)


def _classes(per_class: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    width = wide(per_class)
    first = next(iter(per_class.values()))
    titles = {name: title_of(name) for name in first}
    widths = {name: max(6, len(title) + 2) for name, title in titles.items()} | {"iou": 6}
    rows = ["".join(f"{title:>{widths[name]}}" for name, title in titles.items())]
    rows += [
        "".join(f"{percent(scores[name]):>{widths[name]}}" for name in titles)
        for scores in per_class.values()
    ]
    return [f"{n:<{width}}{row}" for n, row in zip(("class", *per_class), rows, strict=True)]


def percent(value: float | None) -> str:
    """Return a share in percent, six characters wide; a dash if it is undefined."""
    return f"{'–' if value is None else format(100 * value, '.1f'):>6}"
