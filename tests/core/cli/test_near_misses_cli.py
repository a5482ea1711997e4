"""Members of a plugin with a wrong name or form, as the commands report them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import TOY, Pluxel

PLUGIN = """
from pluxel.registry import Component, hookimpl
from toys import Backbone

@hookimpl
def pluxel_backbones():
    return [Component("nearly", "nearly:Nearly", summary="Nearly a toy.")]

class Nearly(Backbone):
    def check_pretraind(self): ...
"""
REPORT = (
    "backbone 'nearly' of plugin nearly.py: 'check_pretraind' is not in the contract of a "
    "backbone. Did you mean 'check_pretrained'?"
)


@pytest.mark.parametrize("command", [("config", "check"), ("train",)])
def test_near_miss_is_reported_once(
    tmp_path: Path, pluxel: Pluxel, command: tuple[str, ...]
) -> None:
    (tmp_path / "nearly.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(
        TOY.replace("type: toy", "type: nearly").replace("steps: 20", "steps: 1")
    )
    done = pluxel("--plugin", "nearly.py", *command, "x.yaml")
    assert done.returncode == 0, done.stderr
    assert " ".join((done.stdout + done.stderr).split()).count(REPORT) == 1


@pytest.mark.parametrize("command", [("config", "check", "x.yaml"), ("train", "x.yaml")])
def test_member_of_the_wrong_form_is_an_error_with_its_place(
    tmp_path: Path, pluxel: Pluxel, command: tuple[str, ...]
) -> None:
    wrong = PLUGIN.replace("check_pretraind(self)", "check_pretrained(self, path)")
    (tmp_path / "nearly.py").write_text(wrong)
    (tmp_path / "x.yaml").write_text(TOY.replace("type: toy", "type: nearly"))
    expected = (
        "backbone 'nearly' of plugin nearly.py cannot be used: 'check_pretrained(self, path)' "
        "cannot be called on an instance as check_pretrained()"
    )
    done = pluxel("--plugin", "nearly.py", *command)
    assert done.returncode == 2
    assert done.stderr == f"x.yaml:1:12: {expected}\n"
    assert not (tmp_path / "runs").exists()
    done = pluxel("--plugin", "nearly.py", "plugins", "doctor")
    assert done.returncode == 1
    assert expected in done.stdout
