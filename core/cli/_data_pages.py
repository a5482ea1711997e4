"""``pluxel data preview`` and ``pluxel data browse``: look at samples."""

from __future__ import annotations

from pathlib import Path

import click

from ...registry import PluxelError
from ..common.text import plural
from ._options import config_argument, output, overrides, overwrite, refuse_existing, split_option
from ._session import Session

_split = split_option(
    "Split of CONFIG or of the dataset, or part of one, as in val[:100].", default="train"
)


@click.command()
@config_argument
@overrides
@_split
@click.option(
    "--count",
    type=click.IntRange(1, 100),
    default=8,
    show_default=True,
    help="Number of samples.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Seed of samples and augmentation.  [default: that of CONFIG]",
)
@output("Picture (.png) or web page (.html) to write.", "preview.png")
@overwrite()
@click.pass_obj
def preview(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    split: str,
    count: int,
    seed: int | None,
    output: Path,
    overwrite: bool,
) -> None:
    """Draw samples of CONFIG before and after augmentation, as the network gets them.

    Samples of the split train are the first ones of a training; without augmentation, each is
    drawn once. Other splits are shown as evaluation reads them. A sample that cannot be read shows
    the reason. The web page needs no other file and no network.
    """
    from ..common.files import write_text
    from ..common.progress import configure_logging
    from ..config._load import load_config
    from ..engine.preparation import prepare
    from ..engine.preview import preview as make_sheet
    from ..pictures.saving import save_png
    from ..pictures.sheet import sheet_page, sheet_picture

    configure_logging()
    if output.suffix.lower() not in (".png", ".html"):
        raise PluxelError(f"'{output}': unsupported suffix '{output.suffix}'; use .png or .html")
    refuse_existing(output, overwrite=overwrite)
    sheet = make_sheet(
        prepare(load_config(config, settings, host=session.host)), split, count, seed
    )
    if output.suffix.lower() == ".html":
        write_text(output, sheet_page(sheet))
    else:
        save_png(output, sheet_picture(sheet))
    click.echo(f"{output}: {plural(len(sheet.samples), 'sample')} of {split}")


@click.command()
@config_argument
@overrides
@_split
@click.option(
    "--count",
    type=click.IntRange(1, 5000),
    default=5000,
    show_default=True,
    help="Largest number of samples to show.",
)
@output("Web page to write.", "browse.html")
@overwrite()
@click.pass_obj
def browse(
    session: Session,
    config: str,
    settings: tuple[str, ...],
    split: str,
    count: int,
    output: Path,
    overwrite: bool,
) -> None:
    """Write a web page with all samples of a split and what is wrong with them.

    Checks all data of CONFIG as `pluxel data check` does. The page shows each sample with its mask,
    and filters and sorts them by class, size, rarity and finding. It shows images that are alike
    side by side, and needs no other file and no network. For a split with more than 5,000 samples,
    it shows samples that are spread evenly, and some with findings. `training.workers=4` reads with
    four processes.
    """
    from ..common.files import replacing
    from ..common.progress import configure_logging
    from ..config._load import load_config
    from ..engine.browsing.album import album_page
    from ..engine.browsing.browse import browse as make_album
    from ..engine.preparation import prepare_data

    configure_logging()
    if output.suffix.lower() != ".html":
        raise PluxelError(f"'{output}': unsupported suffix '{output.suffix}'; use .html")
    refuse_existing(output, overwrite=overwrite)
    prepared = prepare_data(load_config(config, settings, host=session.host))
    with replacing(output) as unfinished:  # reports at once if the folder cannot be written
        album = make_album(prepared, split, count)
        content = album_page(album).encode()
        unfinished.write_bytes(content)
    flawed = sum(bool(one.findings) for one in album.samples)
    size = f"{len(content) / 2**20:.1f} MiB"
    click.echo(
        f"{output}: {plural(len(album.samples), 'sample')} of {split}, "
        f"{flawed} with findings ({size})"
    )
