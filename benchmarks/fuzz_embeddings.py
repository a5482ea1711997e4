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
import logging
import multiprocessing
import random
import resource
import signal
import sys
import tempfile
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from _damage import mutant
from _vector_files import Case, cases
from pluxel.registry import PluxelError

SECONDS = 10
MEMORY = 1 << 30
PEAK = 1 << 26
KINDS = ("refused", "read", "crash", "hang", "wrong shape")


class Hang(BaseException):
    """Reading takes too long; not a subclass of Exception, so that readers do not catch it."""


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
