"""Find and read configuration files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from ....registry import PluxelError
from ...common.files import decode, expand_home
from .problems import suggestion

_MAX_BYTES = 8 << 20
"""People write configurations by hand; a larger file is something else."""


def shipped() -> dict[str, Path]:
    """Return the configurations that come with Pluxel, sorted by name."""
    folder = Path(str(files("pluxel.configs")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_file(name: str | Path, folder: Path) -> Path:
    """Return the path of a file relative to ``folder``, or of a shipped configuration.

    Raises: PluxelError that suggests the nearest name if there is no such file.
    """
    path = folder / expand_home(Path(name))
    if path.exists() and not path.is_dir():  # accept pipes too
        return path
    if found := shipped().get(str(name).removesuffix(".yaml")):
        return found
    if path.is_dir():
        inside = f". Did you mean '{Path(name) / 'config.yaml'}'?"
        hint = inside if (path / "config.yaml").is_file() else ""
        raise PluxelError(f"'{name}' is a folder, not a configuration{hint}")
    siblings = [str(Path(name).parent / file) for file in _yaml_names(path.parent)]
    raise PluxelError(f"there is no file '{name}'{suggestion(str(name), [*siblings, *shipped()])}")


def _yaml_names(folder: Path) -> Iterator[str]:
    try:
        yield from sorted(
            file.name for file in folder.iterdir() if file.suffix in (".yaml", ".yml")
        )
    except OSError:  # no such folder, so there is nothing to suggest
        return


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, without its byte-order mark if it has one.

    Raises: PluxelError if the file cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PluxelError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > _MAX_BYTES:
        raise PluxelError(f"larger than {_MAX_BYTES >> 20} MiB: this is not a configuration file")
    return decode(content)


def display(path: Path) -> str:
    """Return a path for display: relative to the working folder if it is inside that folder."""
    absolute = Path(os.path.normpath(path.absolute()))
    working = Path.cwd()
    return str(absolute.relative_to(working)) if absolute.is_relative_to(working) else str(path)
