"""A plugin in a package of its own shows up without any change to this repository."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

from .conftest import pluxel

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-seg"
PLUXEL = Path(sysconfig.get_path("scripts")) / "pluxel"


def test_it_shows_up_in_the_list(installed_example: dict[str, str]) -> None:
    """With the installed script, as a user starts it."""
    command = [PLUXEL, "plugins", "list", "--json"]
    listed = subprocess.run(command, env=installed_example, check=True, capture_output=True)
    records = json.loads(listed.stdout)
    (unet,) = (record for record in records if record["provider"] == "acme-seg")
    assert unet["qualified"] == "acme-seg/slim_unet"
    assert (unet["kind"], unet["version"]) == ("decoder", "0.1.0")


@pytest.mark.slow
def test_where_it_comes_from(installed_example: dict[str, str], tmp_path: Path) -> None:
    shown = pluxel(installed_example, tmp_path, "plugins", "why", "decoder", "slim_unet").stdout
    assert "entry point   acme = acme_seg.plugin\n" in shown
    assert f"file          {installed_example['PYTHONPATH']}" in shown


@pytest.mark.slow
def test_it_is_well(installed_example: dict[str, str], tmp_path: Path) -> None:
    command = ["--deny-plugin", "pluxel", "plugins", "doctor"]
    assert (
        "ok      decoder acme-seg/slim_unet\n"
        in pluxel(installed_example, tmp_path, *command).stdout
    )


def test_a_plugin_is_twelve_lines() -> None:
    assert len((EXAMPLE / "acme_seg" / "plugin.py").read_text().splitlines()) <= 12
