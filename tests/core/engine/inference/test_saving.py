"""Select input files, and report unsupported inputs."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import LabelMap, Pipeline
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.inference import outputs
from pluxel.core.engine.inference.choosing import find_images, output_names
from pluxel.core.engine.inference.prediction import Prediction
from pluxel.core.engine.inference.saving import predict_files
from pluxel.registry import PluxelError
from torch import nn


def test_hidden_files_are_ignored(tmp_path):
    """macOS writes ._a.jpg next to a.jpg on foreign file systems."""
    for name in ("a.jpg", "._a.jpg"):
        (tmp_path / name).touch()
    assert find_images([tmp_path]) == [(tmp_path / "a.jpg", Path("a.jpg"))]


def test_unknown_kinds_raise_before_reading(tmp_path):
    (tmp_path / "a.png").touch()
    message = "'overlays' is not one of index, color, overlay, prob. Did you mean 'overlay'?"
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        predict_files(Black(), [tmp_path], tmp_path / "out", ["index", "overlays"])


class Black(Pipeline):
    """Reads files and predicts the first class for every pixel."""

    def __init__(self) -> None:
        model = nn.Module()
        model.input_names = ("image",)  # pyright: ignore[reportAttributeAccessIssue]
        super().__init__(model, {}, {"image": 3})  # pyright: ignore[reportArgumentType]

    def predict_raw(self, arrays, *, probabilities=False, tile="auto"):
        classes = np.zeros(arrays["image"].shape[:2], np.uint8)
        return {"semantic": Prediction(LabelSpace(LabelMap({0: "sky"})), classes)}


@pytest.fixture
def images(tmp_path):
    """Two images with a file between them that is not an image."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "c.png"):
        Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(folder / name)
    (folder / "b.png").write_text("<html>")
    return folder


def test_unreadable_files_are_skipped(images, tmp_path, caplog):
    failed = predict_files(Black(), [images], tmp_path / "out", ["index"]).failed
    assert failed == [images / "b.png"]
    assert [path.name for path in sorted((tmp_path / "out/index").iterdir())] == ["a.png", "c.png"]
    assert caplog.messages == [
        f"skipped: {images}/b.png: not an image, but a web page\n"
        "  note: the download probably failed: download the file again"
    ]


def test_write_error_stops_immediately(images, tmp_path, monkeypatch, caplog):
    calls = []

    def full(path, ids, **_):
        calls.append(path)
        raise PluxelError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(outputs, "write_mask", full)
    with pytest.raises(PluxelError, match=r"cannot write .*/out/index/a.png: No space left"):
        predict_files(Black(), [images], tmp_path / "out", ["index"])
    assert len(calls) == 1
    assert not caplog.messages


def test_results_have_names_that_no_other_image_has(tmp_path):
    """A made-up name is never that of another image."""
    files = ["a/x.jpg", "b/x.jpg", "c/x.jpg-2.png", "c/x.jpg-3.tif", "d/y.png", "d/y.jpg"]
    images = [(tmp_path / file, Path(Path(file).name)) for file in files]
    names = output_names(images)
    assert [name.as_posix() for name in names.values()] == [
        *("x.jpg", "x.jpg-4", "x.jpg-2", "x.jpg-3"),
        *("y.png", "y.jpg"),
    ]


def test_an_image_in_several_spellings_is_predicted_once(tmp_path, monkeypatch):
    folder = tmp_path / "photos" / "inner"
    folder.mkdir(parents=True)
    (folder / "x.jpg").touch()
    (tmp_path / "link").symlink_to(folder)
    (folder / "y.jpg").symlink_to("x.jpg")  # another name in the same folder is another image
    monkeypatch.chdir(tmp_path)
    spellings = ["photos", "photos/inner/x.jpg", "./photos/../photos/inner/x.jpg", "link", folder]
    names = output_names(find_images(map(Path, spellings)))
    assert names == {
        Path("photos/inner/x.jpg"): Path("inner/x"),
        Path("photos/inner/y.jpg"): Path("inner/y"),
    }
