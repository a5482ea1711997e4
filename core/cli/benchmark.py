"""``pluxel benchmark``: compare costs side by side on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._groups import Group
from ._options import device, overrides
from ._session import Session

if TYPE_CHECKING:
    from ..engine.evaluation.dense_evaluation import DenseEvaluation


@click.group(cls=Group)
def benchmark() -> None:
    """Compare costs side by side on this machine."""


@benchmark.command()
@click.argument("config", default="voc_dense_alexnet")
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
    rows, columns = result.cells
    lines = [
        f"{result.backbone}, {rows}×{columns} cells",
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
