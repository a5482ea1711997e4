"""An error about a missing key with few values lists them, with an example."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FOLDER = ("folder", "images=a", "masks=b", "classes=[a, b]", "inputs={ir: {folder: ir}}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            FOLDER,
            ": missing 'kind' in dataset.inputs.ir: it is color, depth, hha, vectors or map, such "
            "as  kind: color\n",
        ),
        (
            ("pascal_context", "root=a"),
            ": dataset 'pascal_context' needs the parameter 'classes': it is 59 or 60, such as  "
            "classes: 59\n",
        ),
        (("sbd",), ": dataset 'sbd' needs the parameter 'root'\n"),
    ],
)
def test_the_values_are_listed(
    command: Callable[..., tuple[object, str, str]], given: tuple[str, ...], expected: str
) -> None:
    code, out, err = command("data", "prepare", *given)
    assert (code, out) == (2, "")
    assert err.endswith(expected)
