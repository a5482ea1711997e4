"""Files of annotation tools are named, with what to do, instead of masks that are missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from pluxel.core.data.annotations import annotations_in
from pluxel.core.data.survey import SurveyError, survey

POINTS = [[1.5, 2], [3, 4], [5, 6]]
LABELME = {
    "version": "5.0",
    "flags": {},
    "shapes": [{"label": "cat", "points": POINTS, "shape_type": "polygon"}] * 3000,
    "imagePath": "a.jpg",
    "imageData": "x" * 300_000,
    "imageHeight": 10,
}
COCO = {
    "info": {},
    "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(9000)],
    "annotations": [{"id": 1, "image_id": 1, "segmentation": [[1, 2, 3]], "category_id": 1}],
    "categories": [],
}
FILES = {
    "labelme": ("a.json", json.dumps(LABELME)),
    "COCO": ("instances.json", json.dumps(COCO)),
    "VIA": ("via.json", json.dumps({"a": {"regions": [{"shape_attributes": {"name": "rect"}}]}})),
    "GeoJSON": (
        "roofs.geojson",
        json.dumps({"type": "FeatureCollection", "features": [{"geometry": {"type": "Point"}}]}),
    ),
    "CVAT": (
        "annotations.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n <version>1.1</version>\n',
    ),
    "Pascal VOC": ("a.xml", "<annotation>\n<folder>x</folder><filename>a.jpg</filename>\n"),
    "YOLO": ("a.txt", "0 0.5 0.5 0.25 0.125\n17 0.1 0.2 0.3 0.4 0.5 0.6\n"),
}


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("bom", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"], ids=["", "BOM"])
def test_formats_are_recognized(tmp_path, form, bom) -> None:
    name, text = FILES[form]
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / name
    path.write_text(bom + text, encoding="utf-8")
    for place in (path, tmp_path):
        found = annotations_in(place)
        assert found is not None
        assert found.startswith(
            f"{path} is an annotation file of the format {form}, which Pluxel d"
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"name": "x"}',
        "0 1 2 3 4 5",
        "train\nval\n",
        "<html><annotations>",
        "0 0.5\n",
    ],
)
def test_other_texts_are_not(tmp_path, text) -> None:
    for suffix in ("json", "txt", "xml"):
        (tmp_path / f"a.{suffix}").write_text(text)
    assert annotations_in(tmp_path) is None
    assert annotations_in(tmp_path / "missing") is None


@pytest.mark.parametrize("form", FILES)
def test_survey_names_them(tmp_path, form) -> None:
    name, text = FILES[form]
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels" / name).write_text(text)
    for masks in (tmp_path / "labels", tmp_path / "labels" / name):
        with pytest.raises(SurveyError, match=f"is an annotation file of the format {form}, which"):
            survey(tmp_path / "images", masks)
