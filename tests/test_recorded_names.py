"""Public names and signatures are those on record; former names work for one release."""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pluxel.registry
import pytest

from .public_api import ROOMS, described, lines

RECORD = Path(__file__).with_name("public_api.txt")
COMMAND = "python tests/public_api.py > tests/public_api.txt"


def test_public_names_and_signatures_are_on_record() -> None:
    changes = difflib.unified_diff(
        RECORD.read_text("utf-8").splitlines(), [*lines()], "recorded", "now", n=0, lineterm=""
    )
    text = "\n".join(changes)
    assert not text, f"{text}\nif this is meant to change: {COMMAND}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(a: int) -> None: ...", "def f(a: int, b: int = 0) -> None: ..."),
        ("def f(a: int) -> None: ...", "def f(a: str) -> None: ..."),
        ("class f:\n    a: int", "class f:\n    a: int\n    b: int = 0"),
        ("class f:\n    def g(self): ...", "class f:\n    def _g(self): ..."),
        ("class f:\n    def g(self): ...", "class f:\n    @property\n    def g(self): ..."),
        ("class f(A): ...", "class f(B): ..."),
    ],
)
def test_a_change_is_found(tmp_path: Path, one: str, other: str) -> None:
    found = []
    for number, code in enumerate((one, other)):
        path = tmp_path / f"sample{number}.py"
        path.write_text(f"from __future__ import annotations\nA = B = object\n{code}\n")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append([*described("f", module.f)])
        del sys.modules[path.stem]
    assert found[0] != found[1]


def test_every_room_is_on_record() -> None:
    text = RECORD.read_text("utf-8")
    assert all(f"{room}." in text for room in ROOMS)
    assert ast.parse(Path(__file__).with_name("public_api.py").read_text("utf-8"))


class TestFormerNames:
    """A public name that was renamed works, with a warning that states the new one."""

    @pytest.fixture(autouse=True)
    def _table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = {f"{room}.Old": "pluxel.registry.Host" for room in ROOMS}
        monkeypatch.setattr("pluxel.registry._renamed.NAMES", table)

    @pytest.mark.parametrize("room", ROOMS)
    def test_the_new_name_is_stated(self, room: str) -> None:
        module = importlib.import_module(room)
        with pytest.warns(DeprecationWarning, match="is now called") as caught:
            assert module.Old is pluxel.registry.Host
        assert str(caught[0].message) == (
            f"{room}.Old is now called pluxel.registry.Host; "
            "the old name ends with the next release"
        )
        assert caught[0].filename == __file__

    @pytest.mark.parametrize("room", ROOMS)
    def test_an_import(self, room: str) -> None:
        names = SimpleNamespace()
        with pytest.warns(DeprecationWarning, match=f"{room}.Old is now called"):
            exec(f"from {room} import Old", names.__dict__)
        assert names.Old is pluxel.registry.Host

    @pytest.mark.parametrize("room", ROOMS)
    def test_other_names_do_not_exist(self, room: str) -> None:
        module = importlib.import_module(room)
        with pytest.raises(AttributeError, match="no attribute 'Never'"):
            module.Never  # noqa: B018
