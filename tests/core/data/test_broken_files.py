"""A broken file is reported by name, with the reason."""

import pytest
from pluxel.core.data.images import (
    ImageError,
    read_binary_mask,
    read_image,
    read_index_mask,
    read_rgb_mask,
)

from .image_files import bomb, empty, flipped_bytes, text, truncated_jpeg, truncated_png


@pytest.mark.parametrize("read", [read_image, read_index_mask, read_rgb_mask, read_binary_mask])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (truncated_png, "cannot be read"),
        (truncated_jpeg, "cannot be read"),
        (flipped_bytes, "cannot be read"),
        (bomb, "cannot be read"),
        (text, "not an image"),
        (empty, "the file is empty"),
        (lambda path: path, "no such file"),
    ],
    ids=["png cut", "jpeg cut", "bytes flipped", "bomb", "text", "empty", "missing"],
)
def test_a_broken_file_is_reported_by_name(tmp_path, make, reason, read):
    path = make(tmp_path / "broken.png")
    with pytest.raises(ImageError, match=f"^{path}: {reason}"):
        read(path)
