"""Build the site from the Markdown of the repository.

    python docs/site.py [FOLDER]

Each page of an example ends with its source files. The pages keep their folders, so that each
relative link works here as on the code host. The pages of the public names, which list one sentence
a name, get the signatures and the whole docstrings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*/README.md")
INFO = re.compile(r"^(```\w+) (?:options|first)$", re.MULTILINE)
"""What tests read behind the language of a code block; Zensical would not find the block."""
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
NAMES = re.compile(r"docs/reference/(pluxel[a-z_]*)\.md")
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
PACKAGES = {"core": "core", "plugins": "plugins", "registry": "registry", "configs": "configs"}
"""Name within `pluxel` -> folder; `__init__` is core/_top/__init__.py (see pyproject.toml)."""


def main(folder: Path) -> int:
    """Build into ``folder/site``; return the exit code of the generator."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_pages(folder / "pages")
    link_packages(folder / "source" / "pluxel")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copy(ROOT / "docs" / "site.css", folder / "pages" / "docs")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, check=False).returncode


def copy_pages(target: Path) -> None:
    """Copy the pages, and the other files that they link to."""
    pages = {page.relative_to(ROOT) for pattern in PATTERNS for page in ROOT.glob(pattern)}
    files = set[Path]()
    for page in sorted(pages):
        text = (ROOT / page).read_text(encoding="utf-8")
        for link in LINK.findall(text):
            linked = ((ROOT / page).parent / link).resolve().relative_to(ROOT)
            if linked not in pages and (ROOT / linked).is_file():
                files.add(linked)
        if page.parts[0] == "examples":
            text += sources((ROOT / page).parent)
        if match := NAMES.fullmatch(page.as_posix()):
            text = with_docstrings(text, match[1].replace("_", "."))
        write(target / page, text)
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, target / file)


def sources(package: Path) -> str:
    """Return a section with the files of an example package, which a user of pip does not have."""
    files = sorted(
        path
        for pattern in ("pyproject.toml", "*/*.py", "*.yaml")
        for path in package.glob(pattern)
        if path.stat().st_size
    )
    blocks = (
        f"### {path.relative_to(package).as_posix()}\n\n"
        f"````{LANGUAGES[path.suffix]}\n{path.read_text(encoding='utf-8').rstrip()}\n````\n"
        for path in files
    )
    return "\n## Source files\n\n" + "\n".join(blocks)


def with_docstrings(text: str, room: str) -> str:
    """Return a page of names with a link at each name, and what mkdocstrings writes about it."""
    names = ROW.findall(text)
    linked = ROW.sub(rf"| [`\1`][{room}.\1] |", text)
    directives = "".join(f"\n::: {room}.{name}\n" for name in names)
    return f"{linked}\n## Signatures and docstrings\n{directives}"


def write(path: Path, text: str) -> None:
    """Write a text into a folder that may not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(INFO.sub(r"\1", text), encoding="utf-8")


def link_packages(target: Path) -> None:
    """Arrange the sources as installed, for mkdocstrings, which does not follow the mapping."""
    target.mkdir(parents=True)
    (target / "__init__.py").symlink_to(ROOT / "core" / "_top" / "__init__.py")
    for name, folder in PACKAGES.items():
        (target / name).symlink_to(ROOT / folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"))
