"""What does not come from the image is found without following positions, at the same places."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.geometry.tracing import Follower, Tracer, on_meta, replica

from .test_constants import KNOWING, Network


@pytest.mark.parametrize("name", KNOWING)
def test_values_are_those_of_a_run_that_follows_positions(name: str) -> None:
    network = replica(Network(KNOWING[name]), on_meta)
    found = []
    for kind in (Follower, Tracer):
        with torch.inference_mode(), torch.device("meta"):
            image = torch.zeros(1, 3, 64, 96)
            with kind(image) as run:
                network(image)
        found.append(run.constants.values)
    assert found[0] == found[1]
    assert found[0]
