"""Files of several inputs: paired by name, read together, and errors that say what is missing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pluxel.core import FeatureSpec, Grid, LabelMap, Normalization, Pipeline, Scores
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.inference.choosing import choose_files
from pluxel.core.engine.inference.saving import predict_files
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.normalize import InputPart
from pluxel.registry import PluxelError
from torch import nn

INPUTS = ("image", "depth")
SPECS = {"image": InputSpec(), "depth": InputSpec(kind="depth")}


class Identity(nn.Module):
    """A backbone whose only map is its input."""

    normalization = Normalization(mean=(0.5,), std=(1,))
    feature_specs = (FeatureSpec("same", 4, Grid(), (1, 1), "computed"),)

    def forward(self, image):
        return [image]


class Near(nn.Module):
    """Scores class 1 for pixels with less than the average depth."""

    def forward(self, maps):
        depth = maps[0][:, 3:]
        return Scores(torch.cat([depth, -depth], 1), Grid())


@pytest.fixture
def pipeline():
    parts = [InputPart("image", 3, SPECS["image"]), InputPart("depth", 1, SPECS["depth"])]
    stream = Stream(parts, Identity())
    stream.adopt_normalization()
    model = SegmentationModel({"image": stream}, {"semantic": Head({"image": Near()}, "mean")})
    space = LabelSpace(LabelMap({0: "far", 1: "near"}))
    return Pipeline(model, {"semantic": space}, {"image": 3, "depth": 1}, inputs=SPECS)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Images and depth of two scenes in two folders."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "sub/b")):
        save(Path(f"photos/{name}.jpg"), np.full((4, 6, 3), 90, np.uint8))
        depth = np.full((4, 6), 1000, np.uint16)
        depth[:, number + 2 :] = 5000
        save(Path(f"depth/{name}.png"), depth)
    return tmp_path


BY_FOLDER = {"image": Path("photos"), "depth": Path("depth")}


def test_files_of_equal_names_are_predicted_together(pipeline, scenes):
    assert predict_files(pipeline, BY_FOLDER, Path("out"), ["index", "overlay"]).failed == []
    for name, columns in (("a", 2), ("sub/b", 3)):
        mask = np.asarray(Image.open(f"out/index/{name}.png"))
        assert (mask == (np.arange(6) < columns)).all()
    overlay = np.asarray(Image.open("out/overlay/a.png"))
    far = pipeline.spaces["semantic"].colorize(np.zeros((1, 1), np.uint8))
    assert overlay[0, 5].tolist() == np.rint(0.55 * far[0, 0] + 0.45 * 90).tolist()


def test_single_files_need_no_equal_names(pipeline, scenes):
    Path("depth/a.png").rename("depth/other.png")
    paths = {"image": Path("photos/a.jpg"), "depth": Path("depth/other.png")}
    predict_files(pipeline, paths, Path("out"), ["index"])
    assert (np.asarray(Image.open("out/index/a.png")) == (np.arange(6) < 2)).all()


def test_a_star_stands_for_the_name(tmp_path):
    for name in ("x_color.png", "y_color.png", "x_depth.png", "y_depth.png", "deep/x_depth.png"):
        save(tmp_path / "all" / name, np.zeros((2, 2), np.uint8))
    save(tmp_path / "all/deep/x_color.png", np.zeros((2, 2), np.uint8))
    patterns = {"image": tmp_path / "all/*_color.png", "depth": tmp_path / "all/*_depth.png"}
    found = choose_files(patterns, INPUTS)
    assert [(one.name.as_posix(), one.files["depth"].name) for one in found] == [
        ("deep/x", "x_depth.png"),
        ("x", "x_depth.png"),
        ("y", "y_depth.png"),
    ]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            [Path("photos")],
            "the model reads image, depth: give the files or the folder of each input by its "
            "name: image=PATH depth=PATH",
        ),
        ({"image": Path("photos")}, "the model also reads depth: add depth=PATH"),
        (
            BY_FOLDER | {"dept": Path("depth")},
            "the model has no input 'dept'; it reads image, depth. Did you mean 'depth'?",
        ),
        (BY_FOLDER | {"depth": Path("no")}, "no does not exist"),
        (
            {"image": Path("photos"), "depth": Path("depth/a.png")},
            "depth=depth/a.png is one file, but image=photos is not: give a file of each input, "
            "or a folder of each",
        ),
        (
            BY_FOLDER | {"depth": Path("depth/*_z.png")},
            "depth/*_z.png: no images found; supported: ",
        ),
        (
            BY_FOLDER | {"depth": Path("depth/sub")},
            "input 'depth': depth/sub has no file 'a' for photos/a.jpg (2 files in all).",
        ),
    ],
)
def test_what_is_missing_is_named_before_reading(pipeline, scenes, paths, message):
    with pytest.raises(PluxelError) as raised:
        predict_files(pipeline, paths, Path("out"), ["index"])
    assert raised.value.message.startswith(message)
    assert not Path("out").exists()


def test_a_single_input_may_be_named(scenes):
    found = choose_files({"image": Path("photos")}, ["image"])
    assert [one.name.as_posix() for one in found] == ["a", "sub/b"]


def test_an_overlay_on_depth_shows_ten_meters_as_white(pipeline, scenes):
    stream = Stream([InputPart("depth", 1, SPECS["depth"])], Identity())
    head = Head({"depth": nn.Module()}, "mean")
    head.decoders["depth"].forward = lambda maps: Scores(maps[0].repeat(1, 2, 1, 1), Grid())
    model = SegmentationModel({"depth": stream}, {"semantic": head})
    one = Pipeline(model, pipeline.spaces, {"depth": 1}, inputs={"depth": SPECS["depth"]})
    predict_files(one, [Path("depth/a.png")], Path("out"), ["overlay"])
    color = one.spaces["semantic"].colorize(np.zeros((1, 1), np.uint8))[0, 0]
    found = np.asarray(Image.open("out/overlay/a.png"))
    assert np.abs(found[0, 5] - (0.55 * color + 0.45 * 127.5)).max() <= 0.51
