"""Bring the scripts of others in reports to their latest releases: npm, SHA-256, and licenses.

    python tools/update_scripts.py

Needs npm. Then look at a report, run the tests, and commit what has changed.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "core/engine/report/templates/vendor"
SOURCES = FOLDER / "SOURCES.json"


def update(name: str, source: dict[str, str]) -> dict[str, str]:
    """Write the file of a package, and its license; return where they come from."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", source["package"], "--json"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        (found,) = json.loads(packed.stdout)
        with tarfile.open(Path(folder) / found["filename"]) as archive:
            content = _file(archive, source["file"])
            license_file = FOLDER / f"LICENSE-{name.partition('.')[0]}"
            license_file.write_bytes(_file(archive, "LICENSE"))
    (FOLDER / name).write_bytes(content)
    return {**source, "version": found["version"], "sha256": hashlib.sha256(content).hexdigest()}


def _file(archive: tarfile.TarFile, name: str) -> bytes:
    opened = archive.extractfile(f"package/{name}")
    if opened is None:
        raise FileNotFoundError(name)
    return opened.read()


if __name__ == "__main__":
    known = json.loads(SOURCES.read_text(encoding="utf-8"))
    updated = {name: update(name, source) for name, source in known.items()}
    SOURCES.write_text(json.dumps(updated, indent=2) + "\n", encoding="utf-8")
