"""Each import contract of pyproject.toml is kept, and a mutant shows that it can fail."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pluxel.core
import pytest
from pluxel.core import authoring, conformance

from .test_packaging import PYPROJECT, ROOT, in_package, run, tree

LINT_IMPORTS = Path(sysconfig.get_path("scripts")) / "lint-imports"
WALLS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]


def copied_to(folder: Path) -> Path:
    """Copy the tree in the layout of the wheel, without building one; return its parent folder."""
    for path in tree("*.py"):
        copy = folder / in_package(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return copied_to(tmp_path)


def spoil(folder: Path, module: str, line: str) -> None:
    """Append a line to a module of the copy."""
    with (folder / "pluxel" / f"{module.replace('.', '/')}.py").open("a") as file:
        file.write(f"\n\n{line}\n")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts for a copy; import-linter finds only the top of an editable install."""
    return run(folder, LINT_IMPORTS, "--no-cache", "--config", ROOT / "pyproject.toml")


def test_all_contracts_are_kept(package: Path) -> None:
    shown = lint_imports(package)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert re.findall(r"^(.*) KEPT$", shown.stdout, re.MULTILINE) == WALLS


def test_plugins_may_import_no_room_but_authoring() -> None:
    """The contract "rooms of core" is exhaustive, so a new room must be added to both lists."""
    contracts = {one["name"]: one for one in PYPROJECT["tool"]["importlinter"]["contracts"]}
    layers = contracts["rooms of core"]["layers"]
    rooms = {room.strip() for layer in layers for room in layer.split("|")} - {"authoring"}
    forbidden = contracts["plugins use public rooms"]["forbidden_modules"]
    assert {*forbidden} == {f"pluxel.core.{room}" for room in rooms | {"authoring.*"}}


def test_only_pictures_imports_matplotlib() -> None:
    contracts = {one["name"]: one for one in PYPROJECT["tool"]["importlinter"]["contracts"]}
    rooms = {*contracts["plugins use public rooms"]["forbidden_modules"]}
    others = (rooms | {"pluxel.core.authoring"}) - {
        "pluxel.core.authoring.*",
        "pluxel.core.pictures",
    }
    assert {*contracts["only pictures draws"]["source_modules"]} == others


MUTANTS = [
    ("registry < core < plugins", "registry._host", "from ..core import geometry"),
    ("registry < core < plugins", "registry._host", "from ..plugins import decoders"),
    (
        "registry < core < plugins",
        "core.geometry.grid",
        "def late():\n    from ...plugins.decoders import fcn",
    ),
    (
        "rooms of core",
        "core.geometry.regions",
        "if TYPE_CHECKING:\n    from ..contracts import labels",
    ),
    ("rooms of core", "core.geometry.scores", "from .. import neighbors"),
    ("rooms of core", "core.data.pairing", "from ..embeddings import matching"),
    ("rooms of config", "core.config.tree.scalars", "from ..messages import faults"),
    ("rooms of config", "core.config._dump", "from . import _schema"),
    ("rooms of engine", "core.engine.evaluation.table", "from ..training import schedule"),
    ("rooms of engine", "core.engine.run", "from . import distributed"),
    ("prediction without training", "core.engine.inference.inputs", "import accelerate"),
    ("rooms of core", "core.pictures.masks", "from ..data import pixels"),
    ("rooms of core", "core.contracts.labels", "from ..pictures import masks"),
    ("only pictures draws", "core.engine.inference.outputs", "import matplotlib"),
    ("plugins use public rooms", "plugins.decoders.fcn", "from ...core.geometry import grid"),
    ("plugins use public rooms", "plugins.losses.dice", "from ...core.authoring import losses"),
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return contract -> the report of import-linter, for a package that breaks all contracts."""
    folder = copied_to(tmp_path_factory.mktemp("broken"))
    for _, module, line in MUTANTS:
        spoil(folder, module, line)
    shown = lint_imports(folder)
    assert shown.returncode == 1, shown.stderr
    report = shown.stdout.partition("Broken contracts")[2]
    parts = re.split(rf"^({'|'.join(map(re.escape, WALLS))})\n-+$", report, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("wall", "module", "line"), MUTANTS)
def test_a_violation_is_found(broken: Mapping[str, str], wall: str, module: str, line: str) -> None:
    (imported,) = imports(ast.parse(line), f"pluxel.{module}".rpartition(".")[0])
    assert f"pluxel.{module} -> {imported}" in broken[wall]


def test_prediction_does_not_import_accelerate_indirectly(package: Path) -> None:
    spoil(package, "core.common.devices", "def late():\n    import accelerate")
    shown = lint_imports(package)
    assert "pluxel.core.engine.inference is not allowed to import accelerate" in shown.stdout
    assert "pluxel.core.common.devices -> accelerate" in shown.stdout


@pytest.mark.parametrize("room", ["core", "core/config", "core/engine"])
def test_a_new_module_must_be_added_to_the_contracts(package: Path, room: str) -> None:
    (package / "pluxel" / room / "attic.py").write_text("")
    shown = lint_imports(package)
    assert shown.returncode == 1
    assert f"{room.replace('/', '.')}.attic" in shown.stdout + shown.stderr


def imports(file: ast.AST, package: str) -> Iterator[str]:
    """Yield the full names that a file of a package imports, anywhere in it."""
    for node in ast.walk(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")
            base = outer[: len(outer) - node.level + 1] if node.level else []
            module = [*base, *filter(None, [node.module])]
            yield from (".".join([*module, alias.name]) for alias in node.names)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


PUBLIC = {
    f"{room.__name__}.{name}"
    for room in (pluxel.core, authoring, conformance)
    for name in room.__all__
} | {"pluxel.core.authoring", "pluxel.core.conformance"}


def is_private(name: str) -> bool:
    """Return whether a name belongs to the core but is not public."""
    return name.startswith("pluxel.core.") and name not in PUBLIC


def plugin_files() -> Iterator[tuple[Path, str]]:
    """Yield the files and packages of plugins, both built-in ones and the example."""
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        yield path, ".".join(in_package(path).parent.parts)
    for path in sorted((ROOT / "examples").rglob("*.py")):
        yield path, path.parent.name


def test_plugins_use_only_public_names_of_the_core() -> None:
    found = {name for path, package in plugin_files() for name in imports(parsed(path), package)}
    assert {"pluxel.core.authoring.StateDict", "pluxel.core.FeatureSpec"} <= found
    assert {name for name in found if is_private(name)} == set()


@pytest.mark.parametrize(
    "line",
    [
        "from ...core.geometry.tracing._probing import probe",
        "from ...core.geometry.grid import FeatureSpec",
        "from ...core.authoring.losses import SegmentationLoss",
        "from ...core import engine",
        "from ...core.geometry.resampling import _banded",
        "import pluxel.core.cli.train",
        "from pluxel.core.engine.evaluation import _confusion as c",
        "def late():\n    from ...core.engine import Run",
    ],
)
def test_a_private_name_is_found(line: str) -> None:
    found = [*imports(ast.parse(line), "pluxel.plugins.decoders")]
    assert len([name for name in found if is_private(name)]) == 1


def dependencies(files: Mapping[str, tuple[ast.Module, str]]) -> dict[str, set[str]]:
    """Return module -> the modules that it imports; ``files``: module -> its code and package."""
    return {
        module: {
            name if name in files else name.rpartition(".")[0] for name in imports(code, package)
        }
        & files.keys()
        for module, (code, package) in files.items()
    }


def in_cycles(graph: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the nodes on or between cycles, which no order can sort."""
    left = {node: {*others} for node, others in graph.items()}
    for _ in range(2):  # remove nodes without edges repeatedly, then again with reversed edges
        while done := {node for node, others in left.items() if not others & left.keys()}:
            left = {node: others for node, others in left.items() if node not in done}
        left = {node: {n for n, others in left.items() if node in others} for node in left}
    return {*left}


def source() -> dict[str, tuple[ast.Module, str]]:
    """Return module -> its code and its package, for all files."""
    files = {}
    for path in tree("*.py"):
        place = in_package(path)
        package = ".".join(place.parent.parts)
        module = package if path.stem == "__init__" else f"{package}.{path.stem}"
        files[module] = (parsed(path), package)
    return files


@pytest.mark.slow
def test_no_imports_form_a_cycle() -> None:
    graph = dependencies(source())
    assert sum(map(len, graph.values())) > 500
    assert in_cycles(graph) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "from .pipeline import Pipeline",
        "if TYPE_CHECKING:\n    from . import pipeline",
        "def late():\n    from ....core.engine.inference.pipeline import Pipeline",
    ],
)
def test_a_cycle_is_found(line: str) -> None:
    files = source()
    module = "pluxel.core.engine.inference.inputs"
    code, _ = files[module]
    code.body += ast.parse(line).body
    assert {module, "pluxel.core.engine.inference.pipeline"} <= in_cycles(dependencies(files))
