"""``pluxel analogy``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...registry import PluxelError
from ._answers import Asking, Question, asking_options
from ._session import Session
from ._words import WordSource, search_options

if TYPE_CHECKING:
    from ..embeddings import Query, WordSearch

_THREE = "give three words, such as: man woman son (man is to woman as son is to …)"


@click.command()
@click.argument("words", nargs=-1, metavar="A B C")
@click.option(
    "-k", type=click.IntRange(min=1), default=1, show_default=True, help="Number of answers."
)
@search_options
@asking_options
@click.pass_obj
def analogy(
    session: Session,
    words: tuple[str, ...],
    source: WordSource,
    k: int,
    stdin: bool,
    exclude: tuple[str, ...],
    restrict: int | None,
    as_json: bool,
) -> None:
    """Complete "A is to B as C is to …".

    Prints the words nearest to B − A + C, computed with unit vectors, except A, B and C (3CosAdd:
    Mikolov, Yih & Zweig 2013). --stdin reads three words per line, separated by spaces, or by tabs
    if they are phrases.
    """
    if stdin == bool(words) or (words and len(words) != 3):
        raise click.UsageError(f"{_THREE}; or --stdin.".capitalize())
    search = source.search(session)
    asking = Asking(search, k, exclude, restrict, as_json)
    if stdin:
        asking.stream(lambda line: Question(line, lambda: _query(search, _split(line))))
    else:
        asking.ask([Question(" ".join(words), lambda: _query(search, words))])


def _split(line: str) -> list[str]:
    return line.split("\t" if "\t" in line else None)


def _query(search: WordSearch, words: Sequence[str]) -> Query:
    if len(words) != 3:
        raise PluxelError(_THREE)
    return search.analogy(*words)
