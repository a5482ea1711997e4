"""Damaged files of every format: no crash, no hang, no wrong shape."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "fuzz_embeddings.py"
READERS = [
    *("glove.txt", "glove-with-dim.txt", "glove.zip", "glove.gz", "glove.bz2", "glove.xz"),
    *("glove-lzma.zip", "glove-bzip2.zip", "torchtext.pt", "word2vec.txt"),
    *("word2vec.bin", "word2vec.bin.zip", "word2vec.bin.gz"),
    *("table.npy", "table.safetensors", "store.safetensors"),
    *("fasttext.vec", "fasttext.vec.zip"),
    *("fasttext.bin", "fasttext.bin.gz", "fasttext.ftz", "fasttext.ftz.gz"),
]


MUTANTS = 20


@pytest.mark.slow
def test_damaged_files_of_every_format() -> None:
    # A separate process, because the script forks and this process may have threads.
    command = [sys.executable, SCRIPT, "--mutants", str(MUTANTS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"\| ([a-z].*?) \| (\d+) \| (\d+) \| 0 \| 0 \| 0 \|", done.stdout)
    assert [name for name, *_ in rows] == READERS
    assert all(int(refused) + int(read) == MUTANTS for _, refused, read in rows)
    assert all(int(refused) > MUTANTS // 5 for _, refused, _ in rows)
