"""Configuration files of word vectors and their search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator
from pluxel.core import load_config
from pluxel.core.config._config import Config
from pluxel.core.config._load_words import WordsConfig, load_any, load_words
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.core.embeddings import Download
from pluxel.registry import Component, Host, PluxelError, hookimpl

HERE = __name__


class Toy:
    def __init__(self, *, dim: int = 50, name: str = "6B", unknown: str = "error") -> None:
        self.dim, self.name, self.unknown = dim, name, unknown
        self.itos, self.vectors = ["a"], torch.zeros(1, dim)
        self.stoi = {"a": 0}


class Plugin:
    @hookimpl
    def pluxel_embeddings(self) -> list[Component]:
        return [
            Component("glove", f"{HERE}:Toy", "Toy vectors."),
            Component("table", f"{HERE}:Toy", "Others."),
            Component("offering", f"{HERE}:Offering", "Toy vectors to download."),
        ]


@pytest.fixture(scope="module")
def words_host() -> Any:
    import sys  # noqa: PLC0415

    sys.modules.setdefault(HERE, sys.modules[Toy.__module__])
    return Host(plugins={"acme-words": Plugin()})


@pytest.fixture(scope="module")
def words_schema(words_host: Host) -> Draft202012Validator:
    return Draft202012Validator(config_schema(words_host))


class Offering(Toy):
    @classmethod
    def aliases(cls) -> tuple[Download, ...]:
        return (Download("toy.3d", "https://example.org/toy.zip"),)


Write = Callable[[str, str], Path]
GLOVE = "embedding:\n  type: glove\n  dim: 100\nindex: faiss_ivf\n"


def test_a_vector_name_in_place_of_a_component_gets_a_hint(words_host: Host, write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load_words(write("x.yaml", "embedding: toy.3d\n"), host=words_host)
    assert "unknown embedding 'toy.3d'" in str(caught.value)
    assert "by embedding 'offering': {type: offering, name: toy.3d}" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load_words(write("x.yaml", "embedding: toy.4d\n"), host=words_host)
    assert "offers" not in str(caught.value)


def test_a_file_loads(words_host: Host, write: Write) -> None:
    loaded = load_words(write("x.yaml", GLOVE), host=words_host)
    assert isinstance(loaded, WordsConfig)
    settings = loaded.settings
    assert (settings.index, settings.device) == ("faiss_ivf", "cpu")
    assert settings.embedding().dim == 100
    assert str(loaded.locate(("embedding", "dim"))) == "x.yaml:3:8"
    assert loaded.origin("index") == "x.yaml:4:8"
    assert loaded.origin("device") == "default"


def test_shown_yaml_loads_as_the_same_configuration(words_host: Host, write: Write) -> None:
    loaded = load_words(write("x.yaml", GLOVE), ["dim=3"], host=words_host)
    shown = loaded.show()
    assert shown.startswith("embedding:\n  type: acme-words/glove\n  dim: 3\n")
    again = load_words(write("y.yaml", shown), host=words_host)
    assert again.settings == loaded.settings
    assert "dim: 3" in loaded.show(origin=True)
    assert "# override 'dim=3'" in loaded.show(origin=True)


def test_overrides_without_a_file(words_host: Host, folder: Path) -> None:
    settings = load_words(None, ["embedding=glove", "name=42B"], host=words_host).settings
    assert settings.embedding().name == "42B"
    with pytest.raises(ConfigError, match="missing 'embedding'"):
        load_words(None, ["index=exact"], host=words_host)


def test_override_paths_start_at_the_file_or_the_embedding(words_host: Host, write: Write) -> None:
    path = write("x.yaml", GLOVE)
    overrides = ["dim=3", "index=exact", "embedding.unknown=zero", "device=cuda:1"]
    settings = load_words(path, overrides, host=words_host).settings
    made = settings.embedding()
    assert (made.dim, made.unknown, settings.index) == (3, "zero", "exact")
    assert settings.device == "cuda:1"
    with pytest.raises(ConfigError) as caught:
        load_words(path, ["dim=3", "embedding.dim=4"], host=words_host)
    assert str(caught.value) == "override 'embedding.dim=4': contradicts override 'dim=3'"


def test_another_embedding_replaces_the_parameters(words_host: Host, write: Write) -> None:
    path = write("x.yaml", GLOVE)
    assert load_words(path, ["embedding=table"], host=words_host).settings.embedding().dim == 50
    assert load_words(path, ["embedding=glove"], host=words_host).settings.embedding().dim == 100


def test_a_base_and_references(words_host: Host, write: Write) -> None:
    write("base.yaml", GLOVE)
    path = write("x.yaml", "base: base.yaml\nindex: exact\nembedding: {dim: '${env:DIM,7}'}\n")
    settings = load_words(path, host=words_host).settings
    assert (settings.index, settings.embedding().dim) == ("exact", 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("embeding: glove\n", "x.yaml:1:1: unknown key 'embeding'. Did you mean 'embedding'?"),
        ("embedding: glvoe\n", "x.yaml:1:12: unknown embedding 'glvoe'. Did you mean 'glove'?"),
        (
            "embedding: {type: glove, dmi: 3}\n",
            "x.yaml:1:26: embedding 'glove' has no parameter 'dmi'. Did you mean 'dim'?",
        ),
        (
            "embedding: {type: glove, dim: many}\n",
            "x.yaml:1:31: embedding.dim: expected a whole number, not 'many'",
        ),
        (
            "embedding: glove\nindex: faiss\n",
            "x.yaml:2:8: index: expected 'exact', 'faiss_hnsw' or 'faiss_ivf', not 'faiss'. "
            "Did you mean 'faiss_ivf'?",
        ),
        (
            "embedding: glove\ndevice: gpu\n",
            "x.yaml:2:9: unknown device 'gpu'. Did you mean 'cuda'?",
        ),
        (
            "embedding: glove\ndevice: mps\n",
            "x.yaml:2:9: cosines need float64, which mps does not support: use cpu",
        ),
        (
            "embedding: glove\nindx: exact\n",
            "x.yaml:2:1: unknown key 'indx'. Did you mean 'index'?",
        ),
        (
            "embedding: glove\nseed_: 1\n",
            "x.yaml:2:1: unknown key 'seed_'. Known keys: base, device, embedding, index",
        ),
        ("index: exact\n", "x.yaml:1:1: missing 'embedding'"),
        (
            "embedding: glove\nembedding: table\n",
            "x.yaml:2:1: key 'embedding' is given twice: first at x.yaml:1:1",
        ),
    ],
)
def test_errors_have_locations(words_host: Host, write: Write, text: str, message: str) -> None:
    path = write("x.yaml", text)
    for load in (load_words, load_any):
        with pytest.raises(ConfigError) as caught:
            load(path, host=words_host)
        assert message in str(caught.value).splitlines()


def test_each_loader_rejects_the_other_kind(words_host: Host, write: Write, small: str) -> None:
    with pytest.raises(PluxelError) as caught:
        load_config(write("x.yaml", GLOVE), host=words_host)
    assert str(caught.value) == (
        "x.yaml describes word vectors, not a pipeline; use it with "
        "pluxel similar --config and related commands"
    )
    with pytest.raises(PluxelError) as caught:
        load_words(write("y.yaml", small), host=words_host)
    assert str(caught.value) == (
        "y.yaml describes a pipeline; a file of word vectors has the form 'embedding: {type: …}'"
    )


def test_the_keys_determine_the_kind(
    host: Host, words_host: Host, write: Write, small: str
) -> None:
    assert isinstance(load_any(write("x.yaml", GLOVE), host=words_host), WordsConfig)
    assert isinstance(load_any(write("y.yaml", small), host=host), Config)
    with pytest.raises(ConfigError, match="unknown key 'embedding'"):
        load_any(write("z.yaml", small + "embedding: glove\n"), host=host)
    with pytest.raises(ConfigError, match="missing 'dataset'"):
        load_any(write("z.yaml", "device: cpu\n"), host=host)


def test_shipped_configurations_load() -> None:
    """As a file, with and without overrides."""
    host = Host()
    settings = load_words("glove_6b_50d.yaml", host=host).settings
    assert settings.embedding.component.qualified == "pluxel/glove"
    assert dict(settings.embedding.params) | {"name": "6B", "dim": 50, "download": True} == dict(
        settings.embedding.params
    )
    assert (
        load_words("glove_6b_50d", ["dim=100"], host=host).settings.embedding.params["dim"] == 100
    )


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (GLOVE, True),
        ("embedding: glove\n", True),
        ("embedding: acme-words/table\ndevice: cuda\n", True),
        ("embedding: {type: glove, dim: '${x}'}\n", True),
        ("base: x.yaml\nindex: exact\n", True),
        ("base: x.yaml\nembedding: {dim: 3}\n", True),
        ("index: exact\n", False),
        ("embedding: glvoe\n", False),
        ("embedding: {type: glove, dmi: 3}\n", False),
        ("embedding: {type: glove, dim: many}\n", False),
        ("embedding: glove\nindex: faiss\n", False),
        ("embedding: glove\nseed: 1\n", False),
    ],
)
def test_the_schema(words_schema: Draft202012Validator, text: str, valid: bool) -> None:
    problems = Problems()
    tree = parse(text, lambda line, column: Location("f", line, column), problems)
    assert tree
    assert words_schema.is_valid(plain(tree)) is valid
