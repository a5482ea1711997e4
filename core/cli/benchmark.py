"""``pluxel benchmark``: compare costs and bounds side by side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import click

from ..common.text import extent
from ._completed import completed
from ._groups import Group
from ._options import as_json, config_argument, device, overrides
from ._session import Session

if TYPE_CHECKING:
    from ..engine.evaluation.dense_evaluation import DenseEvaluation
    from ..engine.evaluation.upper_bound import Bounds


@click.group(cls=Group)
def benchmark() -> None:
    """Compare costs and bounds side by side."""


@benchmark.command()
@click.argument("config", default="voc_dense_alexnet", shell_complete=completed("config"))
@overrides
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Timed runs per method; the median is reported.",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.  [default: all]")
@device("cpu")
@click.pass_obj
def dense(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    rounds: int,
    threads: int | None,
    device: str | None,
) -> None:
    """Time dense evaluation of a classifier (FCN, section 3.1).

    Compares one pass of the backbone of CONFIG over 500×500 pixels with as many crops of 224×224 as
    its map has cells: forward alone, and forward with backward. The default CONFIG,
    voc_dense_alexnet, is the paper's AlexNet, which gives a 10×10 map.
    """
    import torch

    from ..config._load import load_config
    from ..engine.evaluation.dense_evaluation import dense_evaluation

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = load_config(config, settings, host=session.host)
    found = dense_evaluation(loaded, rounds=rounds, device=device or "cpu")
    click.echo("\n".join(_lines(found)))


def _lines(result: DenseEvaluation) -> list[str]:
    lines = [
        f"{result.backbone}, {extent(result.cells)} cells (height × width)",
        f"{'':<26}{'one pass':>10}{'crops':>10}{'ratio':>8}",
    ]
    for title, values, unit in (
        ("multiply-adds, 10⁹", result.multiply_adds, 1e9),
        ("forward, s", result.forward, 1),
        ("forward and backward, s", result.backward, 1),
    ):
        dense, crops = values["one pass"], values["crops"]
        lines.append(f"{title:<26}{dense / unit:>10.3f}{crops / unit:>10.3f}{crops / dense:>7.1f}×")
    return lines


@benchmark.command("upper-bound")
@config_argument
@overrides
@click.option(
    "--split",
    default="val",
    show_default=True,
    help="Key of `splits` in the configuration (train, val, …), or a split of the dataset.",
    shell_complete=completed("split"),
)
@click.option(
    "--interpolation",
    type=click.Choice(["nearest", "bilinear"]),
    default="nearest",
    show_default=True,
    help="nearest: a cell has the class of its central pixel, and so have all of its pixels; "
    "bilinear: a cell has the share of each class, and shares are interpolated.",
)
@as_json()
@click.pass_obj
def upper_bound(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    split: str,
    interpolation: Literal["nearest", "bilinear"],
    as_json: bool,
) -> None:
    """Score the ground truth after sampling it down by 128, 64, 32, 16, 8 or 4, and up again.

    These are the best scores that predictions of such a stride can reach (FCN, section 4.3).
    """
    from ..config._load import load_config
    from ..engine.evaluation.upper_bound import upper_bounds
    from ..engine.trained import NOT_OF_EVALUATION

    loaded = load_config(config, settings, host=session.host, unread=NOT_OF_EVALUATION)
    found = upper_bounds(loaded, split, interpolation=interpolation)
    click.echo(
        json.dumps(_bounds(found, split, interpolation), indent=2)
        if as_json
        else "\n".join(_bound_lines(found, split, interpolation))
    )


def _bound_lines(found: Bounds, split: str, interpolation: str) -> list[str]:
    lines = [f"ground truth of {split}, down and up again ({interpolation}), in percent"]
    for head, bounds in found.items():
        lines += [f"[{head}]"] if len(found) > 1 else []
        lines.append(f"{'factor':>6}{'pixel':>8}{'mean':>8}{'IoU':>8}{'f.w. IoU':>10}")
        for factor, scores in bounds.items():
            pixel, mean, iou, weighted = (
                f"{100 * value:.1f}"
                for value in (
                    *(scores.pixel_accuracy, scores.mean_accuracy),
                    *(scores.mean_iou, scores.frequency_weighted_iou),
                )
            )
            lines.append(f"{factor:>6}{pixel:>8}{mean:>8}{iou:>8}{weighted:>10}")
    return lines


def _bounds(found: Bounds, split: str, interpolation: str) -> dict[str, object]:
    heads = {
        head: {str(factor): scores.overall() for factor, scores in bounds.items()}
        for head, bounds in found.items()
    }
    return {"split": split, "interpolation": interpolation, "heads": heads}
