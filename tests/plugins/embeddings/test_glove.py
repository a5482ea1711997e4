"""GloVe releases by name, and files in their format, plain and compressed."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.common.files import MissingFile
from pluxel.plugins.embeddings import glove
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.plugins.embeddings.word2vec import Word2Vec
from pluxel.registry import PluxelError

from .conftest import WORDS, lines_of

Write = Callable[..., Path]

TORCHTEXT = [
    "glove.42B.300d",
    "glove.840B.300d",
    *(f"glove.twitter.27B.{dim}d" for dim in (25, 50, 100, 200)),
    *(f"glove.6B.{dim}d" for dim in (50, 100, 200, 300)),
]


OF_2024 = [
    *(f"glove.2024.wikigiga.{dim}d" for dim in (50, 100, 200, 300)),
    "glove.2024.dolma.300d",
]


def test_every_torchtext_name_and_those_of_2024_are_available() -> None:
    assert sorted(one.alias for one in GloVe.aliases()) == sorted([*TORCHTEXT, *OF_2024])


@pytest.mark.parametrize("name", OF_2024)
def test_vectors_of_2024_have_one_archive_each(name: str) -> None:
    with pytest.raises(MissingFile, match=rf"https://nlp.stanford.edu/data/wordvecs/{name}\.zip"):
        GloVe(name=name)


@pytest.mark.parametrize("name", TORCHTEXT)
def test_alias_equals_name_and_dim(name: str, cache: Path) -> None:
    base, _, dim = name.removeprefix("glove.").rpartition(".")
    texts = []
    for parameters in ({"name": name}, {"name": base, "dim": int(dim[:-1])}):
        with pytest.raises(MissingFile) as caught:
            GloVe(**parameters)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    assert f"{name} (https://nlp.stanford.edu/data/glove." in texts[0]
    assert str(cache / "downloads") in texts[0]
    assert "set 'download: true' to fetch it, or 'file: …' to use another copy" in str(
        caught.value.notes
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"name": "6b"}, "GloVe has no '6b'. Did you mean '6B'?"),
        (
            {"name": "6B", "dim": 55},
            "GloVe 6B has no vectors with dim 55; available: 50, 100, 200, 300",
        ),
        (
            {"name": "twitter.27B"},
            "GloVe twitter.27B has no vectors with dim 300; available: 25, 50",
        ),
        ({"name": "glove.6B.50d", "dim": 100}, "'glove.6B.50d' has 50 dimensions, not 100"),
        (
            {"name": "fasttext.en.300d"},
            "'fasttext.en.300d' is available from the embedding 'fasttext'",
        ),
        ({"name": "charngram.100d"}, "'charngram.100d' is not available; for subword vectors"),
        ({"name": ""}, "GloVe has no ''"),
    ],
)
def test_unknown_names_raise(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(PluxelError) as caught:
        GloVe(**parameters)  # pyright: ignore[reportArgumentType]
    assert message in str(caught.value)


def test_release_is_read_from_its_cached_archive(
    cache: Path, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = cache / "downloads"
    downloads.mkdir(parents=True)
    with zipfile.ZipFile(downloads / "glove.6B.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for dim in (2, 4):
            content = b"\n".join(lines_of(WORDS, vectors[:, :dim]))
            archive.writestr(f"glove.6B.{dim}d.txt", content)
    release = glove._Release((2, 4), "glove.6B.zip", 1, "0" * 64, "glove.6B.{dim}d.txt")
    monkeypatch.setattr(glove, "_RELEASES", {"6B": release})
    for dim in (2, 4):
        found = GloVe(name="6B", dim=dim)
        assert (found.vectors.numpy() == vectors[:, :dim]).all()
        assert list(found.itos) == WORDS


def test_name_states_what_a_file_must_contain(
    tmp_path: Path, vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = glove._Release((2, 4), "glove.6B.zip", member="glove.6B.{dim}d.txt")
    monkeypatch.setattr(glove, "_RELEASES", {"6B": release, "42B": release})
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("glove.6B", "other"):
            for dim in (2, 3, 4):
                content = b"\n".join(lines_of(WORDS, vectors[:, :dim] * (name == "glove.6B")))
                archive.writestr(f"{name}.{dim}d.txt", content)
    for parameters in ({"name": "6B", "dim": 2}, {"name": "glove.6B.2d"}, {"name": "6B.2d"}):
        assert (GloVe(file=path, **parameters).vectors.numpy() == vectors[:, :2]).all()
    text = tmp_path / "glove.6B.3d.txt"
    text.write_bytes(b"\n".join(lines_of(WORDS, vectors[:, :3])))
    wrong = {
        "6b": "GloVe has no '6b'. Did you mean '6B'?",
        "6B.4d": rf"{text} has 3 dimensions, not 4",
        "6B": f"{text} has 3 dimensions, but those of GloVe 6B have 2, 4",
        "42B": f"{text} contains GloVe 6B, but 'name' is '42B'",
    }
    for name, message in wrong.items():
        with pytest.raises(PluxelError) as caught:
            GloVe(file=text, name=name)
        assert message in str(caught.value)
    assert GloVe(file=text).dim == 3


@pytest.mark.parametrize("suffix", ["zip", "gz"])
def test_compressed_file(write: Write, vectors: np.ndarray, tmp_path: Path, suffix: str) -> None:
    content = b"\n".join(lines_of(WORDS, vectors))
    path = tmp_path / f"mine.txt.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/mine.txt", content)
    else:
        path.write_bytes(gzip.compress(content))
    assert (GloVe(file=path).vectors.numpy() == vectors).all()


@pytest.mark.parametrize("suffix", ["zip", "gz"])
@pytest.mark.parametrize("cut", [20, 0.5, -4])
def test_truncated_archive_raises(tmp_path: Path, suffix: str, cut: float) -> None:
    content = b"\n".join(b"word%d 0.%d 1.%d" % (i, i, i * i) for i in range(3000))
    path = tmp_path / f"mine.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mine.txt", content)
    else:
        path.write_bytes(gzip.compress(content))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(cut * len(whole)) if isinstance(cut, float) else cut])
    with pytest.raises(PluxelError) as caught:
        GloVe(file=path)
    assert str(path) in str(caught.value)


def test_encrypted_archive_raises(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine.txt", b"the 0.1 0.2")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flags in the archive's list of files
    path.write_bytes(content)
    with pytest.raises(PluxelError, match=r"mine.txt in .*mine.zip is encrypted; unpack it"):
        GloVe(file=path)


def test_release_with_other_dimensions_raises(cache: Path) -> None:
    downloads = cache / "downloads"
    downloads.mkdir(parents=True)
    with zipfile.ZipFile(downloads / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.50d.txt", b"the 0.1 0.2")
    with pytest.raises(PluxelError, match=r"glove.6B.50d.txt has 2 dimensions, not 50"):
        GloVe(name="glove.6B.50d")


def test_dim_selects_the_file_of_an_archive(tmp_path: Path, vectors: np.ndarray) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for dim in (2, 4):
            archive.writestr(f"v.{dim}d.txt", b"\n".join(lines_of(WORDS, vectors[:, :dim])))
    assert GloVe(file=path, dim=2).dim == 2
    with pytest.raises(PluxelError, match=r"must contain '….3d.txt', but it contains v.2d.txt"):
        GloVe(file=path, dim=3)
    several = r"two.zip contains several files: v.2d.txt, v.4d.txt"
    with pytest.raises(
        PluxelError, match=rf"{several}; unpack it, .*, or set 'dim' to choose one$"
    ):
        GloVe(file=path)
    with pytest.raises(PluxelError, match=rf"{several}; unpack it, then name one with 'file: …'$"):
        Word2Vec(file=path)


def test_only_file_of_an_archive_may_have_any_name(tmp_path: Path, vectors: np.ndarray) -> None:
    """Dive into Deep Learning packs glove.6B.50d/vec.txt this way."""
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.6B.4d/vec.txt", b"\n".join(lines_of(WORDS, vectors)))
    assert list(GloVe(file=path, dim=4).itos) == WORDS
    with pytest.raises(PluxelError, match=r"vec\.txt, line 1: more than the 3 numbers of 'dim'"):
        GloVe(file=path, dim=3)


def test_file_must_have_dim_dimensions(write: Write, vectors: np.ndarray) -> None:
    path = write(lines_of(WORDS[:7], vectors[:7]))
    assert GloVe(file=path, dim=4).dim == 4
    with pytest.raises(PluxelError, match=r"line 1: more than the 3 numbers of 'dim': 'the "):
        GloVe(file=path, dim=3)
    with pytest.raises(PluxelError, match="has 4 dimensions, not 5"):
        GloVe(file=path, dim=5)


def test_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"none.txt: no such file"):
        GloVe(file=tmp_path / "none.txt")
