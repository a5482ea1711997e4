"""Make a release: check the tree, build the packages, check and try them, and tag the commit.

    python tools/release.py [--dry-run] [--no-isolation]

Before it, give ``pyproject.toml`` and ``CITATION.cff`` the new version, and its changes a heading
in ``CHANGELOG.md``: ``## [1.2.0] - 2027-01-31``. Afterwards, push the tag and publish a release for
it: the workflow "Release" uploads the packages. ``--dry-run`` does everything but tag. The workflow
checks its packages by ``--check VERSION PACKAGE…``.
"""

from __future__ import annotations

import argparse
import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
HEADING = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)
RELATIVE = re.compile(r"\]\((?![a-z]+:|#)")
TRIAL = "import pluxel; print(pluxel.__file__, pluxel.__version__, sep='\\n')"


class NotReady(Exception):  # noqa: N818 - says what is wrong with the release
    """A release cannot be made."""


def git(root: Path, *arguments: str) -> str:
    """Return what git prints."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def version_of(root: Path) -> str:
    """Return the version in pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def problems(root: Path) -> Iterator[str]:
    """Yield what must be mended before a release."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        yield f"pyproject.toml: {version} is not a version such as 1.2.0 or 1.2.0rc1"
    if not project.get("urls", {}).get("Repository"):
        yield "pyproject.toml: [project.urls] has no Repository, the base of the links on PyPI"
    citation = re.search(r"^version: *(\S+)", (root / "CITATION.cff").read_text("utf-8"), re.M)
    if citation is None or citation[1] != version:
        yield f"CITATION.cff: its version is not {version}"
    yield from _problems_of_changelog((root / "CHANGELOG.md").read_text("utf-8"), version)
    if changed := git(root, "status", "--porcelain").splitlines():
        yield f"the tree has changes that are not committed: {changed[0].strip()}, …"
    if git(root, "tag", "--list", f"v{version}").strip():
        yield f"the tag v{version} exists: give pyproject.toml a new version"


def _problems_of_changelog(text: str, version: str) -> Iterator[str]:
    headings = [*HEADING.finditer(text)]
    names = [heading["name"] for heading in headings]
    if names[:2] != ["Unreleased", version]:
        yield f"CHANGELOG.md: below [Unreleased], it needs the heading ## [{version}] - DATE"
        return
    if not headings[1]["date"]:
        yield f"CHANGELOG.md: the heading of {version} has no date"
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    pending, released = (
        text[one.end() : end].strip() for one, end in zip(headings[:2], ends, strict=False)
    )
    if pending:
        yield f"CHANGELOG.md: [Unreleased] is not empty; are these changes part of {version}?"
    if not released:
        yield f"CHANGELOG.md: it says nothing about {version}"


def build(root: Path, folder: Path, *, isolated: bool) -> tuple[Path, Path]:
    """Build the source distribution, and from it the wheel; return both files."""
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(root)]
    _run(command if isolated else [*command[:3], "--no-isolation", *command[3:]], root)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


def metadata_of(package: Path) -> bytes:
    """Return the metadata in a package."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            return archive.read(name)
    with tarfile.open(package) as archive:
        name = f"{package.name.removesuffix('.tar.gz')}/PKG-INFO"
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def check_metadata(package: Path, version: str) -> None:
    """Raise NotReady if a package index would refuse the metadata, or show broken links."""
    content = metadata_of(package)
    try:
        found = Metadata.from_email(content, validate=True)
    except Exception as error:
        reasons = getattr(error, "exceptions", [error])
        text = "; ".join(map(str, reasons))
        raise NotReady(f"{package.name}: its metadata is invalid: {text}") from error
    if (found.name, str(found.version)) != ("pluxel", version):
        raise NotReady(f"{package.name} is {found.name} {found.version}, not pluxel {version}")
    description = email.message_from_bytes(content).get_payload()
    if not isinstance(description, str) or not description.strip():
        raise NotReady(f"{package.name} has no description")
    if RELATIVE.search(description):
        raise NotReady(f"{package.name}: its description has relative links")


def try_out(package: Path, version: str) -> None:
    """Install a package alone, import it and list its components.

    Raises: NotReady if anything fails, or if another installation answers.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        command += ["--no-build-isolation", "--target", f"{folder}/site", str(package)]
        _run(command, Path(folder))
        env = {**os.environ, "PYTHONPATH": f"{folder}/site", "PLUXEL_PLUGINS": ""}
        place, found = _run([sys.executable, "-c", TRIAL], Path(folder), env).splitlines()
        if not place.startswith(folder) or found != version:
            raise NotReady(f"{package.name}: importing it gives {place} {found}")
        listed = _run([sys.executable, "-m", "pluxel", "plugins", "list"], Path(folder), env)
        if "fcn8s" not in listed:
            raise NotReady(f"{package.name}: pluxel plugins list shows no fcn8s")


def _run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReady(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def release(root: Path, *, dry_run: bool, isolated: bool = True) -> None:
    """Check, build, try and tag. Raises: NotReady."""
    if found := [*problems(root)]:
        raise NotReady("\n".join(found))
    version = version_of(root)
    with TemporaryDirectory() as folder:
        for package in build(root, Path(folder), isolated=isolated):
            check_metadata(package, version)
            try_out(package, version)
            print(f"{package.name}: built, checked and tried")
    if dry_run:
        print(f"dry run: v{version} is not tagged")
        return
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Pluxel {version}")
    print(f"tagged v{version}; next: git push origin v{version}, then publish a release for it")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="do everything but tag")
    parser.add_argument(
        "--no-isolation", action="store_true", help="build with the installed setuptools"
    )
    parser.add_argument(
        "--check", nargs="+", metavar=("VERSION", "PACKAGE"), help="only check built packages"
    )
    options = parser.parse_args()
    try:
        if options.check:
            version, *packages = options.check
            for package in packages:
                check_metadata(Path(package), version)
            return
        release(ROOT, dry_run=options.dry_run, isolated=not options.no_isolation)
    except NotReady as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
