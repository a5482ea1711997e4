"""An error about a missing key with few values lists them, with an example."""

from __future__ import annotations

import pytest
from pluxel.core.config._load_dataset import load_dataset
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Host

FOLDER = ["images=a", "masks=b", "classes=[a, b]", "inputs={ir: {folder: ir}}"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        (
            "folder",
            FOLDER,
            "missing 'kind' in dataset.inputs.ir: it is color, depth, hha, vectors or map, such as "
            " kind: color",
        ),
        (
            "pascal_context",
            ["root=a"],
            "dataset 'pascal_context' needs the parameter 'classes': it is 59 or 60, such as  "
            "classes: 59",
        ),
        ("sbd", [], "dataset 'sbd' needs the parameter 'root'"),
    ],
)
def test_the_values_are_listed(name, given, expected) -> None:
    with pytest.raises(ConfigError) as caught:
        load_dataset(name, given, host=Host())
    (problem,) = caught.value.problems
    assert problem.message == expected
