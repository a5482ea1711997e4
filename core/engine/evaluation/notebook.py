"""Results as an HTML table, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ..titles import title_of


def html_table(results: Mapping[str, Any]) -> str:
    """Return the overall scores and those of each class of `Evaluation.to_json` in percent."""
    parts = []
    for head, found in results["heads"].items():
        overall = "".join(
            f"<tr><td>{escape(title_of(name))}</td><td>{_percent(value)}</td></tr>"
            for name, value in found["overall"].items()
        )
        classes = found["per_class"]
        names = [*dict.fromkeys(name for scores in classes.values() for name in scores)]
        header = "".join(f"<th>{escape(one)}</th>" for one in ("class", *map(title_of, names)))
        rows = "".join(
            f"<tr><td>{escape(name)}</td>"
            + "".join(f"<td>{_percent(scores.get(one))}</td>" for one in names)
            + "</tr>"
            for name, scores in classes.items()
        )
        title = f"<b>{escape(head)}</b>" if len(results["heads"]) > 1 else ""
        parts.append(f"{title}<table>{overall}</table><table><tr>{header}</tr>{rows}</table>")
    loss = results["loss"]
    return "".join(parts) + f"loss {'unknown' if loss is None else format(loss, '.4f')}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
