"""``pluxel similar``."""

from __future__ import annotations

import click

from ._answers import Asking, Question, asking_options
from ._session import Session
from ._words import WordSource, search_options


@click.command()
@click.argument("words", nargs=-1)
@search_options
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many.")
@asking_options
@click.pass_obj
def similar(
    session: Session,
    words: tuple[str, ...],
    source: WordSource,
    k: int,
    stdin: bool,
    exclude: tuple[str, ...],
    restrict: int | None,
    as_json: bool,
) -> None:
    """Show the words nearest to each of WORDS, and their cosines.

    A phrase in quotes, such as "traffic light", has the mean direction of its words. The words of
    a question are left out of its answer.
    """
    if stdin == bool(words):
        raise click.UsageError("Give words, or --stdin.")
    search = source.search(session)
    asking = Asking(search, k, exclude, restrict, as_json)
    if stdin:
        asking.stream(lambda line: Question(line, lambda: search.word(line)))
    else:
        asking.ask([Question(word, lambda word=word: search.word(word)) for word in words])
