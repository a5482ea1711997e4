"""The shipped JSON Schema is fresh, and every YAML file for users names it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pluxel.core.cli.scaffold.schema import schema_text
from pluxel.core.config._schema import config_schema
from pluxel.registry import Host

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "configs" / "pluxel.schema.json"
FILES = sorted({*ROOT.glob("configs/*.yaml"), *ROOT.glob("examples/**/*.yaml")})
MODELINE = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.MULTILINE)


def test_the_schema_is_that_of_the_built_in_components() -> None:
    host = Host(allow=["pluxel"])
    command = "pluxel --allow-plugin pluxel config schema --output configs/pluxel.schema.json"
    fresh = json.loads(SCHEMA.read_text(encoding="utf-8")) == config_schema(host)
    assert fresh, f"run {command} --overwrite"


def test_it_is_written_beside_new_files_if_there_are_no_other_plugins() -> None:
    assert schema_text(Host(allow=["pluxel"])) == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_name_the_schema(path: Path) -> None:
    (name,) = MODELINE.findall(path.read_text(encoding="utf-8"))
    assert (path.parent / name).resolve() == SCHEMA


def test_there_are_files() -> None:
    assert len(FILES) > 20
