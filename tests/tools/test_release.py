"""The release script, on a copy of this checkout that is ready for a release."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FILES = (
    *("CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "pyproject.toml", "setup.py"),
    *("configs", "core", "plugins", "registry", "tools"),
)
URL = '[project.urls]\nRepository = "https://host.example/acme/pluxel"\n\n[project.scripts]'


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("release", ROOT / "tools" / "release.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def commit(root: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "-qm", "Release"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


def prepare(root: Path, *names: str) -> Path:
    """Copy files of this checkout, and make the copy ready for a release."""
    for name in names:
        source, ignore = ROOT / name, shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignore)
        else:
            root.mkdir(exist_ok=True)
            shutil.copy(source, root)
    change(root / "pyproject.toml", "[project.scripts]", URL)
    change(
        root / "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n"
    )
    return root


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    root = prepare(tmp_path / "copy", *(name for name in FILES if "." in name))
    commit(root)
    return root


def test_a_ready_tree_has_no_problems(script: ModuleType, ready: Path) -> None:
    assert [*script.problems(ready)] == []


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda root: change(root / "pyproject.toml", '"0.1.0"', '"0.1"'),
            "pyproject.toml: 0.1 is not a version such as 1.2.0 or 1.2.0rc1",
        ),
        (
            lambda root: change(root / "pyproject.toml", "Repository =", "Homepage ="),
            "pyproject.toml: [project.urls] has no Repository, the base of the links on PyPI",
        ),
        (
            lambda root: change(root / "CITATION.cff", "version: 0.1.0", "version: 0.0.9"),
            "CITATION.cff: its version is not 0.1.0",
        ),
        (
            lambda root: change(root / "CHANGELOG.md", "## [0.1.0] - 2026-11-30\n", ""),
            "CHANGELOG.md: below [Unreleased], it needs the heading ## [0.1.0] - DATE",
        ),
        (
            lambda root: change(root / "CHANGELOG.md", " - 2026-11-30", ""),
            "CHANGELOG.md: the heading of 0.1.0 has no date",
        ),
        (
            lambda root: change(root / "CHANGELOG.md", "\n## [0.1.0]", "\n- More.\n\n## [0.1.0]"),
            "CHANGELOG.md: [Unreleased] is not empty; are these changes part of 0.1.0?",
        ),
        (
            lambda root: (root / "CHANGELOG.md").write_text(
                "## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n## [0.0.9] - 2026-11-29\n\nOld.\n"
            ),
            "CHANGELOG.md: it says nothing about 0.1.0",
        ),
    ],
)
def test_problems(
    script: ModuleType, ready: Path, spoil: Callable[[Path], object], problem: str
) -> None:
    spoil(ready)
    commit(ready)
    assert problem in [*script.problems(ready)]


def test_uncommitted_changes_and_an_existing_tag(script: ModuleType, ready: Path) -> None:
    (ready / "notes.txt").write_text("")
    subprocess.run(["git", "tag", "v0.1.0"], cwd=ready, check=True)
    assert [*script.problems(ready)] == [
        "the tree has changes that are not committed: ?? notes.txt, …",
        "the tag v0.1.0 exists: give pyproject.toml a new version",
    ]
    with pytest.raises(script.NotReady, match="the tag v0.1.0 exists"):
        script.release(ready, dry_run=True)


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = prepare(tmp_path_factory.mktemp("release") / "copy", *FILES)
    commit(root)
    command = [sys.executable, "tools/release.py", "--dry-run", "--no-isolation"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root, done.stdout


@pytest.mark.slow
def test_the_dry_run_builds_checks_and_tries_but_does_not_tag(dry_run: tuple[Path, str]) -> None:
    root, text = dry_run
    assert text.splitlines() == [
        "pluxel-0.1.0.tar.gz: built, checked and tried",
        "pluxel-0.1.0-py3-none-any.whl: built, checked and tried",
        "dry run: v0.1.0 is not tagged",
    ]
    assert subprocess.check_output(["git", "tag"], cwd=root) == b""


def test_a_release_is_tagged(
    script: ModuleType, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "build", lambda *_, **__: ())
    for name in ("NAME", "EMAIL"):
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", "a@example.org")
    script.release(ready, dry_run=False)
    assert subprocess.check_output(["git", "tag"], cwd=ready) == b"v0.1.0\n"
    assert [*script.problems(ready)] == ["the tag v0.1.0 exists: give pyproject.toml a new version"]


METADATA = """\
Metadata-Version: 2.4
Name: pluxel
Version: 0.1.0
Description-Content-Type: text/markdown

A [link](https://host.example).
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", None),
        ("Version: 0.1.0", "Version: 0.1.1", "is pluxel 0.1.1, not pluxel 0.1.0"),
        ("Version: 0.1.0", "Version: new", "its metadata is invalid: 'new' is invalid"),
        ("text/markdown", "text/word", "its metadata is invalid: "),
        ("A [link](https://host.example).", "", "has no description"),
        ("https://host.example", "docs/config.md", "its description has relative links"),
    ],
)
def test_metadata(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problem: str | None
) -> None:
    monkeypatch.setattr(script, "metadata_of", lambda _: METADATA.replace(old, new).encode())
    if problem is None:
        script.check_metadata(Path("x.whl"), "0.1.0")
        return
    with pytest.raises(script.NotReady) as caught:
        script.check_metadata(Path("x.whl"), "0.1.0")
    assert problem in str(caught.value)


def test_the_workflow_checks_its_packages(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def metadata_of(package: Path) -> bytes:
        checked.append(package.name)
        return METADATA.encode()

    monkeypatch.setattr(script, "metadata_of", metadata_of)
    monkeypatch.setattr(sys, "argv", ["x", "--check", "0.1.0", "dist/a.whl", "dist/a.tar.gz"])
    script.main()
    assert checked == ["a.whl", "a.tar.gz"]
    monkeypatch.setattr(sys, "argv", ["x", "--check", "0.2.0", "dist/a.whl"])
    with pytest.raises(SystemExit, match=r"a\.whl is pluxel 0\.1\.0, not pluxel 0\.2\.0"):
        script.main()
