"""``pluxel verify``: check claims of equality on your own pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..common.text import extent
from ._groups import Group
from ._options import ImageSize, config_argument, overrides

if TYPE_CHECKING:
    from ..engine.evaluation.differences import Difference
    from ..engine.evaluation.verification import DenseReport


@click.group(cls=Group)
def verify() -> None:
    """Check claims of equality on your own pipeline."""


@verify.command()
@config_argument
@overrides
@click.option(
    "--factor",
    type=click.IntRange(min=1),
    help="Ratio of coarse to dense stride.  [default: from CONFIG, else at most 4]",
)
@click.option(
    "--size",
    type=ImageSize(),
    metavar="HEIGHTxWIDTH",
    help="Height and width of the random image in pixels.",
)
@click.option("--double", is_flag=True, help="Compute in float64.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the random weights and image."
)
@click.pass_context
def dense(
    ctx: click.Context,
    config: str,
    settings: tuple[str, ...],
    factor: int | None,
    size: tuple[int, int] | None,
    double: bool,
    seed: int,
) -> None:
    """Compare shift-and-stitch with filter dilation for the network of CONFIG.

    Runs both with random weights on a random image. Prints the cost of each, the largest
    difference between their scores and its position. Exit code 1 if results that must match
    differ: the two forms of dilation everywhere, and shift-and-stitch and dilation wherever padding
    has no effect.
    """
    import torch

    from ..config._load import load_config
    from ..engine.evaluation.verification import verify_dense

    reports = verify_dense(
        load_config(config, settings, host=ctx.obj.host),
        factor=factor,
        size=size,
        dtype=torch.float64 if double else torch.float32,
        seed=seed,
    )
    for report in reports:
        click.echo("\n".join(_lines(report)))
    ctx.exit(0 if all(report.passed for report in reports) else 1)


def _lines(report: DenseReport) -> list[str]:
    lines = [
        f"head {report.head}, image {extent(report.size)} (height × width): stride {report.coarse} "
        f"→ {report.dense}",
        f"{'':<18}{'passes':>7}{'multiply-adds':>15}{'seconds':>10}",
    ]
    lines += [
        f"{each.name:<18}{each.passes:>7}{each.multiply_adds / 1e9:>13.2f} G{each.seconds:>10.2f}"
        for each in report.methods
    ]
    return lines + [_sentence(each, report.tolerance) for each in report.differences]


def _sentence(found: Difference, tolerance: float) -> str:
    (row, column), (y, x) = found.cell, found.pixel
    text = (
        f"{' and '.join(found.methods)} differ by at most {found.largest:.1e} of the range, in "
        f"cell ({row}, {column}), pixel ({y:g}, {x:g})"
    )
    if found.expected:
        return f"{text}: {_verdict(found.largest, tolerance)}"
    if found.interior is None:
        return f"{text}; padding affects every cell: give a larger --size"
    return (
        f"{text}; by {found.interior:.1e} in cells without padding: "
        f"{_verdict(found.interior, tolerance)}"
    )


def _verdict(difference: float, tolerance: float) -> str:
    return "equal" if difference <= tolerance else f"NOT equal (tolerance {tolerance:g})"
