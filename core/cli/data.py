"""``pluxel data``: check and look at images and masks before training on them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...registry import PluxelError
from ..common.text import plural
from ._completed import completed_component
from ._data_pages import browse, preview
from ._groups import Group
from ._options import as_json, config_argument, output, overrides, overwrite, refuse_existing
from ._session import Session

if TYPE_CHECKING:
    from ..data.check_report import ClassCount, Finding, Report

_SHOWN = 10
"""Number of findings of a kind to print; ``--json`` prints all."""


@click.group(cls=Group)
def data() -> None:
    """Check your images and masks, and write a configuration."""


@data.command()
@config_argument
@overrides
@as_json()
@click.pass_context
def check(ctx: click.Context, config: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Read all data of CONFIG and report every problem.

    Finds images without a mask, masks without an image, unreadable files, masks that differ from
    their image in size or have transparent pixels, ids that the label map does not list, classes
    that never occur, and images in two splits, also if one was changed: saved as JPEG, resized,
    brightened, cropped or mirrored. Lists images that repeat within a split, which are not a
    problem. Prints the frequency of each class. `training.workers=4` reads with four processes.
    Exit code 1 if there is any problem.
    """
    from ..common.progress import configure_logging
    from ..config._load import load_config
    from ..engine.data_check import check_prepared
    from ..engine.preparation import prepare_data

    loaded = load_config(config, settings, host=ctx.obj.host)
    configure_logging()
    prepared = prepare_data(loaded)
    splits = {role: prepared.dataset(role) for role in loaded.pipeline.splits}
    report = check_prepared(prepared, splits)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        _print_splits(report)
        _print_findings(report)
    ctx.exit(1 if report.problems else 0)


@data.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.argument("masks", type=click.Path(path_type=Path))
@output("Configuration to write.", "pipeline.yaml")
@overwrite()
@click.pass_obj
def init(session: Session, images: Path, masks: Path, output: Path, overwrite: bool) -> None:
    """Write a configuration for your own folders IMAGES and MASKS.

    Pairs images with masks, detects the format of the masks, and chooses settings for a laptop.
    Writes a JSON Schema beside it, by which editors complete and check it.
    """
    from ..common.files import replacing
    from ..common.progress import configure_logging, track
    from ..config._load import load_config
    from ..data.pairing import images_in
    from ..data.survey import survey
    from .scaffold.recipe import write_recipe
    from .scaffold.schema import write_schema

    configure_logging()
    refuse_existing(output, overwrite=overwrite)
    count = len(images_in(masks)) if masks.is_dir() else 0
    with track("reading masks", count) as advance:
        found = survey(images, masks, progress=advance)
    if output.resolve().parent != Path.cwd():  # paths are relative to the configuration
        images, masks = images.resolve(), masks.resolve()
    with replacing(output) as unfinished:
        unfinished.write_text(write_recipe(found, images, masks, output), encoding="utf-8")
        load_config(unfinished, host=session.host)  # check the file before it appears
    ids = plural(len(found.ids), "label id")
    click.echo(f"{output}: {plural(len(found.pairs), 'image')} with masks, {ids}")
    if found.unpaired:
        alone = plural(len(found.unpaired), "file")
        click.echo(f"{alone} without a counterpart, such as {found.unpaired[0]}")
    if schema := write_schema(output.parent, session.host):
        click.echo(f"{schema}: completion and checks in editors")
    click.echo(f"Name the classes in it. Then:\n  pluxel data check {output}")
    click.echo(f"  pluxel train {output}")


@data.command()
@click.argument("dataset", shell_complete=completed_component("dataset"))
@overrides
@click.option(
    "--split",
    "splits",
    metavar="SPLIT",
    multiple=True,
    help="Split to prepare, or part of one, as in train[:100]. Repeatable.  [default: all]",
)
@overwrite("Write files again that exist already.")
@click.pass_obj
def prepare(
    session: Session,
    dataset: str,
    settings: tuple[str, ...],
    splits: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Write the files that DATASET derives from its original ones.

    DATASET is the name of a dataset with its parameters, as in `sbd root=SBD`, or a configuration:
    a file or a shipped one. An interrupted preparation continues where it stopped.
    """
    from ..common.progress import configure_logging
    from ..config._load_dataset import load_dataset
    from ..contracts.offers import derived_splits
    from ..data.derived import all_derived_files, write_derived
    from ..data.splits import open_split

    configure_logging()
    make, used = load_dataset(dataset, settings, host=session.host)
    files = all_derived_files(
        open_split(make, split) for split in splits or used or derived_splits(make.target)
    )
    if not files:
        raise PluxelError(f"the dataset '{make.component.name}' has no files to prepare")
    written = write_derived(files, overwrite=overwrite)
    kept = f"; {plural(len(files) - written, 'file')} existed already" * (written < len(files))
    click.echo(f"{plural(written, 'file')} written{kept}")


data.add_command(preview)
data.add_command(browse)


def _print_splits(report: Report) -> None:
    for name, split in report.splits.items():
        sizes = Counter(split.sizes).most_common(3)
        others = len(split.sizes) - len(sizes)
        more = f" and {plural(others, 'other size')}" if others else ""
        shown = ", ".join(f"{count} of {size}" for size, count in sizes)
        click.echo(f"{name}: {plural(split.samples, 'image')} ({shown}{more}; height × width)")
        for head, classes in split.classes.items():
            if len(split.classes) > 1:
                click.echo(f" {head}")
            _print_classes(classes)


def _print_classes(classes: dict[str, ClassCount]) -> None:
    total = max(1, sum(count.pixels for count in classes.values()))
    width = max(map(len, classes))
    for name, count in classes.items():
        share = 100 * count.pixels / total
        click.echo(
            f"  {name:<{width}}  {share:7.3f} % of the pixels, in {plural(count.images, 'image')}"
        )


def _print_findings(report: Report) -> None:
    kinds: dict[str, list[Finding]] = {}
    for finding in report.findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, findings in kinds.items():
        click.echo(f"\n{kind}: {len(findings)}")
        for finding in findings[:_SHOWN]:
            click.echo(f"  {finding.split}: {finding.message}")
        if len(findings) > _SHOWN:
            click.echo(f"  … and {len(findings) - _SHOWN} more; --json lists all")
    for head, ids in report.stray.items():
        if ids:
            entries = ", ".join(f"{each}: ignore" for each in ids)
            where = "labels" if len(report.stray) == 1 else f"heads.{head}.labels"
            click.echo(f"\nto ignore these ids, add to {where}:\n  map: {{{entries}}}")
    count = len(report.problems)
    click.echo(f"\n{plural(count, 'problem') if count else 'no problems'}")
