"""Answer questions about words, one by one or as a stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from ...registry import PluxelError
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
    """The text of a question; ``query`` parses it or raises PluxelError."""

    text: str
    query: Callable[[], Query]


@dataclass(frozen=True)
class Answer:
    """The answer to a question: the nearest words, or an error."""

    question: str
    matches: Sequence[WordMatch] = ()
    error: str | None = None

    def json(self) -> str:
        """Return one line: ``{"query": …, "words": [{"word": …, "cosine": …}]}`` or ``error``."""
        words = [{"word": _printable(word), "cosine": cosine} for word, cosine in self.matches]
        result = {"words": words} if self.error is None else {"error": self.error}
        return json.dumps({"query": self.question, **result}, ensure_ascii=False)

    def table(self, *, headed: bool) -> str:
        """Return one line per word; ``headed``: start each with the question."""
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
    """Answers questions: ``k`` words each, without ``exclude``, among the first ``first`` words."""

    search: WordSearch
    k: int
    exclude: tuple[str, ...]
    first: int | None
    as_json: bool

    def ask(self, questions: Sequence[Question]) -> None:
        """Answer all questions. Raises: PluxelError with the errors of all questions."""
        answers = self._answers(questions)
        if errors := [answer.error for answer in answers if answer.error is not None]:
            raise PluxelError("\n".join(errors))
        self._show(answers, headed=len(answers) > 1)

    def stream(self, make: Callable[[str], Question]) -> None:
        """Answer each line of the standard input as it arrives.

        If a question has no answer, print an error in its place; the exit code is then 1.
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
        lines = [each.json() if self.as_json else each.table(headed=headed) for each in answers]
        click.echo("\n".join(lines))

    def _answers(self, questions: Sequence[Question]) -> list[Answer]:
        parsed: list[Query | str] = []  # a query, or the message of its error
        for question in questions:
            try:
                _check_encoding(question.text)
                parsed.append(question.query())
            except PluxelError as error:
                parsed.append(error.message)
        queries = [each for each in parsed if not isinstance(each, str)]
        matches = iter(self.search.nearest(queries, self.k, exclude=self.exclude, first=self.first))
        return [
            Answer(_printable(question.text), error=_printable(query))
            if isinstance(query, str)
            else Answer(_printable(question.text), next(matches))
            for question, query in zip(questions, parsed, strict=True)
        ]


def _batches(stream: BinaryIO) -> Iterator[list[str]]:
    """Yield batches of lines as they arrive, without empty lines."""
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


def _check_encoding(text: str) -> None:
    if _printable(text) != text:
        raise PluxelError("the text is not UTF-8: convert it first, for example with iconv")


def _printable(text: str) -> str:
    """Replace surrogates, which stand for bytes that are not UTF-8, in a text."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
