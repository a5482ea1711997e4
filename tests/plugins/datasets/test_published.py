"""Published datasets in the layouts of their releases, and what people get wrong about them."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelError, LabelSpace
from pluxel.core.data.images import read_index_mask
from pluxel.core.data.masks import ColoredMaskError
from pluxel.core.data.splits import MissingData, SplitError
from pluxel.registry import Host

from .pictures import photograph, save
from .published import LAYOUTS, Layout

SPLITS = [(name, split) for name, one in LAYOUTS.items() for split in one.folders]


def opened(layout: Layout, split: str, root: Path, **given: Any) -> Any:
    """Return a split of the dataset of a layout."""
    host = Host()
    return host.load(host.get("dataset", layout.dataset))(
        split, root=root, **{**layout.given, **given}
    )


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_samples_are_the_files_of_the_release(tmp_path, name, split) -> None:
    layout = LAYOUTS[name]
    folder = layout.write(tmp_path)
    expected = [*layout.files(folder, split)]
    for root in (tmp_path, folder):
        dataset = opened(layout, split, root)
        space = LabelSpace(dataset.labels["semantic"])
        assert [*dataset.names] == [one for one, _, _ in expected]
        for sample, (_, image, mask) in zip(
            map(dataset.__getitem__, range(2)), expected, strict=True
        ):
            assert sample.paths == {"image": image, "semantic": mask}
            ids = read_index_mask(mask)
            assert (sample.labels["semantic"] == ids).all()
            assert space.encode(ids).shape == (12, 16)
    assert [*opened(layout, layout.folders[split], folder).names] == [*dataset.names]


def test_hidden_files_are_not_samples(tmp_path, layout) -> None:
    folder = layout.write(tmp_path)
    _, image, mask = next(layout.files(folder, "train"))
    for path in (image, mask):
        path.with_name(f"._{path.name}").write_bytes(b"of macOS")
    assert len(opened(layout, "train", folder)) == 2


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("what", ["image", "mask"])
def test_missing_files_are_counted(tmp_path, layout, what, count) -> None:
    first = layout.names[0]
    layout = replace(layout, names=(*layout.names, f"{first}c", f"{first}d"))
    folder = layout.write(tmp_path)
    found = sorted(one for one in layout.files(folder, "train") if one[0].startswith(first))
    total = 3 if layout.dataset == "loveda" else 4  # each scene is a folder of its own
    missing = [one[1 if what == "image" else 2] for one in found[:count]]
    for path in missing:
        path.unlink()
    inner = layout.folders["train"]
    places = {
        key: folder / template.rpartition("/")[0].format(split=inner, scene="Rural")
        for key, template in (("image", layout.images), ("mask", layout.masks))
    }
    source = folder / layout.listing.format(split="trainval")
    if not layout.listing:
        source = places["mask" if what == "image" else "image"]
    with pytest.raises(MissingData) as caught:
        opened(layout, "train", folder)
    assert str(caught.value) == (
        f"{source}: {count} sample{'s' * (count > 1)} of {total} without a file in {places[what]}; "
        f"the first is {missing[0].relative_to(places[what])}"
    )


def test_a_split_without_images(tmp_path) -> None:
    folder = LAYOUTS["cityscapes"].write(tmp_path)
    for path in (folder / "leftImg8bit/val").glob("*/*"):
        path.rename(path.with_suffix(".webp"))
    with pytest.raises(MissingData) as caught:
        opened(LAYOUTS["cityscapes"], "val", folder)
    images = folder / "leftImg8bit/val"
    assert str(caught.value) == f"{images} has no files */*_leftImg8bit.png"
    (folder / "gtFine/val").rename(folder / "gtFine/validation")
    with pytest.raises(MissingData, match="^the masks of split 'val' not found: .*/gtFine/val "):
        opened(LAYOUTS["cityscapes"], "val", folder)


def test_a_root_that_is_a_file(tmp_path, layout) -> None:
    path = tmp_path / "release.zip"
    path.touch()
    with pytest.raises(MissingData, match=f": {path} is a file; expected the folder of .*; unpack"):
        opened(layout, "train", path)


@pytest.mark.parametrize("inner", ["", "x"], ids=["too low", "too high"])
def test_a_root_one_folder_off_is_found_and_logged(tmp_path, layout, inner, caplog) -> None:
    caplog.set_level(logging.INFO, "pluxel")
    folder = layout.write(tmp_path / inner)
    below = next(one for one in folder.iterdir() if one.is_dir())
    root = tmp_path if inner else below
    assert len(opened(layout, "train", root)) == 2
    assert f"root is {root}, but the dataset is in {folder}; using that" in caplog.text


def test_an_id_that_is_not_in_the_map(tmp_path, layout) -> None:
    folder = layout.write(tmp_path)
    _, _, mask = next(layout.files(folder, "train"))
    stray = max(one for one in layout.ids if one < 255) + 1
    layout.save_mask(mask, np.full((12, 16), stray))
    dataset = opened(layout, "train", folder)
    with pytest.raises(LabelError, match=f"^{mask}: label id {stray} is not in the label map"):
        LabelSpace(dataset.labels["semantic"]).encode(dataset[0].labels["semantic"], mask)


ADVICE = {
    "cityscapes": ": use the original file *_gtFine_labelIds.png",
    "cityscapes, coarse": ": use the original file *_gtCoarse_labelIds.png",
    "ade20k": ": use the original file of ADEChallengeData2016, not that of the full ADE20K",
    "coco_stuff": ": use the original file of stuffthingmaps",
    "oxford_pets": ": use the original file of annotations/trimaps",
    "loveda": ": use the original file of masks_png",
    "mapillary_vistas": ": the palette of the original file was applied. Use the original file",
}


@pytest.mark.parametrize("name", ADVICE)
@pytest.mark.parametrize("bands", [3, 4])
def test_masks_of_colors(tmp_path, name, bands) -> None:
    """The color-coded masks of Cityscapes are RGBA."""
    layout = LAYOUTS[name]
    folder = layout.write(tmp_path)
    _, _, mask = next(layout.files(folder, "train"))
    save(mask, np.dstack([photograph(), np.full((12, 16), 255, np.uint8)])[..., :bands])
    with pytest.raises(ColoredMaskError) as caught:
        opened(layout, "train", folder)[0].labels["semantic"]
    assert caught.value.message == f"{mask}: the mask contains colors, not ids{ADVICE[name]}"
    assert caught.value.notes == (
        "if this file is an image, the folders of images and masks are swapped",
    )


@pytest.mark.parametrize(
    ("name", "split", "images"),
    [
        ("cityscapes", "test", "leftImg8bit/test"),
        ("cityscapes, coarse", "test", "leftImg8bit/test"),
        ("ade20k", "test", "release_test/testing"),
        ("ade20k", "testing", "release_test/testing"),
        ("coco_stuff", "test2017", "test2017"),
        ("loveda", "Test", "Test"),
        ("mapillary_vistas", "testing", "testing/images"),
    ],
)
def test_a_split_without_public_labels(tmp_path, name, split, images) -> None:
    with pytest.raises(SplitError) as caught:
        opened(LAYOUTS[name], split, tmp_path)
    assert not isinstance(caught.value, MissingData)
    assert str(caught.value) == (
        f"the labels of split '{split}' are not public; it has images only\n"
        f"  note: to predict them:  pluxel predict RUN {tmp_path / images} --output MASKS"
    )


def test_opening_asks_for_the_status_of_no_file(tmp_path, layout, monkeypatch) -> None:
    """25,000 files would take seconds."""
    folder = layout.write(tmp_path)
    asked: list[Path] = []
    stat = os.stat

    def counting(path: Any, **options: Any) -> os.stat_result:
        asked.append(Path(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", counting)
    opened(layout, "train", folder)
    files = {
        path
        for split in layout.folders
        for found in layout.files(folder, split)
        for path in found[1:]
    }
    assert asked
    assert not files & {*asked}
