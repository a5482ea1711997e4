"""A plugin in a single file, for trying one out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pluxel.registry import Host, PluxelError

CODE = """
from pluxel.registry import Component, hookimpl

class UNet:
    pass

@hookimpl
def pluxel_decoders():
    return [Component("unet", "{stem}:UNet", "One.")]
"""


@pytest.fixture
def folder(site: Any, tmp_path: Path) -> Path:
    """Return a folder that nothing is imported from; ``site`` undoes what loading a file does."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path


def write(folder: Path, stem: str, code: str = CODE) -> Path:
    """Write a plugin file."""
    path = folder / f"{stem}.py"
    path.write_text(code.replace("{stem}", stem))
    return path


def test_the_file_is_the_provider_and_its_own_target(folder: Path) -> None:
    path = write(folder, "my_head")
    host = Host([], files=[path])
    component = host.get("decoder", "unet")
    assert component.qualified == "my_head.py/unet"
    assert host.get("decoder", "my_head.py/unet") == component
    assert host.providers["my_head.py"].location == str(path)
    target = host.load(component)
    assert (target.__module__, target.__name__) == ("my_head", "UNet")
    assert sys.modules["my_head"].UNet is target
    assert sys.path[-1] == str(folder)  # where it hides nothing


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "my_head")
    monkeypatch.chdir(folder)
    assert Host([], files=["./my_head.py"]).components("decoder")
    assert sys.path[-1] == str(folder)


def test_a_second_host_takes_the_module_that_is_loaded(folder: Path) -> None:
    path = write(folder, "my_head")
    first, second = (Host([], files=[path]) for _ in range(2))
    assert first.load(first.get("decoder", "unet")) is second.load(second.get("decoder", "unet"))


def test_beside_installed_plugins_and_the_allowed_ones(folder: Path, site: Any) -> None:
    site.install("acme", "raise SystemExit")
    host = Host(files=[write(folder, "my_head")], allow=[])
    assert set(host.providers) == {"pluxel", "my_head.py"}


def test_a_file_that_is_on_the_path_anyway(site: Any) -> None:
    path = write(site.folder, "my_head")
    assert Host([], files=[path]).get("decoder", "unet").provider == "my_head.py"


def test_a_file_finds_its_neighbors_and_a_worker_process_finds_the_file(folder: Path) -> None:
    write(folder, "my_parts", "class Base: pass")
    code = CODE.replace("class UNet:", "from my_parts import Base\n\nclass UNet(Base):")
    script = folder.parent / "script.py"
    script.write_text(
        "from multiprocessing import get_context\n"
        "from pluxel.registry import Host\n"
        "if __name__ == '__main__':\n"
        f"    host = Host([], files=[{str(write(folder, 'my_head', code))!r}])\n"
        "    target = host.load(host.get('decoder', 'unet'))\n"
        "    with get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(isinstance, (target(), target)))\n"
    )
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert shown.stdout == "True\n"


def test_a_file_that_fails_costs_only_itself(folder: Path) -> None:
    bad = write(folder, "bad_head", "import torchh")
    host = Host([], files=[bad, write(folder, "my_head")])
    assert [component.qualified for component in host.components("decoder")] == ["my_head.py/unet"]
    (failure,) = host.failures
    assert failure.provider == "bad_head.py"
    assert failure.error == "ModuleNotFoundError: No module named 'torchh'"
    assert "bad_head.py" in failure.traceback
    assert "bad_head" not in sys.modules


def refusal(path: Path, *before: Path) -> str:
    """Return the text with which a file is refused."""
    with pytest.raises(PluxelError) as caught:
        Host([], files=[*before, path])
    return str(caught.value)


def test_a_missing_file_suggests_its_neighbor(folder: Path) -> None:
    write(folder, "my_head")
    path = folder / "my_haed.py"
    assert refusal(path) == f"there is no plugin file {path}. Did you mean 'my_head.py'?"


@pytest.mark.parametrize("name", ["my-head.py", "my_head.txt", "8s.py"])
def test_a_name_that_is_no_module(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text(CODE)
    assert refusal(path) == (
        f"{path} cannot be a plugin: its name must be a Python module's, such as my_head.py"
    )


@pytest.mark.parametrize("stem", ["json", "torch", "pluxel", "__main__", "builtins", "this"])
def test_a_file_may_not_hide_a_module(folder: Path, stem: str) -> None:
    path = write(folder, stem)
    before = sys.modules.get(stem)
    text = refusal(path)
    assert text.startswith(f"{path} cannot be a plugin: it would hide the module {stem!r} (")
    assert text.endswith("). Rename the file")
    assert sys.modules.get(stem) is before
    assert str(folder) not in sys.path


@pytest.mark.parametrize("code", [CODE, "import torchh"])
def test_of_two_files_of_one_name_the_second_is_refused(folder: Path, code: str) -> None:
    first = write(folder, "my_head", code)
    (folder / "second").mkdir()
    second = write(folder / "second", "my_head")
    assert f"it would hide the module 'my_head' ({first})" in refusal(second, first)
