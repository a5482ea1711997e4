"""``pluxel similar``: neighbors of words, from arguments and from a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

Words = Callable[..., tuple[object, str, str]]
TOY = ("--embedding", "toy")
HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "pluxel", "--plugin", str(HERE / "toy_words.py")]
EXAMPLE = HERE.parents[2] / "examples" / "glove-6b-50d"


def test_one_word(words: Words) -> None:
    code, out, err = words("similar", "man", *TOY, "-k", 3)
    assert (code, err) == (0, "")
    assert out == "boy    0.998\nwoman  0.707\nking   0.707\n"


def test_several_words_and_a_phrase(words: Words) -> None:
    """`royal palace` is a word with a space; `Boy-girl` is two words, excluded from answers."""
    code, out, err = words("similar", "royal palace", "Boy-girl", *TOY, "-k", 2)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "royal palace  king   0.693",
        "royal palace  queen  0.679",
        "Boy-girl  woman  0.931",
        "Boy-girl  man    0.912",
    ]


def test_json_has_one_line_per_question(words: Words) -> None:
    code, out, _ = words("similar", "man", "girl", *TOY, "-k", 1, "--json")
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    (found,) = first["words"]
    assert (first["query"], found["word"]) == ("man", "boy")
    assert found["cosine"] == pytest.approx(2 / 4.02**0.5)
    assert second["words"][0]["word"] == "woman"


def test_excluded_and_restricted(words: Words) -> None:
    assert words("similar", "man", *TOY, "-k", 1, "--exclude", "boy")[1] == "woman  0.707\n"
    more = ("--exclude", "boy", "--exclude", "woman")
    assert words("similar", "man", *TOY, "-k", 1, *more)[1] == "king  0.707\n"
    assert words("similar", "boy", *TOY, "-k", 1, "--restrict", 1)[1] == "man  0.998\n"
    code, _, err = words("similar", "man", *TOY, "--exclude", "boi")
    assert (code, err) == (2, "'boi' is not one of the 8 words. Did you mean 'boy'?\n")


def test_all_misspelled_words_are_reported(words: Words) -> None:
    code, out, err = words("similar", "mann", "man", "womann", *TOY, "-k", 2)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "'mann' is not one of the 8 words. Did you mean 'man'?",
        "'womann' is not one of the 8 words. Did you mean 'woman'?",
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("man", *TOY, "-k", 0), "Invalid value for '-k': 0 is not in the range x>=1."),
        (("man", *TOY, "-k", 8), "k = 8, but only 7 rows are available"),
        (("man", *TOY, "--restrict", 0), "Invalid value for '--restrict'"),
        (("man", "--stdin", *TOY), "Give words, or --stdin."),
        (TOY, "Give words, or --stdin."),
        (("man",), "No word vectors selected. Give --embedding NAME"),
        (("nothing", *TOY), "the vector of 'nothing' is all zeros"),
        (("man", "--embedding", "tooy"), "unknown embedding 'tooy'. Did you mean 'toy'?"),
        (("man", "--embedding", "toy.smal.3d"), "Did you mean 'toy.small.3d'?"),
        (
            ("man", "--embedding", "zzz"),
            "--embedding zzz: unknown embedding 'zzz'",
        ),
        (
            ("man", *TOY, "--set", "scal=2"),
            "override 'scal=2': embedding 'toy' has no parameter 'scal'. Did you mean 'scale'?",
        ),
        (
            ("man", *TOY, "--index", "faiss"),
            "--index faiss: index: expected 'exact', 'faiss_hnsw' or 'faiss_ivf'",
        ),
        (
            ("man", *TOY, "--device", "gpu"),
            "--device gpu: unknown device 'gpu'. Did you mean 'cuda'?",
        ),
        (
            ("man", *TOY, "--index", "exact", "--set", "index=faiss_ivf"),
            "--index exact: contradicts override 'index=faiss_ivf'",
        ),
        (
            ("man", "--embedding", "glove.6B.50d", "--set", "cache=here"),
            "--embedding glove.6B.50d: glove.6B.50d (https://nlp.stanford.edu/data/glove.6B.zip, "
            "862 MB) is not in here/embeddings/downloads\n"
            "  note: give --set download=true to fetch it, or --set file=… to use another copy\n",
        ),
        (
            ("man", *TOY, "--device", "cuda:99"),
            "device 'cuda:99' is not available on this",
        ),
        (("man", *TOY, "--device", "mps"), "which mps does not support: use cpu"),
        (("man", "--config", "nofile.yaml"), "there is no file 'nofile.yaml'"),
        (
            ("man", "--config", "shapes_fcn8s_resnet18"),
            "describes a pipeline; a file of word vectors has the form 'embedding: {type: …}'",
        ),
    ],
)
def test_errors(words: Words, arguments: tuple[object, ...], error: str) -> None:
    code, out, err = words("similar", *arguments)
    assert (code, out) == (2, "")
    assert error in err


def test_default_vectors_come_from_the_environment(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUXEL_EMBEDDING", "toy")
    boy = (0, "boy  0.998\n", "")
    assert words("similar", "man", "-k", 1) == boy
    assert words("similar", "man", "-k", 1, "--set", "scale=2") == boy
    monkeypatch.setenv("PLUXEL_EMBEDDING", "none")
    assert words("similar", "man", "-k", 1, *TOY) == boy
    (tmp_path / "mine.yaml").write_text("embedding: {type: toy}\n")
    assert words("similar", "man", "-k", 1, "--config", "mine.yaml") == boy
    assert words("similar", "man", "-k", 1, "--set", "embedding=toy") == boy
    assert "$PLUXEL_EMBEDDING=none: unknown embedding 'none'" in words("similar", "man")[2]


def test_names_of_vectors_and_aliases_work(words: Words) -> None:
    assert words("similar", "man", "--embedding", "toy.small.3d", "-k", 1)[1] == "boy  0.998\n"
    assert words("similar", "man!", "--embedding", "toy.loud.3d", "-k", 1)[1] == "boy!  0.998\n"
    assert words("similar", "man", "--embedding", "plaything", "-k", 1)[0] == 0


def test_configuration_file_with_overrides(words: Words, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("embedding: {type: toy, unknown: zero}\nindex: exact\n")
    assert words("similar", "man", "--config", "x.yaml", "-k", 1)[1] == "boy  0.998\n"
    code, _, err = words("similar", "zz", "--config", "x.yaml", "-k", 1)
    assert (code, err.startswith("the vector of 'zz' is all zeros")) == (2, True)
    more = ("--set", "unknown=mean", "--set", "embedding.scale=2")
    assert words("similar", "zz", "--config", "x.yaml", "-k", 1, *more)[0] == 0
    loud = ("--embedding", "toy.loud.3d")
    assert words("similar", "man!", "--config", "x.yaml", *loud, "-k", 1)[1] == "boy!  0.998\n"


@pytest.mark.parametrize("kind", ["faiss_hnsw", "faiss_ivf"])
@pytest.mark.peers
def test_approximate_indexes_are_kept_between_commands(
    words: Words, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    code, out, err = words("similar", "man", *TOY, "-k", 1, "--index", kind)
    assert (code, out) == (0, "boy  0.998\n")
    assert f"building the index {kind} of 8 rows" in err
    (path,) = (tmp_path / "cache" / "embeddings" / "indexes").iterdir()
    assert f"the index is kept in {path}" in err
    again = words("similar", "man", *TOY, "-k", 1, "--index", kind)
    assert again == (0, "boy  0.998\n", "")


def test_stream_prints_errors_in_place(words: Words) -> None:
    text = b"man\n\n  girl \r\nmann\nboy\xff\nqueen"
    code, out, err = words("similar", "--stdin", *TOY, "-k", 1, stdin=text)
    assert code == 1
    assert err == "2 of 5 failed\n"
    assert out.splitlines() == [
        "man  boy  0.998",
        "girl  woman  0.998",
        "mann  error: 'mann' is not one of the 8 words. Did you mean 'man'?",
        "boy\N{REPLACEMENT CHARACTER}  error: the text is not UTF-8: convert it first, for example "
        "with iconv",
        "queen  girl  0.855",
    ]


def test_a_stream_in_json(words: Words) -> None:
    code, out, _ = words("similar", "--stdin", *TOY, "-k", 1, "--json", stdin=b"man\nmann\n")
    assert code == 1
    good, bad = map(json.loads, out.splitlines())
    assert good["words"][0]["word"] == "boy"
    assert bad == {
        "query": "mann",
        "error": "'mann' is not one of the 8 words. Did you mean 'man'?",
    }


@pytest.mark.slow
def test_a_long_stream_keeps_its_order(words: Words) -> None:
    asked = ["man", "girl", "queen"] * 5000  # more than one read returns
    code, out, err = words("similar", "--stdin", *TOY, "-k", 1, stdin="\n".join(asked).encode())
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == asked
    assert words("similar", "--stdin", *TOY, stdin=b"") == (0, "", "")


@pytest.mark.slow
def test_answers_appear_before_the_next_question(tmp_path: Path) -> None:
    """In a real pipe, the producer waits for each answer; then the reader closes the pipe."""
    process = subprocess.Popen(
        [*COMMAND, "similar", "--stdin", *TOY, "-k", "1"],
        env={**os.environ, "PLUXEL_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    watchdog = Timer(60, process.kill)  # without an answer, the process would wait forever
    watchdog.start()
    assert process.stdin
    assert process.stdout
    assert process.stderr
    for word, answer in {"man": "boy", "mann": "error:", "girl": "woman"}.items():
        process.stdin.write(f"{word}\n")
        assert process.stdout.readline().split()[:2] == [word, answer]
    process.stdout.close()
    process.stdin.write("man\n")
    assert process.stderr.read() == ""
    process.stdin.close()
    assert process.wait(30) == 1
    watchdog.cancel()


def test_example_of_the_book_in_a_separate_process(glove_cache: Path) -> None:
    """Dive into Deep Learning, section 15.7, on the real vectors."""
    plugin = EXAMPLE / "glove_6b_50d" / "plugin.py"
    path = os.pathsep.join([str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [
            *(*COMMAND[:3], "--plugin", str(plugin), "similar", "chip", "-k", "3"),
            *("--embedding", "glove_6b_50d", "--set", f"cache={glove_cache}"),
        ],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "chips        0.856\nintel        0.749\nelectronics  0.749\n"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("wiki.en", "dl.fbaipublicfiles.com/fasttext/vectors-wiki/wiki.en.vec"),
        ("cc.de.300", "dl.fbaipublicfiles.com/fasttext/vectors-crawl/cc.de.300.bin.gz"),
        ("glove.2024.dolma.300d", "nlp.stanford.edu/data/wordvecs/glove.2024.dolma.300d.zip"),
    ],
)
def test_names_of_published_vectors(
    words: Words, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, place: str
) -> None:
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path))
    code, _, err = words("similar", "man", "--embedding", name)
    assert code == 2
    assert f"{name} (https://{place}" in err
    monkeypatch.setenv("PLUXEL_EMBEDDING", name)
    assert f"{name} (https://{place}" in words("similar", "man")[2]
    (tmp_path / "x.yaml").write_text(f"embedding: {name}\n")
    code, _, err = words("similar", "man", "--config", tmp_path / "x.yaml")
    assert (code, f"name: {name}}}" in err) == (2, True)
