"""A type checker reports to the author of a plugin what our contracts say."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .test_walls import copied_to

CHECKER = Path(sysconfig.get_path("scripts")) / "basedpyright"
PLUGIN = """\
from collections.abc import Mapping

from pluxel.core import Backbone, Dataset, LabelMap, Normalization, Sample, measure
from pluxel.core.authoring import ListsNames, LoadsPretrained, PadsInput
from torch import Tensor, nn


class Tiny(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, 8, 3, 8, 1)
        self.normalization = Normalization()
        self.feature_specs = measure(self, in_channels).specs
        self.pad_multiple = 8

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.layer(image)]

    def load_pretrained(self) -> str:
        return "loaded"


class Photos:
    labels: Mapping[str, LabelMap]
    channels = {"image": 3}
    names = ("a", "b")

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.names[index], {}, {})


backbone: type[Backbone] = Tiny
loads: type[LoadsPretrained] = Tiny
pads: type[PadsInput] = Tiny
dataset: type[Dataset] = Photos
names: type[ListsNames] = Photos
"""


def errors(folder: Path, text: str) -> list[str]:
    """Return the first line of each error in a plugin."""
    copied_to(folder)
    (folder / "plugin.py").write_text(text)
    settings = {"extraPaths": [str(folder)], "typeCheckingMode": "standard"}
    (folder / "pyrightconfig.json").write_text(json.dumps({"include": ["plugin.py"], **settings}))
    command = [CHECKER, "--outputjson", "--level", "error", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "--project", folder], check=False, capture_output=True, text=True
    )
    return [one["message"].split("\n")[0] for one in json.loads(done.stdout)["generalDiagnostics"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "instead", "found"),
    [
        ("", "", []),
        ("def load_pretrained", "def load_pretraind", ["type[Tiny]", "type[LoadsPretrained]"]),
        ("load_pretrained(self)", "load_pretrained(self, x: int)", ["type[LoadsPretrained]"]),
        ("self.pad_multiple = 8", 'self.pad_multiple = "8"', ["type[PadsInput]"]),
        ("self.normalization =", "self.normalisation =", ["type[Backbone]"]),
        ("names = (", "def names(self): return (", ["type[ListsNames]"]),
        ("def __len__", "def length", ["type[Dataset]"]),
    ],
)
def test_a_checker_compares_a_plugin_with_the_contracts(
    tmp_path: Path, written: str, instead: str, found: list[str]
) -> None:
    messages = errors(tmp_path, PLUGIN.replace(written, instead) if written else PLUGIN)
    if not found:
        assert messages == []
    assert all(any(text in message for message in messages) for text in found)
