"""``pluxel similar``."""

from __future__ import annotations

import click

from ._answers import Asking, Question, asking_options
from ._session import Session
from ._words import WordSource, search_options


@click.command()
@click.argument("words", nargs=-1)
@click.option(
    "-k", type=click.IntRange(min=1), default=10, show_default=True, help="Number of answers."
)
@search_options
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
    """Print the words nearest to each of WORDS, with their cosines.

    Quote a phrase, such as "traffic light": it has the mean direction of its words. The answer
    leaves out the words of the question.
    """
    if stdin == bool(words):
        raise click.UsageError("Give words, or --stdin.")
    search = source.search(session)
    asking = Asking(search, k, exclude, restrict, as_json)
    if stdin:
        asking.stream(lambda line: Question(line, lambda: search.word(line)))
    else:
        asking.ask([Question(word, lambda word=word: search.word(word)) for word in words])
