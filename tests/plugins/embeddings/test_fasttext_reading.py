"""Reading fastText models: in pieces, compressed, in other encodings, and by name."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.common.files import MissingFile
from pluxel.core.embeddings import UnknownWordError
from pluxel.plugins.embeddings import _fasttext_store
from pluxel.plugins.embeddings import fasttext as plugin
from pluxel.plugins.embeddings._fasttext_file import read_header, read_matrices
from pluxel.plugins.embeddings._fasttext_parts import Parts
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.registry import PluxelError

from .fasttext_models import ELSEWHERE, handmade


@pytest.mark.parametrize("name", ["skipgram", "pruned"])
def test_known_of_equals_known(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ours = FastText(file=models[name], unknown="subword")
    words = [*ELSEWHERE, ours.itos[3], *ELSEWHERE]
    alone = np.stack([ours.get_vecs_by_tokens(word).numpy() for word in words])
    assert ours.get_vecs_by_tokens([]).shape == (0, ours.dim)
    monkeypatch.setattr(plugin, "_WORDS", 5)
    blocks = []
    parts = Parts.of
    monkeypatch.setattr(
        Parts, "of", lambda self, some: blocks.append(len(some)) or parts(self, some)
    )
    assert np.array_equal(ours.get_vecs_by_tokens(words).numpy(), alone)
    others = sum(word not in ours.stoi for word in words)
    assert blocks == [5] * (others // 5) + [others % 5] * (others % 5 > 0)


def test_model_without_labels_raises(models: dict[str, Path]) -> None:
    ours = FastText(file=models["skipgram"])
    assert ours.labels == []
    with pytest.raises(PluxelError, match=r"skipgram.bin has no labels"):
        _ = ours.label_vectors


def test_language_identification_model(published: dict[str, Path]) -> None:
    ours = FastText(file=published["lid.176"])
    assert (len(ours), ours.dim, len(ours.labels)) == (7235, 16, 176)
    assert ours.labels[0] == "__label__en"


def test_words_in_another_encoding(
    published: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    ours = FastText(file=published["cp852_fasttext"])
    assert any("\ufffd" in word for word in ours.itos)
    assert "words that are not valid UTF-8: 69; invalid bytes became replacement" in caplog.text
    with pytest.raises(PluxelError, match="unknown encoding 'cp-852x'"):
        FastText(file=published["cp852_fasttext"], encoding="cp-852x")


def test_unknown(models: dict[str, Path]) -> None:
    assert FastText(file=models["skipgram"]).unknown == "subword"
    assert FastText(file=models["words alone"]).unknown == "error"
    assert FastText(file=models["skipgram"], unknown="zero")["xyzzy"].tolist() == [0] * 10
    with pytest.raises(UnknownWordError, match="'xyzzy' is not one of the"):
        FastText(file=models["skipgram"], unknown="error")["xyzzy"]
    with pytest.raises(PluxelError, match="subword needs a model with subword vectors"):
        FastText(file=models["words alone"], unknown="subword")


def test_packed_models_and_text(models: dict[str, Path], tmp_path: Path) -> None:
    expected = FastText(file=models["skipgram"])
    packed = tmp_path / "model.bin.gz"
    packed.write_bytes(gzip.compress(models["skipgram"].read_bytes()))
    with zipfile.ZipFile(tmp_path / "text.vec.zip", "w") as archive:
        lines = [
            f"{w} " + " ".join(map(repr, v.tolist()))
            for w, v in zip(expected.itos, expected.vectors, strict=True)
        ]
        archive.writestr("text.vec", f"{len(lines)} 10\n" + " \n".join(lines) + " \n")
    assert (FastText(file=packed)["xyzzy"] == expected["xyzzy"]).all()
    text = FastText(file=tmp_path / "text.vec.zip")
    assert (text.vectors == expected.vectors).all()
    assert list(text.itos) == list(expected.itos)


def test_reading_in_pieces_gives_the_same_vectors(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FastText(file=models["cbow"])
    monkeypatch.setattr(_fasttext_store, "_ROWS", 300)
    pieces = FastText(file=models["cbow"], cache=tmp_path / "other")
    assert (whole.vectors == pieces.vectors).all()


def test_large_model_is_memory_mapped(models: dict[str, Path], tmp_path: Path) -> None:
    """A model with a matrix of three gigabytes, in a sparse file."""
    data = models["words alone"].read_bytes()
    path = tmp_path / "large.bin"
    head = read_header(models["words alone"])
    rows, dim = struct.unpack_from("<qq", data, head.end + 1)
    more = 75_000_000
    matrix = head.end + 17 + rows * dim * 4
    with path.open("wb") as file:
        file.write(data[: head.end + 1] + struct.pack("<qq", rows + more, dim))
        file.write(data[head.end + 17 : matrix])
        file.seek(more * dim * 4, 1)
        file.write(data[matrix:])
    assert path.stat().st_size > 3e9
    # Hashing three gigabytes is not the subject.
    tracemalloc.start()
    matrices = read_matrices(path, head.end, has_flags=True)
    found = matrices.inputs.rows(np.arange(rows))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    small = read_matrices(models["words alone"], head.end, has_flags=True)
    assert (found == small.inputs.rows(np.arange(rows))).all()
    assert peak < 1e6


def test_labels_of_any_bytes(made: Path) -> None:
    made.write_bytes(handmade([b"abc"], [b"a\nb", b"", b"\xff"]))
    ours = FastText(file=made)
    assert ours.labels == ["a\nb", "", "\ufffd"]
    assert tuple(ours.label_vectors.shape) == (3, 4)


def test_model_changed_while_open_raises(made: Path) -> None:
    made.write_bytes(handmade([b"abc"], [b"x"]))
    changed, gone = FastText(file=made), FastText(file=made)
    other = made.with_name("other.bin")
    other.write_bytes(handmade([b"abc"], [b"x"], inputs=np.ones((21, 4))))
    other.replace(made)
    with pytest.raises(PluxelError, match=r"made.bin has changed since its words were read"):
        _ = changed["zzz"]
    made.unlink()
    with pytest.raises(PluxelError, match=r"cannot read .*made.bin: No such file"):
        _ = gone["zzz"]


def test_names(tmp_path: Path) -> None:
    places = {
        "fasttext.en.300d": "vectors-wiki/wiki.en.vec",
        "wiki.simple": "vectors-wiki/wiki.simple.vec",
        "fasttext.de.300d": "vectors-wiki/wiki.de.vec",
        "cc.de.300": "vectors-crawl/cc.de.300.bin.gz",
        "crawl-300d-2M": "vectors-english/crawl-300d-2M.vec.zip",
    }
    for name, place in places.items():
        with pytest.raises(MissingFile) as caught:
            FastText(name=name)
        assert f"https://dl.fbaipublicfiles.com/fasttext/{place}" in str(caught.value)
    with pytest.raises(
        PluxelError, match=r"fastText has no 'crawl-300d-2m'. Did you mean 'crawl-300"
    ):
        FastText(name="crawl-300d-2m")
    with pytest.raises(PluxelError, match="no vectors selected"):
        FastText()


def test_name_states_what_a_file_must_contain(tmp_path: Path) -> None:
    path = tmp_path / "wiki.de.vec.GZ"
    path.write_bytes(gzip.compress(b"the " + b"0.5 " * 300 + b"\n"))
    small = tmp_path / "mine.vec"
    small.write_bytes(b"the 1 2\n")
    for name in ("wiki.de", "fasttext.de.300d"):
        assert FastText(file=path, name=name).dim == 300
    wrong = [
        (path, "wiki.en", f"{path} contains 'wiki.de', but 'name' is 'wiki.en'"),
        (path, "wikis", "fastText has no 'wikis'. Did you mean 'wiki.en'?"),
        (path, "glove.6B.50d", "'glove.6B.50d' is available from the embedding 'glove'"),
        (small, "cc.de.300", f"{small} has 2 dimensions, but those of 'cc.de.300' have 300"),
    ]
    for file, name, message in wrong:
        with pytest.raises(PluxelError) as caught:
            FastText(file=file, name=name)
        assert message in str(caught.value)


def test_every_language_is_an_offer() -> None:
    for name in ("wiki.en", "wiki.zh_min_nan", "cc.de.300", "fasttext.fr.300d", "crawl-300d-2M"):
        offer = FastText.offer(name)
        assert offer is not None
        assert offer.alias == name
    assert FastText.offer("wiki-en") is None


def test_subwords_are_cut_in_the_form_of_the_vocabulary(tmp_path: Path) -> None:
    composed, decomposed = "f\u00fcnf".encode(), "fu\u0308nf".encode()
    forms = ["z\u00fcri", "zu\u0308ri"]
    for kept, own in ((composed, forms[0]), (decomposed, forms[1])):
        path = tmp_path / f"{len(kept)}.bin"
        path.write_bytes(handmade([b"the", kept], []))
        found = FastText(file=path, unknown="subword")
        rows = Parts(2, 3, 20).of([own.encode()]).row + 2
        inputs = np.random.default_rng(0).normal(size=(22, 4)).astype("<f4")
        for text in forms:
            assert np.allclose(found[text].numpy(), inputs[rows].mean(0), atol=1e-6)
