"""Nested values as text."""

from __future__ import annotations

from pluxel.core.common.nested import flat_texts


def test_texts_have_dotted_keys() -> None:
    values = {
        "labels": {"map": {0: "road", "9": "道路"}, "colors": {}},
        "optimizer": {"lr": 0.01, "betas": [0.9, 0.999]},
        "seed": None,
    }
    assert [*flat_texts(values)] == [
        ("labels.map.0", "road"),
        ("labels.map.9", "道路"),
        ("labels.colors", "{}"),
        ("optimizer.lr", "0.01"),
        ("optimizer.betas", "[0.9, 0.999]"),
        ("seed", "null"),
    ]
