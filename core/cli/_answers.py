"""Answer questions about words, one by one or as a stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from ._options import as_json

if TYPE_CHECKING:
    from ..embeddings import Query, WordMatch, WordSearch

_CHUNK = 1 << 16
"""Largest number of bytes to read at once."""

_BATCH = 256
"""Largest number of questions to answer before printing."""


def asking_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--stdin``, ``--exclude``, ``--restrict`` and ``--json``."""
    options: list[Callable[[Callable[..., None]], Callable[..., None]]] = [
        as_json("Print one JSON object per line."),
        click.option(
            "--restrict",
            metavar="N",
            type=click.IntRange(min=1),
            help="Search only the first N words, the most frequent ones.",
        ),
        click.option("--exclude", metavar="WORD", multiple=True, help="Skip WORD. Repeatable."),
        click.option(
            "--stdin", is_flag=True, help="Read one question per line from standard input."
        ),
    ]
    for option in options:
        command = option(command)
    return command


class Question(NamedTuple):
    """What was asked, and what makes a query of it or raises a PluxelError."""

    text: str
    query: Callable[[], Query]


@dataclass(frozen=True)
class Answer:
    """What was found, or why nothing was."""

    question: str
    matches: Sequence[WordMatch] = ()
    error: str | None = None

    def json(self) -> str:
        """Return one line: ``{"query": …, "words": [{"word": …, "cosine": …}]}`` or ``error``."""
        words = [{"word": _printable(word), "cosine": cosine} for word, cosine in self.matches]
        found = {"words": words} if self.error is None else {"error": self.error}
        return json.dumps({"query": self.question, **found}, ensure_ascii=False)

    def table(self, *, headed: bool) -> str:
        """Return a line for each word; ``headed``: with the question in front."""
        start = f"{self.question}  " if headed else ""
        if self.error is not None:
            return f"{start}error: {self.error}"
        words = [_printable(word) for word, _ in self.matches]
        width = max(map(len, words), default=0)
        return "\n".join(
            f"{start}{word:<{width}}  {cosine:.3f}"
            for word, (_, cosine) in zip(words, self.matches, strict=True)
        )


@dataclass(frozen=True)
class Asking:
    """How questions are answered: ``k`` words each, without ``exclude``, of the first ``first``."""

    search: WordSearch
    k: int
    exclude: tuple[str, ...]
    first: int | None
    as_json: bool

    def ask(self, questions: Sequence[Question]) -> None:
        """Answer all of them. Raises: PluxelError with all that is wrong with any of them."""
        from ...registry import PluxelError

        answers = self._answers(questions)
        if errors := [answer.error for answer in answers if answer.error is not None]:
            raise PluxelError("\n".join(errors))
        self._show(answers, headed=len(answers) > 1)

    def stream(self, make: Callable[[str], Question]) -> None:
        """Answer each line of the standard input as it arrives.

        An error takes the place of a missing answer; the exit code is then 1.
        """
        failed = total = 0
        for lines in _batches(sys.stdin.buffer):
            answers = self._answers([make(line) for line in lines])
            self._show(answers, headed=True)
            failed += sum(answer.error is not None for answer in answers)
            total += len(answers)
        if failed:
            click.echo(f"{failed:,} of {total:,} failed", err=True)
            sys.exit(1)

    def _show(self, answers: Sequence[Answer], *, headed: bool) -> None:
        lines = [one.json() if self.as_json else one.table(headed=headed) for one in answers]
        click.echo("\n".join(lines))

    def _answers(self, questions: Sequence[Question]) -> list[Answer]:
        from ...registry import PluxelError

        made: list[Query | str] = []  # or why there is none
        for question in questions:
            try:
                made.append(question.query())
            except PluxelError as error:
                made.append(error.message)
        queries = [one for one in made if not isinstance(one, str)]
        found = iter(self.search.nearest(queries, self.k, exclude=self.exclude, first=self.first))
        return [
            Answer(_printable(question.text), error=_printable(one))
            if isinstance(one, str)
            else Answer(_printable(question.text), next(found))
            for question, one in zip(questions, made, strict=True)
        ]


def _batches(stream: BinaryIO) -> Iterator[list[str]]:
    """Yield batches of the lines that have arrived, without empty lines."""
    rest = b""
    while chunk := stream.read1(_CHUNK):  # pyright: ignore[reportAttributeAccessIssue]
        *whole, rest = (rest + chunk).split(b"\n")
        yield from _filled(whole)
    yield from _filled([rest])


def _filled(lines: Sequence[bytes]) -> Iterator[list[str]]:
    texts = [line.decode("utf-8", "surrogateescape").strip() for line in lines]
    filled = list(filter(None, texts))
    for start in range(0, len(filled), _BATCH):
        yield filled[start : start + _BATCH]


def _printable(text: str) -> str:
    """Return a text with replacement characters for bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
