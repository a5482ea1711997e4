"""Gradients that do not arrive are found, and weights that start at zero are no reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core.engine.matrix.check import Trial, check
from pluxel.core.engine.matrix.record import NetworkRecord
from pluxel.core.engine.matrix.run import build_decoders
from pluxel.registry import Host

FILES = [Path(__file__).with_name(f"{name}.py") for name in ("zoo", "namesakes", "dead_ends")]


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(files=FILES, allow=())


@pytest.mark.parametrize(
    ("backbone", "decoder", "problems"),
    [
        ("dead_ends.py/constant", "fcn32s", {"maps": "all gradients are zero"}),
        (
            "zoo.py/zoo",
            "dead_ends.py/detached",
            {
                "dead_ends.py/detached": "no gradient reaches the maps",
                "maps": "all gradients are zero",
            },
        ),
        ("zoo.py/zoo", "dead_ends.py/zero", {}),
        ("zoo.py/zoo", "fcn32s", {}),
    ],
)
def test_gradients_reach_the_weights(
    host: Host, backbone: str, decoder: str, problems: dict[str, str]
) -> None:
    trial = Trial(build_decoders(host, [decoder]), budget=1)
    record = check(host, NetworkRecord(backbone, "fine", "good"), trial)
    assert record.with_data
    assert (record.refused, record.own) == ({}, problems)
