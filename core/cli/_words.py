"""Options that select word vectors, shared by all commands that use them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...registry import PluxelError, did_you_mean
from ._completed import completed, completed_component
from ._options import as_overrides, device, set_option
from ._session import Session

if TYPE_CHECKING:
    from ..config._load_words import WordsConfig
    from ..embeddings import WordSearch, WordVectors

_NONE = """\
No word vectors selected. Give --embedding NAME, such as glove with --set name=6B --set dim=50, or \
--config FILE. $PLUXEL_EMBEDDING sets the default. pluxel embeddings list shows what is \
available."""


_ADVICE = re.compile(r"\b(set|or|with) '(\w+): ([^'{}]+)'")
"""Advice in an error to write a line of YAML."""


def _as_options(text: str) -> str:
    """Replace advice to write YAML by advice to give ``--set``."""
    text = _ADVICE.sub(r"\1 --set \2=\3", text)
    return text.replace("set --set", "give --set")


@dataclass(frozen=True)
class WordSource:
    """Word vectors as the options select them: a file or a name, and settings."""

    config: str | None = None
    embedding: str | None = None
    settings: tuple[str, ...] = ()

    def reading(self, path: Path, session: Session) -> WordSource:
        """Return a source for a file, read by the named component or by the one for the file."""
        from ..config.tree.emit import scalar
        from ..config.tree.overrides import Given
        from ..embeddings import reader_of

        name = self.embedding or reader_of(session.host, path).qualified
        file = Given(f"embedding.file={scalar(str(path))}", str(path))
        return replace(self, embedding=name, settings=(file, *self.settings))

    def load(self, session: Session) -> WordsConfig:
        """Read and validate the configuration; $PLUXEL_EMBEDDING is the default.

        Raises: ConfigError, or UsageError if nothing selects word vectors.
        """
        from ..config._load_words import load_words
        from ..config.tree.overrides import Given

        named = any(setting.startswith("embedding") for setting in self.settings)
        default = os.environ.get("PLUXEL_EMBEDDING") if not (self.config or named) else None
        embedding = self.embedding or default
        if not (self.config or named or embedding):
            raise click.UsageError(_NONE)
        name = ()
        if embedding:
            given = f"$PLUXEL_EMBEDDING={default}" if default else f"--embedding {embedding}"
            name = (Given(_override(session, embedding), given),)
        return load_words(self.config, (*name, *self.settings), host=session.host)

    def words(self, session: Session) -> WordVectors:
        """Return the vectors, converted on first use, then memory-mapped."""
        return _built(self.load(session))

    def search(self, session: Session) -> WordSearch:
        """Return the vectors with the selected index."""
        from ..embeddings import WordSearch

        loaded = self.load(session)
        chosen = loaded.settings
        return WordSearch.build(_built(loaded), chosen.index, chosen.device)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--config``, ``--embedding`` and ``--set``, passed together as ``source``."""

    @wraps(command)
    def collected(
        *arguments: Any,
        config: str | None,
        embedding: str | None,
        settings: tuple[str, ...],
        **others: Any,
    ) -> None:
        try:
            command(*arguments, source=WordSource(config, embedding, settings), **others)
        except PluxelError as error:  # its advice names keys of YAML: name the options
            error.message = _as_options(error.message)
            error.notes = tuple(map(_as_options, error.notes))
            raise

    config = click.option(
        "--config",
        metavar="FILE",
        shell_complete=completed("config"),
        help="YAML file of word vectors, or the name of a shipped one.",
    )
    embedding = click.option(
        "--embedding",
        metavar="NAME",
        shell_complete=completed_component("embedding"),
        help="Component, such as glove, or name of vectors, such as glove.6B.50d.  "
        "[default: $PLUXEL_EMBEDDING]",
    )
    settings = set_option("Set a key of the embedding, such as dim=50, or index=… or device=….")
    return config(embedding(settings(collected)))


def search_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `source_options`, and ``--index`` and ``--device``."""

    @wraps(command)
    def collected(
        *arguments: Any, source: WordSource, index: str | None, device: str | None, **others: Any
    ) -> None:
        more = as_overrides(index=index, device=device)
        whole = replace(source, settings=(*source.settings, *more))
        command(*arguments, source=whole, **others)

    index = click.option(
        "--index",
        metavar="INDEX",
        shell_complete=completed("index"),
        help="exact, or one of faiss_hnsw and faiss_ivf (approximate).  [default: exact]",
    )
    return source_options(index(device("cpu")(collected)))


def _built(loaded: WordsConfig) -> WordVectors:
    from ..common.progress import configure_logging
    from ..embeddings import WordVectors

    configure_logging()
    with loaded.at("embedding"):
        return WordVectors.of(loaded.settings.embedding())


def _override(session: Session, name: str) -> str:
    """Return the override ``embedding=…`` for ``--embedding NAME``.

    Raises: PluxelError with the nearest name if no component and no vectors have this name.
    """
    from ..config.tree.emit import scalar
    from ..embeddings import find_offer, offered

    host = session.host
    if host.owners("embedding", name):
        return f"embedding={scalar(name)}"
    if found := find_offer(host, name):
        return f"embedding={{type: {found.component.qualified}, name: {scalar(name)}}}"
    offers = [one.offer.alias for one in offered(host)]
    components = [one.name for one in host.components("embedding")]
    if near := did_you_mean(name, [*offers, *components]):
        raise PluxelError(f"unknown embedding '{name}'.{near}")
    return f"embedding={scalar(name)}"  # loading then reports the unknown name and failed plugins
