"""``pluxel benchmark``: what things cost on this machine, each beside what it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._groups import Group
from ._session import Session

if TYPE_CHECKING:
    from ..engine.evaluation.dense_evaluation import DenseEvaluation


@click.group(cls=Group)
def benchmark() -> None:
    """Measure on this machine, side by side."""


@benchmark.command()
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where to compute.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the processor.  [default: all]")
@click.pass_obj
def dense(session: Session, rounds: int, device: str, threads: int | None) -> None:
    """Fast dense evaluation of a classifier (FCN, section 3.1).

    The 10×10 map of AlexNet from one pass over 500×500 pixels, against a batch of 100 crops:
    forward, and forward with backward.
    """
    import torch  # noqa: PLC0415 - the help stays light

    from ..engine.evaluation.dense_evaluation import dense_evaluation  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    click.echo("\n".join(_lines(dense_evaluation(session.host, rounds=rounds, device=device))))


def _lines(found: DenseEvaluation) -> list[str]:
    rows, columns = found.cells
    lines = [
        f"AlexNet, {rows}×{columns} cells",
        f"{'':<26}{'one pass':>10}{'crops':>10}{'ratio':>8}",
    ]
    for title, values, unit in (
        ("multiply-adds, 10⁹", found.multiply_adds, 1e9),
        ("forward, s", found.forward, 1),
        ("forward and backward, s", found.backward, 1),
    ):
        one, many = values["one pass"], values["crops"]
        lines.append(f"{title:<26}{one / unit:>10.3f}{many / unit:>10.3f}{many / one:>7.1f}×")
    return lines
