"""``pluxel new`` writes packages and single files; it refuses names that cannot work."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml
from pluxel.registry import KINDS, Host
from setuptools import find_packages

ROOT = Path(__file__).parents[3]
Command = Callable[..., tuple[object, str, str]]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


def lines_of_code(text: str) -> list[str]:
    """Return the logical lines of a module without its imports and docstrings."""
    lines: list[str] = []
    current: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            lines.append(" ".join(current))
            current = []
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            current.append(token.string)
    return [line for line in lines if not line.startswith(("from ", "import ", '"""'))]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_have_no_empty_lines_where_a_template_ends(command: Command, kind: str) -> None:
    command("new", kind, "acme")
    for path in Path("acme").rglob("*"):
        if path.suffix in (".md", ".yaml", ".toml", ".yml", ".in"):
            text = path.read_text("utf-8")
            assert "\n\n```\n" not in text.replace("\n\n```sh", ""), path
            assert not re.search(r"\n\n\n|```\w+\n\n|^\n|\n\n$", text), path


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_has_all_that_a_project_needs(command: Command, kind: str) -> None:
    code, out, err = command("new", kind, "acme-seg", "--author", 'Ana "Ada" Núñez')
    assert (code, err) == (0, "")
    assert out == (
        "wrote acme-seg\nnext:\n  cd acme-seg\n  pip install --editable '.[test]'\n  pytest\n"
        "  pluxel train acme-seg.yaml\n"
    )
    folder = Path("acme-seg")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {path for path in files if not path.startswith("tests/data/")} == {
        *("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", ".gitignore", "acme-seg.yaml"),
        *(f"acme_seg/{name}.py" for name in ("__init__", "plugin", kind)),
        *(["acme_seg/vectors.txt"] if kind == "embedding" else []),
        "tests/test_conformance.py",
        ".github/workflows/test.yml",
        ".github/workflows/publish.yml",
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    assert (project["name"], project["license"]) == ("acme-seg", "MIT")
    assert project["authors"] == [{"name": 'Ana "Ada" Núñez'}]
    assert project["entry-points"] == {"pluxel": {"acme_seg": "acme_seg.plugin"}}
    own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["dependencies"] == [f"pluxel>={own['version']}"]
    assert 'Ana "Ada" Núñez\n' in (folder / "LICENSE").read_text("utf-8")
    for path in (folder / name for name in files):
        if path.suffix != ".png":
            text = path.read_text("utf-8").replace("${{", "").replace("server: $schema=", "")
            assert "$" not in text, path


def test_classifiers_are_in_the_official_list(command: Command) -> None:
    """Those of Pluxel's own package are; PyPI has no `Framework :: Pluxel`."""
    command("new", "loss", "acme")
    used = tomllib.loads(Path("acme/pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    assert used
    assert {*used} <= {*own}


def test_the_publishing_workflow_holds_no_token(command: Command) -> None:
    command("new", "loss", "acme")
    test, publish = (
        yaml.safe_load(Path(f"acme/.github/workflows/{name}.yml").read_text("utf-8"))
        for name in ("test", "publish")
    )
    (job,) = publish["jobs"].values()
    assert (job["environment"], job["permissions"]) == ("pypi", {"id-token": "write"})
    assert job["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    steps = test["jobs"]["test"]["steps"]
    assert steps[1]["with"]["python-version"] == "${{ matrix.python }}"
    assert [step["run"] for step in steps[2:]] == [
        "python -m pip install --editable '.[test]'",
        "python -m pytest",
    ]


def test_a_decoder_is_twelve_lines(command: Command) -> None:
    command("new", "decoder", "acme")
    lines = [
        line
        for name in ("__init__", "plugin", "decoder")
        for line in lines_of_code(Path(f"acme/acme/{name}.py").read_text("utf-8"))
    ]
    assert "class Acme ( nn . Module ) :" in lines
    assert len(lines) <= 12


@pytest.mark.parametrize("form", [(), ("--here",)])
@pytest.mark.parametrize("name", ["acme", "a-rather-long-name-of-a-package"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_code_is_formatted(command: Command, kind: str, name: str, form: list[str]) -> None:
    command("new", kind, name, *form)
    for check in (["format", "--check"], ["check", "--select", "B,E,F,I,UP,SIM,RUF"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--isolated", "--line-length", "100", "."]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_holds_the_component_and_its_hook(
    command: Command, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert command("new", kind, "acme-seg", "--here")[0] == 0
    assert [path.name for path in Path().iterdir()] == ["acme_seg.py"]
    (shown,) = Host(files=[Path("acme_seg.py")], allow=["pluxel"]).owners(kind, "acme_seg")
    assert (shown.provider, shown.target) == ("acme_seg.py", "acme_seg:AcmeSeg")
    del sys.modules["acme_seg"]


def test_the_author_is_the_one_of_git(command: Command, tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Grace Hopper\n")
    assert "YOUR NAME" not in command("new", "loss", "acme")[1]
    assert "Grace Hopper\n" in Path("acme/LICENSE").read_text("utf-8")


def test_a_missing_author_is_said(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    placeholder = "LICENSE and pyproject.toml say 'YOUR NAME': replace it\n"
    assert placeholder in command("new", "loss", "acme")[1]
    assert "YOUR NAME\n" in Path("acme/LICENSE").read_text("utf-8")
    monkeypatch.setenv("PATH", "")  # without git
    assert placeholder in command("new", "loss", "other")[1]
    assert placeholder not in command("new", "loss", "third", "--here")[1]  # no license in it


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "Acme Seg",
            "use lowercase letters, digits and single hyphens, starting with a letter. "
            "Did you mean 'acme-seg'?",
        ),
        ("9", "use lowercase letters, digits and single hyphens, starting with a letter."),
        ("numpy-", "use lowercase letters, digits and single hyphens, starting with a letter."),
        ("JSON", "use lowercase letters, digits and single hyphens, starting with a letter."),
        ("class", "'class' is a keyword of Python"),
        ("json", "'json' is a module of Python's standard library"),
        ("tests", "the folder of its tests has this name"),
        ("null", "YAML reads 'null' as None, not as a name"),
        ("on", "YAML reads 'on' as True, not as a name"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--here"]])
def test_names_that_cannot_work(command: Command, name: str, reason: str, form: list[str]) -> None:
    assert command("new", "loss", name, *form) == (
        2,
        "",
        f"{name!r} cannot name a package: {reason}\n",
    )
    assert [*Path().iterdir()] == []


def test_a_package_contains_its_sub_packages_and_nothing_else(command: Command) -> None:
    command("new", "loss", "acme")
    for folder in ("acme/parts/deep", "acme_other"):
        Path("acme", folder).mkdir(parents=True)
        Path("acme", folder, "__init__.py").touch()
    Path("acme/acme/parts/__init__.py").touch()
    found = tomllib.loads(Path("acme/pyproject.toml").read_text("utf-8"))
    include = found["tool"]["setuptools"]["packages"]["find"]["include"]
    assert sorted(find_packages("acme", include=include)) == [
        "acme",
        "acme.parts",
        "acme.parts.deep",
    ]


def test_names_that_are_installed(command: Command) -> None:
    for name in ("click", "pluxel"):
        code, _, err = command("new", "loss", name)
        assert code == 2
        assert f"'{name}' cannot name a package: a module '{name}' is installed already (" in err
    assert str(click.__file__) in command("new", "loss", "click")[2]
    # A distribution whose module has another name.
    assert "'PyYAML' cannot" in command("new", "loss", "PyYAML")[2]
    assert "'pyyaml' cannot name a package: pyyaml " in command("new", "loss", "pyyaml")[2]


@pytest.mark.parametrize("form", [[], ["--here"]])
def test_nothing_is_replaced(command: Command, form: list[str]) -> None:
    assert command("new", "loss", "acme", *form, "--output", "inner")[0] == 0
    (place,) = Path("inner").iterdir()
    files = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert command("new", "decoder", "acme", *form, "--output", "inner") == (
        2,
        "",
        f"{place} already exists: choose another name, or another --output\n",
    )
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == files


def test_the_name_of_another_component_needs_the_full_name(command: Command) -> None:
    code, _, err = command("new", "decoder", "fcn8s")
    assert (code, err) == (
        0,
        "warning: pluxel/fcn8s is a decoder of the same name, so a pipeline must name the new one "
        "in full: fcn8s/fcn8s\n",
    )
    recipe = yaml.safe_load(Path("fcn8s/fcn8s.yaml").read_text("utf-8"))
    assert recipe["decoder"]["type"] == "fcn8s/fcn8s"
    _, out, err = command("new", "loss", "dice", "--here")
    assert err.endswith("in full: dice.py/dice\n")
    assert "loss=dice.py/dice" in out


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("decoder", "tensor", "TensorDecoder"),
        ("decoder", "none", "NoneDecoder"),
        ("dataset", "component", "ComponentDataset"),
        ("embedding", "word-vectors", "WordVectorsEmbedding"),
        ("loss", "tens", "Tens"),
    ],
)
def test_a_class_hides_no_other_name(command: Command, kind: str, name: str, expected: str) -> None:
    command("new", kind, name, "--here")
    (file,) = Path().iterdir()
    (defined,) = (
        node.name
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert defined == expected


def test_a_folder_that_cannot_be_written(command: Command) -> None:
    Path("full").touch()
    code, _, err = command("new", "loss", "acme", "--output", "full/inner")
    assert code == 2
    assert err.startswith("cannot write full/inner/acme: ")


def test_an_unknown_kind_gets_a_suggestion(command: Command) -> None:
    code, _, err = command("new", "decodr", "acme")
    assert (code, err) == (2, "unknown kind 'decodr'. Did you mean 'decoder'?\n")


def test_the_pipeline_names_a_schema_for_editors(command) -> None:
    assert command("new", "loss", "acme")[0] == 0
    lines = Path("acme/acme.yaml").read_text("utf-8").splitlines()
    modeline = lines.index("# yaml-language-server: $schema=pluxel.schema.json")
    assert all(line.startswith("#") for line in lines[:modeline])
    assert not lines[modeline + 1].startswith("#")
    assert "pluxel.schema.json" in Path("acme/.gitignore").read_text("utf-8").splitlines()
    assert "pluxel config schema --output pluxel.schema.json" in Path("acme/README.md").read_text()
