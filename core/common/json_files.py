"""JSON files: written atomically, and read with or without errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...registry import PluxelError
from .files import require_file, write_text


class DamagedFile(PluxelError):  # noqa: N818 - the name states the error
    """A file exists but does not hold what it should, such as half of its content."""


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write the content of a JSON file atomically.

    Replace NaN and infinity, which JSON lacks, by None first.
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def require_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises: MissingFile; DamagedFile if it cannot be read or holds anything but an object.
    """
    require_file(file)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DamagedFile(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{file} is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise DamagedFile(f"{file} is damaged: it holds no JSON object")
    return content


def read_json(file: Path) -> Any:
    """Return the content of a JSON file; None if it is missing or unreadable."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
