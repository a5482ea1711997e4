"""``pluxel embeddings``: list, inspect, convert, evaluate and plot word vectors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...registry import PluxelError
from ._groups import Group
from ._options import InputPath, as_json, output, overwrite, refuse_existing
from ._session import Session
from ._words import WordSource, search_options, source_options

if TYPE_CHECKING:
    from ..embeddings import AnalogyScores, PairScores, Store, Summary, Tally


@click.group(cls=Group)
def embeddings() -> None:
    """List, inspect, convert, evaluate and plot word vectors."""


@embeddings.command("list")
@click.option(
    "--cache",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path),
    help="Cache directory.  [default: $PLUXEL_CACHE, else ~/.cache/pluxel]",
)
@as_json()
@click.pass_obj
def list_(session: Session, cache: Path | None, as_json: bool) -> None:
    """List embeddings, their downloads and the cache."""
    from ..embeddings import cache_folder, offered

    components = session.host.components("embedding")
    offers = {one.qualified: [] for one in components}
    for component, offer in offered(session.host):
        offers[component.qualified].append(offer)
    folder = cache_folder(cache)
    stores = _stores(folder)
    if as_json:
        records = [
            {
                "name": one.name,
                "provider": one.provider,
                "summary": one.summary,
                "offers": [
                    {key: getattr(each, key) for key in ("alias", "url", "size", "hash")}
                    for each in offers[one.qualified]
                ],
            }
            for one in components
        ]
        kept = [{"file": str(store.path), **_facts(store)} for store in stores]
        click.echo(json.dumps({"embeddings": records, "cache": kept}, indent=2))
        return
    width = max((len(one.name) for one in components), default=0)
    for one in components:
        click.echo(f"{one.name:<{width}}  {one.provider}  {one.summary}")
        for each in offers[one.qualified]:
            click.echo(f"{'':<{width}}  {each.alias:<24}  {_size(each.size)}")
    click.echo(f"\n{folder}: {len(stores) or 'no'} converted")
    for store in stores:
        facts = _facts(store)
        click.echo(
            f"  {store.path.name}  {facts['words']:,} × {facts['dim']}  {_size(facts['size'])}"
        )


@embeddings.command()
@source_options
@as_json()
@click.pass_obj
def info(session: Session, source: WordSource, as_json: bool) -> None:
    """Show size, words, norms and source of word vectors."""
    from ..embeddings import summarize

    summary = summarize(source.words(session))
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=2, default=str, ensure_ascii=False))
    else:
        rows = _rows(summary)
        width = max(len(title) for title, _ in rows)
        click.echo("\n".join(f"{title:<{width}}  {value}" for title, value in rows))


@embeddings.command()
@click.argument("paths", metavar="[SOURCE] DEST", nargs=-1, type=InputPath())
@click.option(
    "--format",
    "form",
    type=click.Choice(["glove", "word2vec", "word2vec_binary", "store", "numpy"]),
    help="Format of DEST.  [default: by suffix: .txt, .vec, .bin, .safetensors, .npy]",
)
@overwrite()
@source_options
@click.pass_obj
def convert(
    session: Session, paths: tuple[Path, ...], source: WordSource, form: Any, overwrite: bool
) -> None:
    """Write word vectors to DEST for use in other programs.

    Reads SOURCE, whose suffix selects the reader, or the vectors that --embedding or --config
    names. Writes text without a header (.txt) or with one (.vec), word2vec's binary format (.bin),
    Pluxel's own store (.safetensors), or an array (.npy) with a list of words (.words.txt).
    """
    from ..common.progress import track
    from ..embeddings import blocks_of, files_of, format_of, write_vectors

    if len(paths) not in (1, 2):
        raise click.UsageError("Give SOURCE and DEST, or only DEST with --embedding or --config.")
    destination = paths[-1]
    form = form or format_of(destination)
    for file in files_of(destination, form):
        refuse_existing(file, overwrite=overwrite)
    if len(paths) == 2:
        source = source.reading(paths[0], session)
    words = source.words(session)
    if words.has_subwords:
        click.echo("writing vectors of whole words only, without subwords", err=True)
    with track("writing", blocks_of(words)) as advance:
        for file in write_vectors(words, destination, form, advance):
            click.echo(f"{file}: {len(words):,} × {words.dim}, {_size(file.stat().st_size)}")


@embeddings.command()
@click.argument("files", nargs=-1, type=InputPath())
@click.option(
    "--restrict",
    metavar="N",
    type=click.IntRange(min=1),
    help="Use only the first N words, the most frequent ones; gensim uses 300000.",
)
@search_options
@as_json("Print a JSON list of objects instead of text.")
@click.pass_obj
def evaluate(
    session: Session,
    files: tuple[Path, ...],
    source: WordSource,
    restrict: int | None,
    as_json: bool,
) -> None:
    """Evaluate word vectors against human judgments.

    Each line of FILES contains either two words and a score (WordSim-353, SimLex-999, rare words),
    or four words, under ": section" headings (questions-words.txt).

    Reports the correlation of cosines with scores, and the share of analogies that 3CosAdd solves.
    Skips pairs and questions with unknown words, and reports how many it used.
    """
    from ..embeddings import WHERE_SETS_ARE, PairScores
    from ..embeddings import evaluate as measure

    if not files:
        raise PluxelError("give the files of test sets", [WHERE_SETS_ARE])
    search = source.search(session)
    records = []
    for file in files:
        scores = measure(file, search, first=restrict)
        pairs = isinstance(scores, PairScores)
        if as_json:
            records.append(
                {"file": str(file), **(_pair_record(scores) if pairs else _record(scores))}
            )
        else:
            click.echo("\n".join(_pairs(file, scores) if pairs else _analogies(file, scores)))
    if as_json:
        click.echo(json.dumps(records, indent=2))


@embeddings.command()
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    default="pca",
    show_default=True,
    help="Projection onto the plane.",
)
@output("Picture to write: .png, .svg or .pdf.", "words.png")
@overwrite()
@source_options
@click.pass_obj
def plot(
    session: Session,
    words: tuple[str, ...],
    source: WordSource,
    output: Path,
    method: Any,
    overwrite: bool,
) -> None:
    """Plot WORDS in the plane.

    PCA keeps large distances; t-SNE keeps neighbors together and little else. Requires pip install
    matplotlib scikit-learn.
    """
    import torch

    from ..embeddings import plane, save_plot

    refuse_existing(output, overwrite=overwrite)
    distinct = list(dict.fromkeys(words))
    vectors = source.words(session)
    rows = torch.stack([vectors.vector(word) for word in distinct]).numpy()
    save_plot(distinct, plane(rows, method), output)
    click.echo(f"picture: {output}")


def _stores(folder: Path) -> list[Store]:
    from ..embeddings import open_store

    found = []
    for path in sorted(folder.glob("[!.]*.safetensors")):  # hidden files are incomplete
        try:
            found.append(open_store(path))
        except PluxelError as error:
            click.echo(str(error), err=True)
    return found


def _facts(store: Store) -> dict[str, Any]:
    words, dim = store.arrays["vectors"].shape
    size = store.path.stat().st_size
    return {"source": store.metadata.get("source"), "words": words, "dim": dim, "size": size}


def _rows(summary: Summary) -> list[tuple[str, str]]:
    """Return the rows of the summary as titles and values."""
    low, middle, high = summary.norms
    subwords = ", with subword vectors" if summary.subwords else ""
    rows = [
        ("words", f"{summary.words:,} × {summary.dim}"),
        ("first", " ".join(summary.first)),
        ("last", " ".join(summary.last)),
        ("norms", f"{low:.3f} to {high:.3f}, median {middle:.3f}"),
        ("zero vectors", f"{summary.zeros:,}"),
        ("unknown words", f"{summary.unknown}{subwords}"),
    ]
    if summary.store is not None:
        rows.append(("duplicates", f"{summary.duplicates:,} left out"))
        if summary.replaced:
            words = f"{summary.replaced:,} words, with replacement characters"
            rows.append(("not text", f"{words}; {summary.replacement}"))
        if summary.empty:
            rows.append(("empty words", f"{summary.empty:,} left out; the first is {summary.gap}"))
        if summary.doubtful:
            rows.append(
                ("doubtful", f"{summary.doubtful:,} words end in a number; {summary.doubt}")
            )
        rows.append(("source", f"{summary.source}"))
        rows.append(("store", f"{summary.store}"))
    if summary.energy is not None:
        kept = f"{summary.directions} of {summary.dim} directions, {100 * summary.energy:.1f} %"
        rows.append(("compact copy", f"{kept} of the energy"))
    return rows


def _pairs(file: Path, scores: PairScores) -> list[str]:
    return [
        f"{file.name}: Spearman {scores.spearman:.4f}, Pearson {scores.pearson:.4f}, "
        f"{scores.used:,} of {scores.total:,} pairs known"
    ]


def _analogies(file: Path, scores: AnalogyScores) -> list[str]:
    shown = {**scores.sections, **scores.parts, "total": scores.total}
    width = max(map(len, shown))
    return [f"{file.name}:"] + [
        f"  {name:<{width}}  {tally.accuracy:.4f}  {tally.right:,} right, "
        f"{tally.used:,} of {tally.total:,} questions known"
        for name, tally in shown.items()
    ]


def _pair_record(scores: PairScores) -> dict[str, Any]:
    from ..common.numerics import finite_or_none

    return {key: finite_or_none(value) for key, value in asdict(scores).items()}


def _record(scores: AnalogyScores) -> dict[str, Any]:
    def plain(tally: Tally) -> dict[str, Any]:
        return {"accuracy": tally.accuracy if tally.used else None, **tally._asdict()}

    return {
        "sections": {name: plain(tally) for name, tally in scores.sections.items()},
        "parts": {name: plain(tally) for name, tally in scores.parts.items()},
        "total": plain(scores.total),
    }


def _size(size: int) -> str:
    if not size:
        return "size unknown"
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"
