"""``pluxel verify``: check claims of equality on your own pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._groups import Group
from ._options import config_argument, overrides

if TYPE_CHECKING:
    from ..engine.evaluation.verification import DenseReport, Difference


@click.group(cls=Group)
def verify() -> None:
    """Check claims of equality on your own pipeline."""


@verify.command()
@config_argument
@overrides
@click.option(
    "--factor",
    type=click.IntRange(min=1),
    help="Factor by which the scores get denser.  [default: that of CONFIG, else 4]",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    nargs=2,
    metavar="HEIGHT WIDTH",
    help="Size of the random image in pixels.",
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
    difference between their scores and its position. Exit code 1 if they differ where they must
    be equal: everywhere for the two forms of dilation, and in cells that see only the image
    for dilation and shift-and-stitch.
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
    height, width = report.size
    lines = [
        f"head {report.head}, image {height}×{width}: stride {report.coarse} → {report.dense}",
        f"{'':<18}{'passes':>7}{'multiply-adds':>15}{'seconds':>10}",
    ]
    lines += [
        f"{one.name:<18}{one.passes:>7}{one.multiply_adds / 1e9:>13.2f} G{one.seconds:>10.2f}"
        for one in report.methods
    ]
    return lines + [_sentence(one, report.tolerance) for one in report.differences]


def _sentence(one: Difference, tolerance: float) -> str:
    (row, column), (y, x) = one.cell, one.pixel
    text = (
        f"{' and '.join(one.methods)} differ by {one.largest:.1e} of the range at most, in "
        f"cell ({row}, {column}), pixel ({y:g}, {x:g})"
    )
    if one.expected:
        return f"{text}: {_verdict(one.largest, tolerance)}"
    if one.interior is None:
        return f"{text}; every cell sees beyond the image, where layers pad: give a larger --size"
    return (
        f"{text}; by {one.interior:.1e} in cells that see only the image: "
        f"{_verdict(one.interior, tolerance)}"
    )


def _verdict(difference: float, tolerance: float) -> str:
    return "equal" if difference <= tolerance else f"NOT equal (tolerance {tolerance:g})"
