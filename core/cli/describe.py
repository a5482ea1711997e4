"""``pluxel describe``: layers, grids, receptive fields, parameters and costs of a network."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from ..common.text import extent
from ._completed import completed
from ._options import ImageSize, as_json, overrides
from ._session import Session

if TYPE_CHECKING:
    from ..engine.description import Description
    from ..model.summary import ModuleCall, PartSummary


@click.command()
@click.argument("config", metavar="CONFIG|RUN", shell_complete=completed("config_or_run"))
@overrides
@click.option(
    "--size",
    type=ImageSize(),
    metavar="HEIGHTxWIDTH",
    default="512x512",
    show_default=True,
    help="Height and width of the image in pixels.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="Levels of modules to open.  [default: as many as give at most 40 rows per part]",
)
@as_json()
@click.pass_obj
def describe(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    size: tuple[int, int],
    depth: int | None,
    as_json: bool,
) -> None:
    """Show the layers of a network, with their grids, receptive fields, parameters and costs.

    Computes everything without data and without weights, for one image of --size. Grids are in
    pixels of the image: cell i of a map is centered at offset + i · stride. Multiply-adds are those
    of convolutions and matrix products.
    """
    from ..engine.description import describe as described

    found = described(config, settings, size=size, depth=depth, host=session.host)
    click.echo(json.dumps(_json(found), indent=2) if as_json else "\n".join(_lines(found)))


_TITLES = (
    "",
    "layer",
    "output",
    "stride",
    "offset",
    "receptive field",
    "parameters",
    "G mult-adds",
    "MiB",
)


def _lines(found: Description) -> list[str]:
    summary = found.summary
    lines = [f"for one image of {extent(summary.size)} pixels (height × width)", ""]
    for part in summary.parts:
        lines += [*_table(part), ""]
    frozen = summary.parameters - summary.trained
    trained = f", {frozen:,} of them frozen" if frozen else ""
    return [
        *lines,
        f"parameters          {summary.parameters:,}{trained}",
        f"multiply-adds       {_giga(summary.multiply_adds)} G",
        f"activations         {_mib(summary.prediction_bytes)} MiB at most in prediction, "
        f"{_mib(summary.training_bytes)} MiB kept for the backward pass",
        *(f"note: {note}" for note in found.notes),
    ]


def _table(part: PartSummary) -> list[str]:
    total = f"{part.title}: {part.parameters:,} parameters"
    if not part.calls:
        return [total]
    rows = [_TITLES, *map(_row, part.calls)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    lines = [
        "  ".join(
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [f"{total}, {_giga(part.multiply_adds)} G multiply-adds", *map(str.rstrip, lines)]


def _row(call: ModuleCall) -> Sequence[str]:
    stride, offset, field = _grid(call)
    state = "" if call.trained == call.parameters else " frozen" if not call.trained else " partly"
    return (
        call.name,
        call.kind,
        "×".join(map(str, call.shape[1:])),
        stride,
        offset,
        field,
        f"{call.parameters:,}{state}" if call.parameters else "",
        _giga(call.multiply_adds) if call.multiply_adds else "",
        _mib(call.bytes),
    )


def _grid(call: ModuleCall) -> tuple[str, str, str]:
    if call.located is None:
        return "", "", ""
    rows, columns = call.located.extents
    sees = (
        "image" if call.located.everything else _both(rows.receptive_field, columns.receptive_field)
    )
    return _both(rows.stride, columns.stride), _both(rows.offset, columns.offset), sees


def _both(rows: Fraction, columns: Fraction) -> str:
    return str(rows) if rows == columns else f"{rows}×{columns}"


def _giga(count: int) -> str:
    return f"{count / 1e9:,.4g}"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.2f}"


def _json(found: Description) -> dict[str, Any]:
    summary = found.summary
    return {
        "size": [*summary.size],
        "parts": [
            {
                "part": part.title,
                "parameters": part.parameters,
                "trained": part.trained,
                "multiply_adds": part.multiply_adds,
                "layers": [_layer(call) for call in part.calls],
            }
            for part in summary.parts
        ],
        "parameters": summary.parameters,
        "trained": summary.trained,
        "frozen": summary.parameters - summary.trained,
        "multiply_adds": summary.multiply_adds,
        "prediction_bytes": summary.prediction_bytes,
        "training_bytes": summary.training_bytes,
        "notes": [*found.notes],
    }


def _layer(call: ModuleCall) -> dict[str, Any]:
    grid: dict[str, Any] = {"stride": None, "offset": None, "receptive_field": None}
    if call.located is not None:
        extents = call.located.extents
        grid["stride"] = [float(one.stride) for one in extents]
        grid["offset"] = [float(one.offset) for one in extents]
        if not call.located.everything:
            grid["receptive_field"] = [math.ceil(one.receptive_field) for one in extents]
    return {
        "name": call.name,
        "type": call.kind,
        "output": [*call.shape],
        **grid,
        "parameters": call.parameters,
        "trained": call.trained,
        "multiply_adds": call.multiply_adds,
        "bytes": call.bytes,
    }
