"""SBD in its original format, and as PNG."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.colors import voc_color
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.derived import all_derived_files, write_derived
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.splits import MissingData, SplitError
from pluxel.plugins.datasets.sbd import LABELS, ORIGIN, SBD
from pluxel.plugins.datasets.voc import CLASSES
from pluxel.registry import PluxelError
from scipy.io import savemat

from .paper import make_sbd, save_gtcls

KIT = "benchmark_RELEASE/dataset"


def test_labels_are_those_of_voc_without_void() -> None:
    space = LabelSpace(LABELS)
    assert space.class_names == CLASSES
    assert [*LABELS.ids] == [*range(21)]
    assert tuple(space.palette[15]) == voc_color(15)


def test_masks_are_the_segmentation_of_the_struct(tmp_path) -> None:
    folder = make_sbd(tmp_path) / KIT
    ids = np.arange(192, dtype=np.uint8).reshape(12, 16) % 21
    save_gtcls(folder / "cls" / "2008_val_000001.mat", ids)
    sample = SBD("val", root=tmp_path)[1]
    assert sample.paths["semantic"] == folder / "cls" / "2008_val_000001.mat"
    assert (sample.labels["semantic"] == ids).all()


@pytest.mark.parametrize("place", ["", "benchmark_RELEASE", KIT, f"{KIT}/img"])
def test_root_may_be_any_folder_around_it(tmp_path, place) -> None:
    assert len(SBD("train", root=make_sbd(tmp_path) / place)) == 3


def test_torchvisions_layout(tmp_path) -> None:
    (make_sbd(tmp_path) / KIT).rename(tmp_path / "sbd")
    assert len(SBD("val", root=tmp_path / "sbd")) == 2


def test_any_list_is_a_split(tmp_path) -> None:
    folder = make_sbd(tmp_path) / KIT
    (folder / "train_noval.txt").write_text("2008_train_000002\n")
    (folder / "._train.txt").touch()  # as macOS writes
    assert SBD("train_noval", root=tmp_path).names == ("2008_train_000002",)
    with pytest.raises(SplitError, match=r"'trian'; it has train, train_noval, val\. Did you mean"):
        SBD("trian", root=tmp_path)


def test_prepared_masks_are_read_instead(tmp_path) -> None:
    folder = make_sbd(tmp_path) / KIT
    before = SBD("train", root=tmp_path)
    files = all_derived_files([before])
    assert write_derived(files) == 3
    after = SBD("train", root=tmp_path)
    for one, other in zip(before, after, strict=True):
        path = other.paths["semantic"]
        assert path == folder / "cls_png" / f"{one.name}.png"
        assert (one.labels["semantic"] == other.labels["semantic"]).all()
        image = Image.open(path)
        assert image.mode == "P"
        ids = np.unique(one.labels["semantic"]).tolist()
        colors = sorted(image.convert("RGB").getcolors(), key=lambda found: found[1])
        assert [color for _, color in colors] == sorted(map(voc_color, ids))
    (folder / "cls_png" / f"{before.names[0]}.png").unlink()
    suffixes = [sample.paths["semantic"].suffix for sample in SBD("train", root=tmp_path)]
    assert suffixes == [".mat", ".png", ".png"]
    assert write_derived(files) == 1


def test_missing_files_are_named(tmp_path) -> None:
    folder = make_sbd(tmp_path) / KIT
    (folder / "cls" / "2008_train_000001.mat").unlink()
    with pytest.raises(MissingData) as caught:
        SBD("train", root=tmp_path)
    assert str(caught.value) == (
        f"{folder}/train.txt: 1 sample of 3 without a file in {folder}/cls; the first is "
        "2008_train_000001.mat"
    )


def test_other_mat_files_are_named(tmp_path) -> None:
    path = make_sbd(tmp_path) / KIT / "cls" / "2008_train_000000.mat"
    savemat(path, {"LabelMap": np.zeros((12, 16), np.uint8)})
    with pytest.raises(ImageError) as caught:
        SBD("train", root=tmp_path)[0].labels["semantic"]
    assert str(caught.value) == f"{path}: has no variable 'GTcls'; it has 'LabelMap'"


def test_what_to_fetch(tmp_path) -> None:
    with pytest.raises(MissingData) as caught:
        SBD("train", root=tmp_path)
    assert str(caught.value) == (
        f"SBD not found: no img and cls in any of {tmp_path}/, {tmp_path}/dataset/, "
        f"{tmp_path}/benchmark_RELEASE/dataset/, {tmp_path}/benchmark/dataset/\n"
        "  note: fetch benchmark.tgz, the Semantic Boundaries Dataset and Benchmark, from the site "
        "of the Berkeley computer vision group (eecs.berkeley.edu, semantic contours)\n"
        f"  note: so that {tmp_path} contains benchmark_RELEASE/dataset, with img, cls, train.txt "
        "and val.txt\n"
        "  note: or set  download: true"
    )


def test_the_archive_is_that_of_torchvision() -> None:
    (archive,) = ORIGIN.archives()
    assert archive.name == "benchmark.tgz"
    assert archive.hash == "md5:82b4d87ceb2ed10f6038a1cba92111cb"
    assert archive.folders == {KIT: KIT}


@pytest.mark.parametrize("wrong", [21, 255])
def test_a_mask_of_other_ids_is_not_prepared(tmp_path, wrong) -> None:
    folder = make_sbd(tmp_path) / "benchmark_RELEASE" / "dataset"
    source = save_gtcls(
        folder / "cls" / "2008_train_000000.mat", np.full((12, 16), wrong, np.uint8)
    )
    (file,) = SBD("train", root=tmp_path).derived_files(0)
    with pytest.raises(PluxelError) as caught:
        file.write(tmp_path / "a.png")
    expected = f"{source}: has ids from {wrong} to {wrong}; those of SBD are 0 to 20"
    assert caught.value.message == expected
    assert caught.value.notes[0].startswith("unpack or fetch again benchmark.tgz, ")
    assert not (tmp_path / "a.png").exists()
