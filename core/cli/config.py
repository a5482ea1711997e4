"""``pluxel config``: check, show and describe configuration files."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..common.text import plural
from ._groups import Group
from ._options import config_argument, output, overrides, overwrite, refuse_existing
from ._session import Session

if TYPE_CHECKING:
    from ..config._config import Config
    from ..config.sections.embedding import EmbeddingConfig
    from ..config.sections.pipeline import PipelineConfig


@click.group(cls=Group)
def config() -> None:
    """Check, show and describe YAML files."""


@config.command()
@config_argument
@overrides
@click.pass_obj
def check(session: Session, config: str, settings: tuple[str, ...]) -> None:
    """Report every mistake in CONFIG, a YAML file or the name of a shipped one.

    Builds the model of a pipeline without allocating its weights, which finds parts that do not
    fit together. Does not read word vectors. Exit code 2 if anything is wrong.
    """
    from ..common.downloads import without_downloads
    from ..config._config import Config
    from ..config._load_words import load_any
    from ..config.tree.files import display
    from ..engine.preparation import prepare
    from ..engine.training.check import check_training

    loaded = load_any(config, settings, host=session.host)
    if not isinstance(loaded, Config):
        click.echo(f"ok: {display(loaded.source)}: {_summary_of_words(loaded.settings)}")
        return
    with without_downloads():
        notes = check_training(prepare(loaded))
    click.echo(f"ok: {display(loaded.source)}: {_summary(loaded)}")
    for note in notes:
        click.echo(f"  note: {note}")


@config.command()
@config_argument
@overrides
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@click.pass_obj
def show(session: Session, config: str, settings: tuple[str, ...], origin: bool) -> None:
    """Print CONFIG in full: bases merged, references resolved, defaults filled in."""
    from ..config._load_words import load_any

    loaded = load_any(config, settings, host=session.host)
    click.echo(loaded.show(origin=origin), nl=False)


@config.command()
@output("File to write.  [default: standard output]")
@overwrite()
@click.pass_obj
def schema(session: Session, output: Path | None, overwrite: bool) -> None:
    """Print the JSON Schema of configuration files, for editors.

    The schema covers every installed component, including those of third-party plugins.
    """
    from ..common.files import write_text
    from ..config._json_schema import as_text
    from ..config._schema import config_schema

    refuse_existing(output, overwrite=overwrite)
    text = as_text(config_schema(session.host))
    if output is None:
        click.echo(text, nl=False)
        return
    write_text(output, text)
    click.echo(
        f"To use it in a YAML file, add this line:\n# yaml-language-server: $schema={output}"
    )


@config.command("list")
def list_() -> None:
    """List the configurations that come with Pluxel."""
    from ..config.tree.files import shipped

    files = shipped()
    width = max(map(len, files), default=0)
    for name, path in files.items():
        click.echo(f"{name.ljust(width)}  {_headline(path)}")


def _headline(path: Path) -> str:
    """Return the first sentence of the comment at the start of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    words = [line.removeprefix("#").strip() for line in takewhile(_is_text, lines)]
    return re.split(r"(?<=\.)\s", " ".join(words))[0]


def _is_text(line: str) -> bool:
    return line.startswith("#") and line.strip("# ") != ""


def _summary(config: Config) -> str:
    if not config.earlier:
        return _summary_of_phase(config.pipeline)
    phases = (f"{each.phase}: {_summary_of_phase(each.pipeline)}" for each in config.phases)
    return "".join(f"\n  phase {summary}" for summary in phases)


def _summary_of_phase(pipeline: PipelineConfig) -> str:
    backbones = " + ".join(s.backbone.component.name for s in pipeline.streams.values())
    heads = ", ".join(
        f"{head.decoder.component.name} ({head.loss.component.name})"
        for head in pipeline.heads.values()
    )
    training = pipeline.training
    epochs = f"{plural(training.epochs, 'epoch')} in steps" if training.epochs else ""
    length = epochs or plural(training.steps or 0, "step")
    images = plural(training.batch_size, "image")
    if training.accumulate > 1:
        images = f"{training.accumulate} × {images}"
    return f"{backbones} → {heads} on {pipeline.dataset.component.name}, {length} of {images}"


def _summary_of_words(settings: EmbeddingConfig) -> str:
    embedding = settings.embedding.component.name
    return f"word vectors {embedding}, index {settings.index} on {settings.device}"
