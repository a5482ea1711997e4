"""Plugins in single files."""

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
    return [Component("wnet", "{stem}:UNet", "One.")]
"""


@pytest.fixture
def folder(site: Any, tmp_path: Path) -> Path:
    """Return a folder that is not on ``sys.path``; ``site`` restores the path and the modules."""
    path = tmp_path / "elsewhere"
    path.mkdir()
    return path


def write(folder: Path, stem: str, code: str = CODE) -> Path:
    """Write a plugin file."""
    path = folder / f"{stem}.py"
    path.write_text(code.replace("{stem}", stem))
    return path


def test_a_file_is_the_provider_and_contains_the_target(folder: Path) -> None:
    path = write(folder, "my_head")
    host = Host([], files=[path])
    component = host.get("decoder", "wnet")
    assert component.qualified == "my_head.py/wnet"
    assert host.get("decoder", "my_head.py/wnet") == component
    assert host.providers["my_head.py"].location == str(path)
    target = host.load(component)
    assert (target.__module__, target.__name__) == ("my_head", "UNet")
    assert sys.modules["my_head"].UNet is target
    assert sys.path[-1] == str(folder)  # last, so it hides no module


def test_a_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "my_head")
    monkeypatch.chdir(folder)
    assert Host([], files=["./my_head.py"]).components("decoder")
    assert sys.path[-1] == str(folder)


def test_a_second_host_reuses_the_loaded_module(folder: Path) -> None:
    path = write(folder, "my_head")
    first, second = (Host([], files=[path]) for _ in range(2))
    assert first.load(first.get("decoder", "wnet")) is second.load(second.get("decoder", "wnet"))


def test_files_load_beside_the_allowed_plugins(folder: Path, site: Any) -> None:
    site.install("acme", "raise SystemExit")
    host = Host(files=[write(folder, "my_head")], allow=[])
    assert set(host.providers) == {"pluxel", "my_head.py"}


def test_a_file_may_already_be_on_the_path(site: Any) -> None:
    path = write(site.folder, "my_head")
    assert Host([], files=[path]).get("decoder", "wnet").provider == "my_head.py"


def test_a_file_can_import_modules_beside_it_and_worker_processes_can_import_the_file(
    folder: Path,
) -> None:
    write(folder, "my_parts", "class Base: pass")
    code = CODE.replace("class UNet:", "from my_parts import Base\n\nclass UNet(Base):")
    script = folder.parent / "script.py"
    script.write_text(
        "from multiprocessing import get_context\n"
        "from pluxel.registry import Host\n"
        "if __name__ == '__main__':\n"
        f"    host = Host([], files=[{str(write(folder, 'my_head', code))!r}])\n"
        "    target = host.load(host.get('decoder', 'wnet'))\n"
        "    with get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.apply(isinstance, (target(), target)))\n"
    )
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert shown.stdout == "True\n"


def test_a_failing_file_does_not_affect_others(folder: Path) -> None:
    bad = write(folder, "bad_head", "1 / 0")
    host = Host([], files=[bad, write(folder, "my_head")])
    assert [component.qualified for component in host.components("decoder")] == ["my_head.py/wnet"]
    (failure,) = host.failures
    assert failure.provider == "bad_head.py"
    assert failure.error == "ZeroDivisionError: division by zero"
    assert "bad_head.py" in failure.traceback
    assert "bad_head" not in sys.modules


def error_for(path: Path, *before: Path) -> str:
    """Return the message of the error for a file."""
    with pytest.raises(PluxelError) as caught:
        Host([], files=[*before, path])
    return str(caught.value)


def test_a_missing_file_suggests_a_similar_name(folder: Path) -> None:
    write(folder, "my_head")
    path = folder / "my_haed.py"
    assert error_for(path) == f"plugin file {path} does not exist. Did you mean 'my_head.py'?"


@pytest.mark.parametrize("name", ["my-head.py", "my_head.txt", "8s.py"])
def test_a_file_must_have_a_module_name(folder: Path, name: str) -> None:
    path = folder / name
    path.write_text(CODE)
    assert error_for(path) == (
        f"{path} cannot be a plugin: its name must be a Python module name, such as my_head.py"
    )


@pytest.mark.parametrize("stem", ["json", "torch", "pluxel", "__main__", "builtins", "this"])
def test_a_file_may_not_hide_a_module(folder: Path, stem: str) -> None:
    path = write(folder, stem)
    before = sys.modules.get(stem)
    text = error_for(path)
    assert text.startswith(f"{path} cannot be a plugin: it would hide the module {stem!r} (")
    assert text.endswith("). Rename the file")
    assert sys.modules.get(stem) is before
    assert str(folder) not in sys.path


@pytest.mark.parametrize("code", [CODE, "import torchh"])
def test_a_second_file_with_the_same_name_is_rejected(folder: Path, code: str) -> None:
    first = write(folder, "my_head", code)
    (folder / "second").mkdir()
    second = write(folder / "second", "my_head")
    assert f"it would hide the module 'my_head' ({first})" in error_for(second, first)
