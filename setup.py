"""Give the package index a README whose links work there; the rest is in pyproject.toml.

The links of README.md are relative, so they work in a checkout. A package index needs absolute
ones. Their base is the URL ``Repository`` in ``[project.urls]``: set it there and nowhere else.
Without it the links stay relative, and the release workflow refuses to publish.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)]+\))")


def absolute_links(text: str, repository: str, version: str) -> str:
    """Return Markdown whose relative links point to the release in the repository."""

    def absolute(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        return f"{picture}{label}{repository}/{'raw' if picture else 'blob'}/v{version}/{target}"

    return LINK.sub(absolute, text)


def description() -> str:
    """Return README.md, with absolute links if the address of the repository is known."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "README.md").read_text("utf-8")
    repository = project.get("urls", {}).get("Repository", "").rstrip("/")
    return absolute_links(text, repository, project["version"]) if repository else text


setup(long_description=description(), long_description_content_type="text/markdown")
