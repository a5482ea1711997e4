from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.tree.paths import expand, format_path, parse_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b.c", ("a", "b", "c")),
        ("a.0.b", ("a", "0", "b")),
        ("a[0].b", ("a", "0", "b")),
        ("a[0][12]", ("a", "0", "12")),
        ('labels.map."#ff0000"', ("labels", "map", "#ff0000")),
        ('"a.b".c', ("a.b", "c")),
    ],
)
def test_parse_path(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "a[", "a[x]", "[0]", 'a"b"'])
def test_invalid_paths_raise(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path of keys such as"):
        parse_path(text)


@given(st.lists(st.text(min_size=1).filter(lambda step: '"' not in step), min_size=1))
def test_format_path_round_trips(path: list[str]) -> None:
    assert parse_path(format_path(path)) == tuple(path)


def test_expand_short_paths() -> None:
    assert expand(["decoder", "dropout"]) == ("heads", "semantic", "decoder", "dropout")
    assert expand(["training", "decoder"]) == ("training", "decoder")
    assert expand([]) == ()
