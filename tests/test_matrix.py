"""The recorded matrix of networks and decoders is that of the installed timm, and still true."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pluxel.plugins
import pytest
import timm
from packaging.version import Version
from pluxel.core.engine.matrix.check import Trial, check
from pluxel.core.engine.matrix.page import summary
from pluxel.core.engine.matrix.record import NetworkRecord
from pluxel.core.engine.matrix.results import TrialResults
from pluxel.core.engine.matrix.run import build_decoders
from pluxel.registry import Host

DOCS = Path(__file__).parents[1] / "docs"
RECORDED = TrialResults.read(DOCS / "matrix.json")
COMMAND = "run  pluxel matrix --output docs/matrix.json --page docs/matrix.md --overwrite"
SMALL = ("test_", "_atto", "_femto", "_050", "lcnet", "resnet10t", "levit_128s", "mixer_s32")
CANDIDATES = sorted(
    key
    for key, record in RECORDED.records.items()
    if record.with_data and any(part in record.model for part in SMALL)
)
SAMPLE = random.Random(0).sample(CANDIDATES, min(20, len(CANDIDATES)))


def test_the_recorded_version_of_timm_is_installed() -> None:
    recorded = Version(RECORDED.libraries["timm"].removeprefix("timm "))
    assert recorded >= Version(timm.__version__), f"timm {timm.__version__} is installed: {COMMAND}"


def test_the_page_shows_the_recorded_results() -> None:
    assert (DOCS / "matrix.md").read_text(encoding="utf-8") == summary(RECORDED), COMMAND


def test_every_recorded_network_has_a_result_or_a_reason() -> None:
    for record in RECORDED.records.values():
        assert record.strides or (record.kind and record.reason), record
        assert record.kind != "crashed", record


@cache
def host() -> Host:
    return Host({"pluxel": pluxel.plugins})


@pytest.mark.slow
@pytest.mark.parametrize("key", SAMPLE, ids=["-".join(key) for key in SAMPLE])
def test_a_network_still_works_as_recorded(key: tuple[str, str]) -> None:
    recorded = RECORDED.records[key]
    trial = Trial(build_decoders(host(), RECORDED.decoders), budget=20)
    assert check(host(), NetworkRecord(*key, recorded.family), trial) == recorded, COMMAND
