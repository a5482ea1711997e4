"""One record per kind of output determines help, checks and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from PIL import Image
from pluxel.core import LabelMap
from pluxel.core.cli.predict import predict
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.inference import outputs
from pluxel.core.engine.inference.outputs import OUTPUT_KINDS, Bands, OutputKind, output_kinds
from pluxel.core.engine.inference.prediction import Prediction
from pluxel.core.engine.inference.saving import predict_files
from pluxel.registry import PluxelError

from ...data.tiffs import write
from .nets import PLACE, image, pipeline

INVERTED = OutputKind(
    name="inverted",
    summary="the image in negative, PNG",
    pixels=lambda _, pixels: 255 - pixels,
    bands=lambda _: Bands("uint8", ("red", "green", "blue")),
    suffix=".png",
    write=outputs.write_png,
    needs_image=True,
)


def test_names_are_unique() -> None:
    names = [kind.name for kind in OUTPUT_KINDS]
    assert [kind.name for kind in output_kinds([*names, names[0]])] == names


def test_one_record_adds_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "OUTPUT_KINDS", (*OUTPUT_KINDS, INVERTED))
    pixels = image(60, 50)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    write(tmp_path / "b.tif", pixels, photometric="rgb", **PLACE)
    out = tmp_path / "out"
    predict_files(pipeline(), [tmp_path / "a.png", tmp_path / "b.tif"], out, ["inverted"])
    assert np.array_equal(np.array(Image.open(out / "inverted" / "a.png")), 255 - pixels)
    with rasterio.open(out / "inverted" / "b.tif") as file:
        assert np.array_equal(np.moveaxis(file.read(), 0, -1), 255 - pixels)
    help_text = CliRunner().invoke(predict, ["--help"]).output
    assert "inverted (the image in negative, PNG)" in " ".join(help_text.split())
    with pytest.raises(PluxelError, match="index, color, overlay, prob, inverted"):
        output_kinds(["invert"])


def test_help_lists_every_kind() -> None:
    help_text = " ".join(CliRunner().invoke(predict, ["--help"]).output.split())
    for kind in OUTPUT_KINDS:
        assert f"{kind.name} ({kind.summary})" in help_text


PACKED = LabelSpace(LabelMap({0xFF0000: "roof", 0x0000FF: "water"}, packed_rgb=True))
IDS = LabelSpace(LabelMap({7: "sea", 300: "land"}))


@pytest.mark.parametrize("space", [PACKED, IDS])
def test_bands_match_the_pixels_of_every_kind(space: LabelSpace) -> None:
    classes = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    found = Prediction(space, classes, np.full((2, 2, 3), 0.5, np.float32))
    for kind in OUTPUT_KINDS:
        pixels = kind.pixels(found, np.zeros((2, 3, 3), np.uint8))
        dtype, names, nodata = kind.bands(space)
        count = 1 if pixels.ndim == 2 else pixels.shape[2]
        assert (pixels.shape[:2], count) == ((2, 3), len(names)), kind.name
        assert np.array_equal(pixels.astype(dtype), pixels), kind.name
        # No pixel with data has the value of pixels without data.
        assert nodata is None or not (pixels == nodata).any(), kind.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("overlay", "an overlay needs the pixels of the image"),
        ("prob", "this prediction was made without probabilities"),
    ],
)
def test_missing_needs_of_a_kind_raise(name: str, message: str) -> None:
    (kind,) = output_kinds([name])
    with pytest.raises(PluxelError, match=message):
        kind.pixels(Prediction(IDS, np.zeros((2, 3), np.uint8)), None)
