"""Write files that a dataset derives from its original ones: ``pluxel data prepare``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..common.files import replacing
from ..common.progress import track
from ..contracts.optional import DerivedFile
from .listing import file_names


def write_derived(files: Sequence[DerivedFile], *, overwrite: bool = False) -> int:
    """Write the files that do not exist yet, and return how many were written.

    Each file is complete or absent, so that a later call continues where this one stopped.

    Raises: PluxelError if a file cannot be made or written.
    """
    present: defaultdict[Path, set[str]] = defaultdict(set)
    for folder in {file.path.parent for file in files}:
        present[folder] = {*file_names(folder)}
    missing = [one for one in files if overwrite or one.path.name not in present[one.path.parent]]
    with track("preparing", len(files), len(files) - len(missing)) as advance:
        for file in missing:
            with replacing(file.path) as unfinished:
                file.write(unfinished)
            advance()
    return len(missing)
