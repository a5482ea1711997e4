"""Which files are segmented, and what a command line cannot say."""

import re
from pathlib import Path

import pytest
from pluxel.core import Pipeline
from pluxel.core.saving import find_images, predict_files
from pluxel.registry import PluxelError
from torch import nn


def test_hidden_files_are_no_images(tmp_path):
    """macOS writes ._a.jpg beside a.jpg on disks that are not its own."""
    for name in ("a.jpg", "._a.jpg"):
        (tmp_path / name).touch()
    assert find_images([tmp_path]) == [(tmp_path / "a.jpg", Path("a.jpg"))]


def test_several_inputs_are_refused_before_any_file_is_read(tmp_path):
    model = nn.Module()
    model.input_names = ("image", "depth")  # pyright: ignore[reportAttributeAccessIssue]
    pipeline = Pipeline(model, {}, {"image": 3, "depth": 1})  # pyright: ignore[reportArgumentType]
    (tmp_path / "a.jpg").touch()
    message = (
        "the model reads image, depth together, and paths do not say which file is which. "
        "In Python, Pipeline.load(run)({'image': …, 'depth': …}) takes them by name"
    )
    with pytest.raises(PluxelError, match=re.escape(message)):
        predict_files(pipeline, [tmp_path], tmp_path / "out", ["index"])
