"""Read damaged word-vector files: each must raise with a reason, or give the correct shape.

    python benchmarks/fuzz_embeddings.py [READER …] [--mutants 2000] [--seed 0]

Damages a small file of every format: truncates it, or flips, inserts, removes or repeats bytes, or
replaces numbers by huge or invalid ones, most often near the beginning, where files state their
sizes. Each reader runs in a separate process, which may allocate one more gigabyte, of it 64 MiB by
Python. The program counts crashes (any error except PluxelError, any warning, too much memory, a
dead process), hangs (ten seconds) and silent wrong shapes: rows or dimensions that the file does
not have, values that are not finite, and for text other words and numbers than in its lines. The
rows of a store are mapped unread, so only its shapes count. The program fails if it counts any.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import logging
import lzma
import multiprocessing
import random
import re
import resource
import signal
import sys
import tempfile
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pluxel.core.embeddings import StoredVectors, WordVectors, write_vectors
from pluxel.plugins.embeddings.fasttext import FastText
from pluxel.plugins.embeddings.glove import GloVe
from pluxel.plugins.embeddings.table import Table
from pluxel.plugins.embeddings.word2vec import Word2Vec
from pluxel.registry import PluxelError
from safetensors.numpy import save

ROWS, DIM = 24, 8
SECONDS = 10
MEMORY = 1 << 30
PEAK = 1 << 26
HEAD = 128
"""Length in bytes of the beginning, which gets half of the damage."""

WORDS = ["the", "of", "naïve", "日本語", *(f"word{i}" for i in range(ROWS - 4))]

KINDS = ("refused", "read", "crash", "hang", "wrong shape")


@dataclass(frozen=True)
class Case:
    """A valid file with ``rows`` and ``dim``, and the function that reads it.

    ``is_text``: each line of a damaged file is a row. ``is_mapped``: values are not read.
    ``beside``: a second file.
    """

    name: str
    content: bytes
    make: Callable[..., StoredVectors]
    rows: int = ROWS
    dim: int = DIM
    is_text: bool = False
    is_mapped: bool = False
    beside: tuple[str, bytes] | None = None

    def wrong_shape(self, found: StoredVectors, content: bytes) -> str:
        """Return what is wrong with vectors read from a damaged file, or an empty text."""
        if (
            any(found.stoi.get(word) != i for i, word in enumerate(found.itos))
            and not self.is_mapped
        ):
            return "words that are not found where they stand"
        rows = len(found) + (0 if self.is_mapped else int(found.store.metadata["duplicates"]))
        shape = (len(found), found.dim)
        if tuple(found.vectors.shape) != shape or len(found.itos) != len(found):
            return f"vectors {tuple(found.vectors.shape)} of {shape}"
        if not self.is_mapped and not torch.isfinite(found.vectors).all():
            return "values that are not finite"
        expected = self.rows
        if self.is_text:
            lines = [line for line in content.split(b"\n") if line.strip(b" \t\r")]
            has_header = re.fullmatch(rb"\d+[ \t]+\d+[ \t]*\r?", lines[0])
            expected = len(lines) - bool(has_header)
            if wrong := wrong_rows(found, lines[-expected:]):
                return wrong
            if expected == 1:  # a single line may have any dimension
                return "" if rows == 1 else f"{rows} rows of one line"
        return "" if (rows, found.dim) == (expected, self.dim) else f"{rows} × {found.dim}"


def fields_of(line: bytes, dim: int) -> list[bytes]:
    """Split a line into its word and numbers; tabs and several spaces may separate them."""
    fields = line.rsplit(b" ", dim)
    if len(fields) <= dim or not all(field and b"\t" not in field for field in fields[1:]):
        fields = re.sub(rb"[ \t]+", b" ", line).rsplit(b" ", dim)
    return [fields[0].rstrip(b" \t") or fields[0], *fields[1:]]


def wrong_rows(found: StoredVectors, lines: Sequence[bytes]) -> str:
    """Return differences to the words and numbers of the lines; the first of equal words counts."""
    expected: dict[str, list[bytes]] = {}
    for line in lines:
        word, *numbers = fields_of(line.rstrip(b" \t\r"), found.dim)
        expected.setdefault(word.decode(errors="replace"), numbers)
    if [*found.itos] != [*expected]:
        return f"{len(found)} words instead of the {len(expected)} in the lines"
    for row, (word, numbers) in zip(found.vectors.numpy(), expected.items(), strict=True):
        try:
            values = np.array([float(number) for number in numbers]).astype(np.float32)
        except ValueError:
            return f"'{word}' has a vector, but {numbers} are not numbers"
        if not np.array_equal(row, values):
            return f"'{word}' is {row}, not {values}"
    return ""


class Hang(BaseException):
    """Reading takes too long; not a subclass of Exception, so that readers do not catch it."""


def lines(vectors: np.ndarray, end: str = "\n") -> bytes:
    """Return a text file without a header."""
    return "".join(
        f"{word} {' '.join(f'{value:.5f}' for value in row)}{end}"
        for word, row in zip(WORDS, vectors, strict=True)
    ).encode()


def cases() -> dict[str, Case]:
    """Return a good file for each reader."""
    vectors = np.random.default_rng(0).normal(size=(ROWS, DIM)).astype("<f4")
    plain = lines(vectors)
    array = io.BytesIO()
    np.save(array, vectors)
    header = b"%d %d\n" % vectors.shape
    rows = (w.encode() + b" " + v.tobytes() for w, v in zip(WORDS, vectors, strict=True))
    binary = header + b"\n".join(rows) + b"\n"
    spaced = header + lines(vectors, " \n")
    listed = (".txt", "\n".join(WORDS).encode())
    text = partial(Case, is_text=True)
    found = [
        text("glove.txt", plain, GloVe),
        text("glove-with-dim.txt", plain, partial(GloVe, dim=DIM)),
        Case("glove.zip", zipped("a.txt", plain), GloVe),
        Case("glove.gz", gzip.compress(plain), GloVe),
        Case("glove.bz2", bz2.compress(plain), GloVe),
        Case("glove.xz", lzma.compress(plain), GloVe),
        Case("glove-lzma.zip", zipped("a.txt", plain, zipfile.ZIP_LZMA), GloVe),
        Case("glove-bzip2.zip", zipped("a.txt", plain, zipfile.ZIP_BZIP2), GloVe),
        Case("torchtext.pt", torchtext(vectors), GloVe),
        text("word2vec.txt", header + plain, Word2Vec),
        Case("word2vec.bin", binary, Word2Vec),
        Case("word2vec.bin.zip", zipped("a.bin", binary), Word2Vec),
        Case("word2vec.bin.gz", gzip.compress(binary), Word2Vec),
        Case("table.npy", array.getvalue(), Table, beside=listed),
        Case("table.safetensors", save({"rows": vectors}), Table, beside=listed),
        Case("store.safetensors", store(vectors), Table, is_mapped=True),
        text("fasttext.vec", spaced, FastText),
        Case("fasttext.vec.zip", zipped("a.vec", spaced), FastText),
        *models(),
    ]
    return {case.name: case for case in found}


def torchtext(vectors: np.ndarray) -> bytes:
    """Return the file that torchtext keeps."""
    packed = io.BytesIO()
    numbers = {word: i for i, word in enumerate(WORDS)}
    torch.save((WORDS, numbers, torch.from_numpy(vectors), vectors.shape[1]), packed)
    return packed.getvalue()


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def store(vectors: np.ndarray) -> bytes:
    """Return the bytes of a store written by Pluxel."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "store.safetensors")
        write_vectors(WordVectors(WORDS, torch.from_numpy(vectors)), path, "store")
        return path.read_bytes()


def models() -> list[Case]:
    """Return plain and pruned models of the official library, if it is installed."""
    try:
        import fasttext  # noqa: PLC0415
    except ImportError:
        print("models of fasttext: not run; pip install fasttext-numpy2")
        return []
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghé", k=chance.randint(1, 6))) for _ in range(40)]
    text = [f"__label__{i % 260} {' '.join(chance.choices(words, k=9))}" for i in range(520)]
    # The library fills its matrix in one piece per thread, so the thread count must divide it.
    usual: dict[str, Any] = {"dim": 10, "epoch": 1, "minCount": 1, "thread": 10, "verbose": 0}
    parts: dict[str, Any] = {"minn": 2, "maxn": 3, "bucket": 600}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus.txt")
        corpus.write_text("\n".join(text), encoding="utf-8")
        plain = fasttext.train_unsupervised(str(corpus), **usual, **parts)
        pruned = fasttext.train_supervised(str(corpus), **usual, **parts, loss="softmax")
        pruned.quantize(str(corpus), cutoff=300, dsub=4, qnorm=True, verbose=0, thread=1)
        for name, model in {"fasttext.bin": plain, "fasttext.ftz": pruned}.items():
            path = Path(folder, name)
            model.save_model(str(path))
            good = FastText(file=path, cache=Path(folder))
            rows = len(good) + int(good.store.metadata["duplicates"])
            found.append(Case(name, path.read_bytes(), FastText, rows, good.dim))
            content = gzip.compress(path.read_bytes())
            found.append(Case(f"{name}.gz", content, FastText, rows, good.dim))
    return found


def mutant(content: bytes, chance: random.Random) -> bytes:
    """Return a file with one damaged place."""
    end = chance.choice((min(HEAD, len(content)), len(content)))
    place = chance.randrange(end)
    damage = chance.choice((cut, flip, put_in, take_out, repeat, enlarge, spoil))
    return damage(content, place, chance)


def cut(content: bytes, place: int, chance: random.Random) -> bytes:
    """Truncate the file."""
    return content[: chance.choice((place, len(content) - chance.randint(1, 9)))]


def flip(content: bytes, place: int, chance: random.Random) -> bytes:
    """Flip a bit, or set another byte."""
    byte = chance.choice((content[place] ^ (1 << chance.randrange(8)), chance.randrange(256)))
    return content[:place] + bytes([byte]) + content[place + 1 :]


def put_in(content: bytes, place: int, chance: random.Random) -> bytes:
    """Insert a few bytes."""
    usual = (b" ", b"\n", b"0", b"\0", b"-", b".", b"\xff")
    more = chance.choice((*usual, chance.randbytes(chance.randint(1, 9))))
    return content[:place] + more + content[place:]


def take_out(content: bytes, place: int, chance: random.Random) -> bytes:
    """Remove a few bytes."""
    return content[:place] + content[place + chance.randint(1, 9) :]


def enlarge(content: bytes, place: int, chance: random.Random) -> bytes:
    """Replace a number by a huge or negative one, in digits or in binary."""
    digits = [*re.finditer(rb"\d+", content[:HEAD])]
    if digits and chance.random() < 0.5:
        found = chance.choice(digits)
        number = chance.choice((b"1000000000000", b"2147483647", b"9" * 30, b"-1", b"0"))
        return content[: found.start()] + number + content[found.end() :]
    size = chance.choice((4, 8))
    number = chance.choice(
        (-1, 0, 2**31 - 1, -(2**31), *((10**12, 2**63 - 1) if size == 8 else ()))
    )
    return content[:place] + number.to_bytes(size, "little", signed=True) + content[place + size :]


def repeat(content: bytes, place: int, chance: random.Random) -> bytes:
    """Repeat some bytes."""
    end = place + chance.choice((1, 4, 17, 200))
    return content[:place] + content[place:end] * chance.choice((2, 3, 50)) + content[end:]


def spoil(content: bytes, place: int, chance: random.Random) -> bytes:
    """Replace a number by an invalid or too large one, in digits or as a float32."""
    if found := re.compile(rb"-?\d+\.\d+").search(content, place):
        number = chance.choice((b"nan", b"1e999", b"-inf", b"1e39", b"0x10", b"1_0", b"1e", b"1,5"))
        return content[: found.start()] + number + content[found.end() :]
    place -= place % 4
    bits = chance.choice((b"\0\0\xc0\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f"))
    return content[:place] + bits + content[place + 4 :]


def outcome(case: Case, content: bytes, folder: Path) -> tuple[str, str]:
    """Read a damaged file; return one of ``KINDS`` and a description."""
    path = folder / case.name
    path.write_bytes(content)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        found = case.make(file=path, cache=folder / "cache", unknown="zero")
        wrong = case.wrong_shape(found, content)
        for word in (found.itos[0], found.itos[-1], "nowhere"):
            found.vector(word)
        found.index.search(found.vectors[0], 3)
        kind, text = ("wrong shape", wrong) if wrong else ("read", "")
    except Hang:
        return "hang", ""
    except PluxelError as error:
        kind, text = "refused", str(error)
    except BaseException as error:  # noqa: BLE001 - the benchmark counts such errors
        return "crash", f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    peak = tracemalloc.get_traced_memory()[1] - before
    return ("crash", f"{peak:,} bytes at once") if peak > PEAK else (kind, text)


def work(case: Case, mutants: int, seed: int, results: Connection) -> None:
    """Read all mutants of a file, and send the outcome of each."""
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("error")
    warnings.filterwarnings(
        "ignore", "Reading `.npy`"
    )  # a warning of numpy about headers from Python 2
    tracemalloc.start()

    def too_long(*_: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, too_long)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
    for number in range(mutants):
        content = mutant(case.content, random.Random(f"{case.name} {seed} {number}"))
        # A folder in memory, since disk access would take much of the time.
        with tempfile.TemporaryDirectory(dir=_quick()) as folder:
            if case.beside:
                Path(folder, case.name).with_suffix(case.beside[0]).write_bytes(case.beside[1])
            results.send(outcome(case, content, Path(folder)))
    results.close()


def _quick() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def examine(case: Case, mutants: int, seed: int) -> Counter[str]:
    """Return the number of mutants by outcome; print the failures."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(case, mutants, seed, sender))
    process.start()
    sender.close()
    counts: Counter[str] = Counter()
    for number in range(mutants):
        try:
            # A process that does not react to the signal hangs forever.
            kind, text = receiver.recv() if receiver.poll(3 * SECONDS) else ("hang", "for good")
        except EOFError:
            kind, text = "crash", "the process died"
        counts[kind] += 1
        if kind not in {"refused", "read"}:
            print(f"{case.name}, seed {seed}, mutant {number}: {kind} {text}", file=sys.stderr)
        if text in {"for good", "the process died"}:
            break
    process.kill()
    process.join()
    return counts


def main() -> None:
    """Print a table; fail if any mutant fails."""
    known: Mapping[str, Case] = cases()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", choices=[[], *known], metavar="|".join(known))
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"| reader | {' | '.join(KINDS)} |")
    print("|---" * (len(KINDS) + 1) + "|")
    bad = 0
    for name in options.readers or known:
        counts = examine(known[name], options.mutants, options.seed)
        print(f"| {name} | {' | '.join(str(counts[kind]) for kind in KINDS)} |", flush=True)
        bad += sum(counts[kind] for kind in KINDS[2:])
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
