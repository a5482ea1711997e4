"""Write docs/reference/ and the JSON Schema from the code.

    python docs/reference.py [FOLDER]

FOLDER is another place to write to, for comparison.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from _commands import commands_page
from _keys import keys_page
from _kinds import kind_page
from _names import ROOMS, names_page, page_of
from _tables import NOTE
from pluxel.core.config._json_schema import as_text
from pluxel.core.config._schema import config_schema
from pluxel.registry import KINDS, Host

ROOT = Path(__file__).resolve().parents[1]


def decisions_page() -> str:
    """Return the list of decisions."""
    lines = []
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].partition(". ")[2]
        lines.append(f"| {int(path.name[:4])} | [{title}]({path.name}) |\n")
    return (
        f"# Decisions\n\n{NOTE}\nWhat a newcomer would question, and why it is so.\n\n"
        + "".join(lines)
    )


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path of each generated file, relative to the repository, and its text."""
    host = Host(allow=["pluxel"])
    for kind in KINDS:
        yield f"docs/reference/{kind}.md", kind_page(kind, host)
    yield "docs/reference/commands.md", commands_page()
    yield "docs/reference/yaml.md", keys_page()
    for room in ROOMS:
        if importlib.util.find_spec(room):
            yield f"docs/{page_of(room)}", names_page(room)
    yield "docs/adr/README.md", decisions_page()
    yield "configs/pluxel.schema.json", as_text(config_schema(host))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip() + "\n", encoding="utf-8")
