"""Load a valid configuration of word vectors from files and overrides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...registry import Host, PluxelError
from ._config import Config, Written
from ._load import Layers, pipeline_of, read_file, validate, whole
from .sections.embedding import EmbeddingConfig, is_embedding, long_path
from .sections.places import root_place
from .sections.plain import to_plain
from .tree.emit import emit
from .tree.files import display
from .tree.nodes import Location, MapNode
from .tree.overrides import RANK, parse_overrides
from .tree.problems import Problems


@dataclass(frozen=True)
class WordsConfig(Written):
    """A valid configuration of word vectors: ``settings``, with defaults.

    ``source``: the file, or the working folder if there is none.
    """

    settings: EmbeddingConfig
    source: Path

    def show(self, *, origin: bool = False) -> str:
        """Return the configuration as YAML; ``origin`` appends the origin of each value."""
        tree = to_plain(self.settings, absolute=False)
        return emit(tree, (lambda path: self.origin(*path)) if origin else None)


def load_words(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    host: Host,
) -> WordsConfig:
    """Read a configuration of word vectors, as `load_config` reads one of a pipeline.

    Without ``path``, overrides such as ``embedding=glove`` are the whole configuration. An
    override that does not begin with a top-level key belongs to the embedding: ``dim=50`` means
    ``embedding.dim=50``.

    Raises: ConfigError with all problems, in file order; PluxelError if there is no such file, or
    if it describes a pipeline.
    """
    nothing = MapNode({}, Location("override", rank=RANK))
    file = Layers(Path(), nothing, Problems()) if path is None else read_file(path, host)
    if file.tree.entries and not is_embedding(file.tree):
        raise PluxelError(
            f"{display(file.source)} describes a pipeline; a file of word vectors has the "
            "form 'embedding: {type: …}'"
        )
    return _words(file, overrides, host)


def load_any(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    host: Host,
) -> Config | WordsConfig:
    """Read a configuration of either kind, which its keys determine.

    Raises: the same errors as `load_config`.
    """
    file = read_file(path, host)
    load = _words if is_embedding(file.tree) else pipeline_of
    return load(file, overrides, host)


def _words(file: Layers, overrides: Sequence[str], host: Host) -> WordsConfig:
    place = root_place(host)
    layer = parse_overrides(overrides, file.tree, place, file.problems, long_path)
    tree = whole(file.tree, layer, place, file.problems)
    settings = validate(tree, EmbeddingConfig, host, file.problems)
    file.problems.stop_if_any()
    assert settings is not None
    return WordsConfig(tree, host, settings, file.source)
