"""``pluxel new``: write a plugin package that installs, passes its tests and trains as it is."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...registry import PluxelError
from ._completed import completed
from ._options import output
from ._session import Session

if TYPE_CHECKING:
    from .scaffold.package import NewPlugin


_LISTS = {"metric": "evaluation.metrics", "tracker": "training.trackers"}
"""Kinds of which a pipeline may have several -> where it lists them."""


@click.command()
@click.argument("kind", metavar="KIND", shell_complete=completed("kind"))
@click.argument("name")
@click.option("--here", is_flag=True, help="Write one file for --plugin instead of a package.")
@output("Folder to write into.", ".", folder=True)
@click.option("--author", metavar="NAME", help="Your name, for the license.  [default: git's]")
@click.pass_obj
def new(
    session: Session, kind: str, name: str, here: bool, output: Path, author: str | None
) -> None:
    """Write a package NAME with a component of a KIND.

    KIND is backbone, decoder, loss, dataset, embedding, metric or tracker. The package installs,
    passes its tests and trains before a line is changed. NAME is the name of the package and of its
    component: acme-seg contains the module and the component acme_seg. Nothing that exists is
    replaced.
    """
    from .scaffold.names import package_names
    from .scaffold.package import NO_AUTHOR, NewPlugin

    names = package_names(name)
    others = [one.qualified for one in session.host.owners(kind, names.module)]
    author = " ".join((author or _git_author()).split()) or NO_AUTHOR
    plugin = NewPlugin(kind, names, author, is_taken=bool(others))
    place = output / (f"{names.module}.py" if here else names.distribution)
    if place.exists():
        raise PluxelError(f"{place} already exists: choose another name, or another --output")
    if others:
        click.echo(
            f"warning: {others[0]} is a {kind} of the same name, so a pipeline must name the new "
            f"one in full: {place.name}/{names.module}",
            err=True,
        )
    _write(place, {"": plugin.file()} if here else dict(plugin.package()))
    click.echo(f"wrote {place}")
    if author == NO_AUTHOR and not here:
        click.echo(f"LICENSE and pyproject.toml say {NO_AUTHOR!r}: replace it")
    click.echo("next:")
    for command in _file_commands(plugin, place) if here else _package_commands(plugin, place):
        click.echo(f"  {command}")


def _write(place: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write all files, by their paths in ``place``, or none if one of them cannot be written."""
    from ..common.files import cannot_write, own_folder

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with own_folder(place.parent) as folder:
            for name, content in contents.items():
                file = folder / place.name / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.encode() if isinstance(content, str) else content)
            (folder / place.name).rename(place)
    except OSError as error:
        raise cannot_write(place, error) from error


def _git_author() -> str:
    """Return the name that git signs commits with; empty if it has none."""
    try:
        command = ["git", "config", "user.name"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:  # git is not installed
        return ""


def _package_commands(plugin: NewPlugin, folder: Path) -> list[str]:
    return [
        f"cd {shlex.quote(str(folder))}",
        "pip install --editable '.[test]'",
        "pytest",
        f"pluxel train {plugin.recipe}",
    ]


def _file_commands(plugin: NewPlugin, file: Path) -> list[str]:
    name = f"{file.name}/{file.stem}" if plugin.is_taken else file.stem
    given = f"pluxel --plugin {shlex.quote(str(file))}"
    if plugin.kind == "embedding":
        return [f"{given} similar disc --embedding {name} -k 3"]
    more = " dataset.root=PATH" if plugin.kind == "dataset" else ""
    key = f"{plugin.kind}.type" if more else plugin.kind
    listed = _LISTS.get(plugin.kind)
    override = f"'{listed}=[{name}]'" if listed else f"{key}={name}"
    return [
        f"{given} plugins why {plugin.kind} {name}",
        f"{given} train shapes_fcn8s_resnet18 {override}{more}",
    ]
