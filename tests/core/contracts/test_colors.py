"""Convert colors to numbers and to text."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.contracts.colors import (
    free_colors,
    hex_color,
    pack,
    parse_color,
    unpack,
    voc_color,
)


def test_voc_palette():
    """Values printed by VOClabelcolormap of the development kit."""
    assert [voc_color(i) for i in (0, 1, 2, 7, 8, 20)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 128),
        (64, 0, 0),
        (0, 64, 128),
    ]
    assert voc_color(255) == (224, 224, 192)


def test_free_colors_are_similar_to_none_that_is_taken():
    taken = {(130, 5, 0), (0, 128, 0), (120, 140, 20)}
    free = list(islice(free_colors(taken), 600))
    assert free[:3] == [(0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert len({*free}) == 600
    assert not {*free} & taken
    near = [n for n, c in enumerate(free) if any(np.ptp([c, t], axis=0).max() < 32 for t in taken)]
    assert min(near) > 490
    assert list(islice(free_colors(()), 300)) == [voc_color(n) for n in range(1, 301)]


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_unpack_reverses_pack(color):
    assert unpack(pack(color)) == color
    assert int(hex_color(color)[1:], 16) == pack(color)


def test_arrays_are_packed():
    colors = np.array([[255, 0, 1], [0, 2, 0]], np.uint32)
    ids = pack(colors.T)
    assert ids.tolist() == [pack(map(int, color)) for color in colors] == [0xFF0001, 0x000200]
    assert np.stack(unpack(ids), -1).tolist() == colors.tolist()


@pytest.mark.parametrize("written", ["#ff0080", "#FF0080", [255, 0, 128], (255, 0, 128)])
def test_accepted_spellings(written):
    assert parse_color(written) == (255, 0, 128)


@pytest.mark.parametrize(
    "written", ["red", "#ff00", "#ff008g", [1, 2], [1, 2, 256], [1, 2, True], 7]
)
def test_values_that_are_not_colors_raise(written):
    with pytest.raises(ValueError, match="is not a color: use '#rrggbb' or three integers"):
        parse_color(written)
