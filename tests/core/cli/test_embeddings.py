"""``pluxel embeddings list | info | convert | evaluate | plot``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pluxel.core.common.text import byte_size
from pluxel.core.embeddings import StoredVectors, WordVectors, open_store, write_vectors, writing
from pluxel.registry import PluxelError

Peer = Callable[[str], Any]
Words = Callable[..., tuple[object, str, str]]
TOY = ("--embedding", "toy")
EXAMPLE = Path(__file__).parents[3] / "examples" / "glove-6b-50d"


class TestList:
    def test_lists_embeddings(self, words: Words, tmp_path: Path) -> None:
        code, out, err = words("embeddings", "list")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        toy = next(i for i, line in enumerate(lines) if line.startswith("toy "))
        assert lines[toy].split(maxsplit=2) == ["toy", "toy_words.py", "Eight words."]
        assert [line.split() for line in lines[toy + 1 : toy + 3]] == [
            ["toy.small.3d", "1.5", "MB"],
            ["toy.loud.3d", "1.5", "MB"],
        ]
        assert any(line.split()[0] == "glove.6B.50d" for line in lines if line.strip())
        assert lines[-1] == f"{tmp_path / 'cache' / 'embeddings'}: no converted"

    def test_the_cache(self, words: Words, tmp_path: Path) -> None:
        folder = tmp_path / "other" / "embeddings"
        with writing(folder / "mine.safetensors") as writer:
            writer.add([b"a", b"b"], np.eye(2, 3, dtype=np.float32))
            writer.finish({"source": "mine.txt"})
        for name in ("broken", ".mine-unfinished"):
            (folder / f"{name}.safetensors").write_bytes(b"no store")
        code, out, err = words("embeddings", "list", "--cache", tmp_path / "other")
        assert code == 0
        size = byte_size((folder / "mine.safetensors").stat().st_size)
        assert out.endswith(f"{folder}: 1 converted\n  mine.safetensors  2 × 3  {size}\n")
        assert err.startswith(f"{folder / 'broken.safetensors'} is not a word-vector store")

    def test_json(self, words: Words) -> None:
        found = json.loads(words("embeddings", "list", "--json")[1])
        (toy,) = (one for one in found["embeddings"] if one["name"] == "toy")
        assert toy["provider"] == "toy_words.py"
        assert toy["offers"][0] == {
            "alias": "toy.small.3d",
            "url": "https://example.org/toy.zip",
            "size": 1_500_000,
            "hash": None,
        }
        assert found["cache"] == []


class TestInfo:
    def test_vectors_in_memory(self, words: Words) -> None:
        code, out, err = words("embeddings", "info", *TOY, "--set", "unknown=mean")
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "words          8 × 3",
            "first          man woman king queen boy",
            "last           queen boy girl royal palace nothing",
            "norms          0.000 to 2.005, median 1.414",
            "zero vectors   1",
            "unknown words  mean",
        ]

    def test_a_store(self, words: Words, glove: WordVectors, glove_cache: Path) -> None:
        assert isinstance(glove, StoredVectors)
        code, out, _ = words(
            *("embeddings", "info", "--embedding", "glove_6b_50d", "--json"),
            *("--set", f"cache={glove_cache}"),
            plugin=EXAMPLE / "glove_6b_50d" / "plugin.py",
        )
        assert code == 0
        found = json.loads(out)
        assert (found["words"], found["dim"], found["first"][0]) == (400_000, 50, "the")
        assert (found["last"][-1], found["zeros"], found["duplicates"]) == ("sandberger", 0, 0)
        assert found["store"] == str(glove.store.path)
        assert found["source"] == "glove_6B_50d_emb.npy"
        assert found["energy"] == pytest.approx(1.0, abs=1e-6)  # all 50 directions are kept

    def test_doubtful_words_are_reported_for_a_store(self, words: Words, tmp_path: Path) -> None:
        lines = [
            *(f"word{i} 1 2".encode() for i in range(5)),
            b"x 1 2 3",
            b"New 7 1 2",
            b"\xe9 1 2",
            b" 1 2",
        ]
        (tmp_path / "a.txt").write_bytes(b"\n".join(lines))
        table = ("--embedding", "glove", "--set", "file=a.txt")
        for _ in range(2):
            out = words("embeddings", "info", *table)[1].splitlines()
            assert (
                "not text       1 words, with replacement characters; the first is line 8: "
                "'\ufffd'; if the file has another encoding, set it, such as 'encoding: cp1252'"
            ) in out
            assert "empty words    1 left out; the first is a.txt, line 9" in out
            assert "doubtful       2 words end in a number; line 6: 'x 1 2 3'" in out
        found = json.loads(words("embeddings", "info", *table, "--json")[1])
        assert (found["replaced"], found["doubtful"]) == (1, 2)

    def test_the_energy_of_a_narrow_copy(self, words: Words, tmp_path: Path) -> None:
        """With 200 directions of equal energy, a compact copy keeps its share of them."""
        rows = np.vstack([np.eye(200), -np.eye(200)]).astype(np.float32)
        with writing(tmp_path / "wide.safetensors") as writer:
            writer.add([f"w{i}".encode() for i in range(400)], rows)
            writer.finish({"source": "wide"})
        table = ("--embedding", "table", "--set", "file=wide.safetensors")
        found = json.loads(words("embeddings", "info", *table, "--json")[1])
        assert found["directions"] < 200
        assert found["energy"] == pytest.approx(found["directions"] / 200, abs=1e-3)


ODD = ["naïve", "日本", "x\u0085y", ".", "of course"]


@pytest.fixture
def odd() -> WordVectors:
    """Words that are difficult to write, and numbers of every magnitude."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(len(ODD), 4)) * 10.0 ** random.integers(-30, 30, (len(ODD), 4))
    return WordVectors(ODD, torch.from_numpy(rows.astype(np.float32)))


READERS: dict[str, tuple[str, ...]] = {
    "x.txt": ("glove", "word2vec"),
    "x.vec": ("word2vec",),
    "x.bin": ("word2vec",),
    "x.safetensors": ("table",),
    "x.npy": ("table",),
}


class TestConvert:
    @pytest.mark.parametrize("name", READERS)
    def test_written_vectors_are_read_back(
        self, words: Words, tmp_path: Path, odd: WordVectors, name: str
    ) -> None:
        """Convert a file of each format to a store, read by suffix."""
        if name == "x.bin":
            odd = WordVectors(ODD[:-1], odd.vectors[:-1])  # the format ends words at spaces
        write_vectors(odd, tmp_path / name, _format(name))
        code, out, err = words("embeddings", "convert", name, "y.safetensors")
        assert (code, err) == (0, "")
        assert out.startswith(f"y.safetensors: {len(odd)} × 4, ")
        store = open_store(tmp_path / "y.safetensors")
        assert list(store.vocabulary) == list(odd.itos)
        assert torch.equal(store.arrays["vectors"], odd.vectors)
        for reader in READERS[name]:
            named = ("--embedding", reader, "--overwrite")
            assert words("embeddings", "convert", name, "y.safetensors", *named)[0] == 0
            again = open_store(tmp_path / "y.safetensors")
            assert torch.equal(again.arrays["vectors"], odd.vectors)

    @pytest.mark.parametrize("name", ["x.vec", "x.bin"])
    def test_gensim_reads_it(
        self, tmp_path: Path, glove: WordVectors, peer: Peer, name: str
    ) -> None:
        models = peer("gensim.models")
        some = WordVectors(glove.itos[:9000], glove.vectors[:9000])
        write_vectors(some, tmp_path / name, _format(name))
        read = models.KeyedVectors.load_word2vec_format(
            str(tmp_path / name), binary=name == "x.bin"
        )
        assert read.index_to_key == list(some.itos)
        assert np.array_equal(read.vectors, some.vectors.numpy())

    def test_an_array_of_several_blocks(self, tmp_path: Path, glove: WordVectors) -> None:
        some = WordVectors(glove.itos[:9000], glove.vectors[:9000])
        files = write_vectors(some, tmp_path / "x.npy", "numpy")
        assert files == [tmp_path / "x.npy", tmp_path / "x.words.txt"]
        assert np.array_equal(np.load(files[0]), some.vectors.numpy())
        assert files[1].read_text("utf-8").split("\n") == [*some.itos, ""]

    def test_text_is_as_short_as_in_the_release(self, tmp_path: Path, glove: WordVectors) -> None:
        write_vectors(WordVectors(["the"], glove.vectors[:1]), tmp_path / "x.txt", "glove")
        assert (tmp_path / "x.txt").read_text().startswith("the 0.418 0.24968 -0.41242 0.1217 ")

    def test_from_an_embedding_to_every_format(self, words: Words, tmp_path: Path) -> None:
        for name in ("x.txt", "x.vec", "x.safetensors", "x.npy"):
            code, out, _ = words("embeddings", "convert", name, *TOY)
            assert code == 0
            size = byte_size((tmp_path / name).stat().st_size)
            assert out.startswith(f"{name}: 8 × 3, {size}\n")
        assert (tmp_path / "x.vec").read_text().splitlines()[:2] == ["8 3", "man 1.0 0.0 0.0"]
        assert (tmp_path / "x.txt").read_text().splitlines()[0] == "man 1.0 0.0 0.0"
        assert (tmp_path / "x.words.txt").read_text().splitlines()[0] == "man"
        assert words("embeddings", "convert", "y.dat", *TOY, "--format", "glove")[0] == 0

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (("y.txt",), "No word vectors selected. Give --embedding NAME"),
            ((), "Give SOURCE and DEST, or only DEST with --embedding or --config."),
            (("a", "b", "c"), "Give SOURCE and DEST"),
            (("there.txt", *TOY), "there.txt already exists; --overwrite replaces it\n"),
            (("list.npy", *TOY), "list.words.txt already exists; --overwrite replaces it\n"),
            (("y.dat", *TOY), "'y.dat': unsupported file suffix '.dat'; supported: .txt (glove), "),
            (
                ("there.dat", "y.txt"),
                "'there.dat': unsupported file suffix; supported: .bin, .bz2, .ftz, .gz, ",
            ),
            (("none.bin", "y.txt"), "cannot read none.bin: No such file"),
            (("none.txt", "y.vec"), "none.txt"),
            (
                ("y.bin", *TOY),
                "words with spaces cannot be written as word2vec_binary: 'royal palace'\n",
            ),
        ],
    )
    def test_errors(
        self, words: Words, tmp_path: Path, arguments: tuple[str, ...], error: str
    ) -> None:
        for name in ("there.txt", "there.dat", "list.words.txt"):
            (tmp_path / name).write_text("mine")
        code, out, err = words("embeddings", "convert", *arguments)
        assert (code, out) == (2, "")
        assert error in err
        assert not list(tmp_path.glob("*y.*"))
        for name in ("there.txt", "list.words.txt"):
            assert (tmp_path / name).read_text() == "mine"

    def test_full_disk(self, tmp_path: Path, odd: WordVectors) -> None:
        """A failed write keeps the previous file and leaves no other."""
        (tmp_path / "x.txt").write_text("mine")
        calls = 0

        def full() -> None:
            nonlocal calls
            calls += 1
            raise OSError(28, "No space left on device")

        with pytest.raises(PluxelError, match=r"cannot write .*x\.txt: No space left on device"):
            write_vectors(odd, tmp_path / "x.txt", "glove", full)
        assert calls == 1
        assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
        assert (tmp_path / "x.txt").read_text() == "mine"


def _format(name: str) -> Any:
    from pluxel.core.embeddings import format_of  # noqa: PLC0415

    return format_of(Path(name))


PAIRS = "man\twoman\t5\nman\tking\t4\nman\tboy\t9\nman\tzebra\t1\n"
QUESTIONS = ": royal\nman king woman queen\n: gram1\nman boy woman girl\nman king zebra queen\n"


class TestEvaluate:
    def test_figures_and_coverage(self, words: Words, tmp_path: Path) -> None:
        (tmp_path / "pairs.tsv").write_text(PAIRS)
        (tmp_path / "questions.txt").write_text(QUESTIONS)
        code, out, err = words("embeddings", "evaluate", "pairs.tsv", "questions.txt", *TOY)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "pairs.tsv: Spearman 0.8660, Pearson 0.9820, 3 of 4 pairs known",
            "questions.txt:",
            "  royal      1.0000  1 right, 1 of 1 questions known",
            "  gram1      1.0000  1 right, 1 of 2 questions known",
            "  semantic   1.0000  1 right, 1 of 1 questions known",
            "  syntactic  1.0000  1 right, 1 of 2 questions known",
            "  total      1.0000  2 right, 2 of 3 questions known",
        ]

    def test_json(self, words: Words, tmp_path: Path) -> None:
        (tmp_path / "pairs.tsv").write_text(PAIRS)
        (tmp_path / "questions.txt").write_text(QUESTIONS)
        files = ("pairs.tsv", "questions.txt")
        first, second = json.loads(words("embeddings", "evaluate", *files, *TOY, "--json")[1])
        assert (first["file"], first["used"], first["total"]) == ("pairs.tsv", 3, 4)
        assert first["spearman"] == pytest.approx(0.75**0.5)
        assert second["sections"]["gram1"] == {"accuracy": 1, "right": 1, "used": 1, "total": 2}
        assert second["total"] == {"accuracy": 1, "right": 2, "used": 2, "total": 3}

    def test_undefined_figures(self, words: Words, tmp_path: Path) -> None:
        """JSON has no NaN."""
        (tmp_path / "one.tsv").write_text("man\tboy\t1\n")
        (tmp_path / "some.txt").write_text(": a\nman king woman queen\n: b\nx y z a\n")
        _, out, _ = words("embeddings", "evaluate", "one.tsv", "some.txt", *TOY, "--json")
        assert "NaN" not in out
        first, second = json.loads(out)
        assert first["spearman"] is None
        assert second["sections"]["b"]["accuracy"] is None

    def test_a_restriction_and_no_sets(self, words: Words, tmp_path: Path) -> None:
        (tmp_path / "pairs.tsv").write_text(PAIRS)
        out = words("embeddings", "evaluate", "pairs.tsv", *TOY, "--restrict", 3)[1]
        assert out.endswith("2 of 4 pairs known\n")
        code, _, err = words("embeddings", "evaluate", *TOY)
        assert code == 2
        assert err.startswith("give the files of test sets\n  note: the authors publish the sets")
        code, _, err = words("embeddings", "evaluate", "none.tsv", *TOY)
        assert (code, err.splitlines()[0]) == (
            2,
            "cannot read none.tsv: No such file or directory",
        )


class TestPlot:
    def test_a_picture(self, words: Words, tmp_path: Path) -> None:
        code, out, _ = words("embeddings", "plot", "man", "king", "man", *TOY, "--output", "a.svg")
        assert (code, out) == (0, "picture: a.svg\n")
        text = (tmp_path / "a.svg").read_text()
        assert text.count("<!-- man -->") == text.count("<!-- king -->") == 1

    def test_errors(self, words: Words) -> None:
        code, out, err = words("embeddings", "plot", "man", "kign", *TOY)
        assert (code, out) == (2, "")
        assert err == "'kign' is not one of the 8 words. Did you mean 'king'?\n"
        code, _, err = words("embeddings", "plot", "man", *TOY)
        assert (code, err) == (2, "pca needs at least 2 words, not 1\n")
