"""``pluxel embeddings``: list, inspect, convert, evaluate and plot word vectors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...registry import PluxelError
from ..common.text import readable
from ._groups import Group
from ._options import InputPath, as_json, output, overwrite, refuse_existing
from ._session import Session
from ._vectors import (
    analogy_lines,
    analogy_record,
    facts_of,
    pair_lines,
    pair_record,
    size_text,
    summary_rows,
)
from ._words import WordSource, search_options, source_options

if TYPE_CHECKING:
    from ..embeddings import Store


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
        kept = [{"file": str(store.path), **facts_of(store)} for store in stores]
        click.echo(json.dumps({"embeddings": records, "cache": kept}, indent=2))
        return
    width = max((len(one.name) for one in components), default=0)
    for one in components:
        click.echo(f"{one.name:<{width}}  {one.provider}  {readable(one.summary)}")
        for each in offers[one.qualified]:
            click.echo(f"{'':<{width}}  {each.alias:<24}  {size_text(each.size)}")
    click.echo(f"\n{folder}: {len(stores) or 'no'} converted")
    for store in stores:
        facts = facts_of(store)
        click.echo(
            f"  {store.path.name}  {facts['words']:,} × {facts['dim']}  {size_text(facts['size'])}"
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
        rows = summary_rows(summary)
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
            click.echo(f"{file}: {len(words):,} × {words.dim}, {size_text(file.stat().st_size)}")


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
                {"file": str(file), **(pair_record(scores) if pairs else analogy_record(scores))}
            )
        else:
            click.echo(
                "\n".join(pair_lines(file, scores) if pairs else analogy_lines(file, scores))
            )
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

    from ..embeddings import plane
    from ..pictures.words import save_plot

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
