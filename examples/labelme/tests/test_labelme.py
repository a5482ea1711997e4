"""Shapes cover the pixels that labelme's own export gives them, and faults name the file."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pluxel.core import MissingData
from pluxel.core.authoring import BrokenData, SplitError
from pluxel_labelme.dataset import LabelMe

CLASSES = ["roof", "tree"]


def write(folder: Path, *shapes: dict[str, Any], **more: Any) -> Path:
    """Write the annotation ``a.json`` of an image of 8 × 6 pixels; return the folder."""
    content = {"imageHeight": 6, "imageWidth": 8, "shapes": shapes, **more}
    (folder / "a.json").write_text(json.dumps(content))
    return folder


def png(array: np.ndarray) -> str:
    stream = BytesIO()
    Image.fromarray(array).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()


def mask_of(root: Path, **parameters: Any) -> list[str]:
    """Return the rows of the mask of the only sample, one digit a pixel, 9 for ignored ones."""
    (sample,) = LabelMe("all", root=root, classes=CLASSES, **parameters)
    ids = sample.labels["semantic"]
    return ["".join(str(min(value, 9)) for value in row) for row in ids]


def test_each_shape_covers_its_pixels(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {"label": "roof", "points": [[0, 0], [4, 0], [0, 4]]},
        {"label": "tree", "points": [[7, 3], [5, 1]], "shape_type": "rectangle"},
        {"label": "__ignore__", "points": [[4, 4], [4, 5]], "shape_type": "circle"},
    )
    assert mask_of(root) == [
        "11111000",
        "11110222",
        "11100222",
        "11009222",
        "10099900",
        "00009000",
    ]


def test_later_shapes_cover_earlier_ones(tmp_path: Path) -> None:
    box = {"points": [[1, 1], [2, 2]], "shape_type": "rectangle"}
    root = write(tmp_path, {"label": "roof", **box}, {"label": "tree", **box})
    assert mask_of(root)[1] == "02200000"


def test_a_mask_is_pasted_at_its_corner(tmp_path: Path) -> None:
    mask = png(np.array([[True, False], [True, True]]))
    shape = {"label": "tree", "points": [[5, 3], [6, 4]], "shape_type": "mask", "mask": mask}
    assert mask_of(write(tmp_path, shape))[2:5] == ["00000000", "00000200", "00000220"]


def test_the_background_may_be_ignored(tmp_path: Path) -> None:
    root = write(tmp_path, {"label": "roof", "points": [[0, 0], [1, 0], [0, 1]]})
    assert mask_of(root, background="ignore")[0] == "11999999"
    labels = LabelMe.labels_for({"classes": CLASSES, "background": "ignore"})
    assert list(labels["semantic"].ids.values()) == ["roof", "tree", "ignore"]


@pytest.mark.parametrize("place", ["beside", "inside", "elsewhere"])
def test_the_image(tmp_path: Path, place: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    folder = tmp_path / "annotations"
    folder.mkdir()
    if place == "beside":
        Image.fromarray(image).save(folder / "a.png")
        write(folder)
    elif place == "inside":
        write(folder, imageData=png(image), imagePath="lost.png")
    else:
        Image.fromarray(image).save(tmp_path / "b.png")
        write(folder, imagePath="..\\b.png")  # as labelme on Windows writes it
    (sample,) = LabelMe("all", root=folder, classes=CLASSES)
    np.testing.assert_array_equal(sample.inputs["image"], image)
    assert ("image" in sample.paths) == (place == "beside")


TRIANGLE = [[0, 0], [3, 0], [0, 3]]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            {"label": "tre", "points": TRIANGLE},
            "{file}, shape 1 has the label 'tre', which is not in 'classes': roof, tree. "
            "Did you mean 'tree'?",
        ),
        (
            {"label": "tree", "points": TRIANGLE, "shape_type": "linestrip"},
            "{file}, shape 1 ('tree') is a linestrip, which has no area: remove it",
        ),
        (
            {"label": "tree", "points": TRIANGLE[:2]},
            "{file}, shape 1 ('tree') is a polygon of 2 points",
        ),
        ({"points": TRIANGLE}, "{file}, shape 1 has no label or no points: 'label'"),
    ],
)
def test_a_fault_names_the_file_and_the_shape(
    tmp_path: Path, shape: dict[str, Any], message: str
) -> None:
    root = write(tmp_path, shape)
    with pytest.raises(BrokenData) as caught:
        mask_of(root)
    assert str(caught.value) == message.format(file=root / "a.json")


def test_missing_folders_and_splits(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(SplitError, match=r"has no split 'trian'; it has all, train\. Did you mean"):
        LabelMe("trian", root=tmp_path, classes=CLASSES)
    with pytest.raises(MissingData, match="the annotations of labelme not found: "):
        LabelMe("train", root=tmp_path / "absent", classes=CLASSES)
    with pytest.raises(BrokenData, match=r"train has no files \*\.json"):
        LabelMe("train", root=tmp_path, classes=CLASSES)
