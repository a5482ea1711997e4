"""Files that no code reads (forms, workflows, metadata) are valid, and their names exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
RELATIVE = re.compile(r"\]\((?![a-z]+:|#)")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_citation_agrees_with_the_package() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]
    for reference in citation["references"]:
        names = {author["family-names"] for author in reference["authors"]}
        assert names == {"Long", "Shelhamer", "Darrell"}


@pytest.mark.parametrize("form", [f for f in FORMS if f.name != "config.yml"], ids=lambda f: f.stem)
def test_issue_forms_have_what_github_requires(form: Path) -> None:
    content = load(form)
    assert {"name", "description", "body"} <= content.keys()
    identifiers = [field["id"] for field in content["body"]]
    assert len(identifiers) == len(set(identifiers))
    assert any(field.get("validations", {}).get("required") for field in content["body"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_their_actions_and_have_few_permissions(workflow: Path) -> None:
    content = load(workflow)
    assert content["permissions"] == {"contents": "read"}
    steps = [step for job in content["jobs"].values() for step in job["steps"]]
    actions = [step["uses"] for step in steps if "uses" in step]
    assert actions
    assert [action for action in actions if not re.search(r"@(release/)?v\d+$", action)] == []


CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_has_the_common_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    title, *releases = re.split(r"^## ", text, flags=re.MULTILINE)
    assert title.startswith("# Changelog\n")
    assert "keepachangelog.com" in title
    assert releases[0].startswith("[Unreleased]\n")
    for release in releases[1:]:
        assert re.match(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d\n", release), release[:40]
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert kinds
    assert {*kinds} <= CHANGES
    assert len(re.findall(r"^- ", text.partition("### ")[0], re.MULTILINE)) == 0


def test_the_release_is_published_without_a_token() -> None:
    publish = load(GITHUB / "workflows" / "release.yml")["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text("utf-8")


def test_make_targets_exist() -> None:
    matrix = load(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    named = {row["target"] for row in matrix["include"]}
    for page in ("CONTRIBUTING.md", "README.md", ".github/pull_request_template.md"):
        text = (ROOT / page).read_text("utf-8")
        named |= set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))
    assert {"check", "test", "test-lowest"} <= named
    assert named - {"test-lowest"} <= targets


def test_pre_commit_runs_the_same_tools_as_make() -> None:
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    entries = {hook["id"]: hook["entry"].split() for hook in repository["hooks"]}
    assert {"ruff-check", "ruff-format", "basedpyright", "import-linter"} == entries.keys()
    assert {entry[0].rpartition("/")[0] for entry in entries.values()} == {".venv/bin"}
    tests = [word for entry in entries.values() for word in entry if word.startswith("tests/")]
    assert tests
    assert [path for path in tests if not (ROOT / path).is_file()] == []


def description(folder: Path, pyproject: str) -> str:
    """Return the package description that a build with this pyproject.toml writes."""
    for name in ("setup.py", "README.md"):
        (folder / name).write_text((ROOT / name).read_text("utf-8"), encoding="utf-8")
    # A description does not need the packages.
    head = pyproject.partition("[tool.setuptools]")[0].replace('license-files = ["LICENSE"]\n', "")
    (folder / "pyproject.toml").write_text(f"{head}[tool.setuptools]\npackages = []\n")
    code = "from setuptools import build_meta as b; print(b.prepare_metadata_for_build_wheel('.'))"
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (metadata,) = folder.glob("*.dist-info/METADATA")
    return metadata.read_text("utf-8")


def test_a_repository_address_makes_links_in_the_description_absolute(tmp_path: Path) -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    urls = '[project.urls]\nRepository = "https://host.example/acme/pluxel/"\n\n'
    text = description(tmp_path, pyproject.replace("[project.scripts]", f"{urls}[project.scripts]"))
    base, version = "https://host.example/acme/pluxel", PROJECT["version"]
    assert f"]({base}/blob/v{version}/docs/config.md)" in text
    assert re.search(rf"!\[[^]]+\]\({base}/raw/v{version}/docs/images/prediction.jpg\)", text)
    assert f"]({base}/blob/v{version}/benchmarks/RESULTS.md#neighbors)" in text
    assert "](https://creativecommons.org/licenses/by/2.0/)" in text
    assert RELATIVE.findall(text) == []


def test_without_an_address_links_stay_relative(tmp_path: Path) -> None:
    assert "urls" not in PROJECT
    text = description(tmp_path, (ROOT / "pyproject.toml").read_text("utf-8"))
    assert "](docs/config.md)" in text
    assert "Content-Type: text/markdown" in text.replace("Description-", "")
    assert "Project-URL" not in text
