"""CamVid in the layout of the SegNet tutorial."""

from pathlib import Path

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.splits import MissingData, SplitError, open_split
from pluxel.plugins.datasets.camvid import LABELS, CamVid

from .conftest import make_camvid

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car"),
    *("pedestrian", "bicyclist"),
)


def test_labels():
    assert LabelSpace(LABELS).class_names == CLASSES
    assert LABELS.ids[11] == "ignore"
    assert LABELS.palette["bicyclist"] == (0, 128, 192)


def test_pairs_folders_without_lists(tmp_path):
    dataset = CamVid("train", root=make_camvid(tmp_path))
    assert [dataset[i].name for i in range(4)] == [f"0016E5_{30 * i:05d}" for i in range(4)]
    assert dataset[2].paths["semantic"] == tmp_path / "trainannot" / "0016E5_00060.png"


def test_lists_select_and_order(tmp_path):
    """Only the file names of the listed paths matter."""
    make_camvid(tmp_path, lists=True)
    listing = tmp_path / "train.txt"
    listing.write_text("\n".join(listing.read_text().splitlines()[:3]) + "\n\n")
    dataset = CamVid("train", root=tmp_path)
    assert [dataset[i].name for i in range(len(dataset))] == [
        "0016E5_00090",
        "0016E5_00060",
        "0016E5_00030",
    ]
    assert dataset[0].paths["image"] == tmp_path / "train" / "0016E5_00090.png"


def test_omits_files_without_counterpart(tmp_path, caplog):
    make_camvid(tmp_path)
    (tmp_path / "trainannot" / "0016E5_00030.png").unlink()
    dataset = CamVid("train", root=tmp_path)
    assert len(dataset) == 3
    assert [path.name for path in dataset.unpaired] == ["0016E5_00030.png"]
    assert "skipped 1 file without a counterpart" in caplog.text


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("", r"CamVid not found: .*nowhere \(only "),
        ("trainannot", r"has no split 'train'; it has test, val\."),
        ("train", r"the images of split 'train' not found: .*/train \(only "),
    ],
)
def test_a_missing_folder_is_named(tmp_path, missing, message):
    root = make_camvid(tmp_path)
    if missing:
        (root / missing).rename(root / "elsewhere")
    with pytest.raises(SplitError, match=message):
        CamVid("train", root=root if missing else root / "nowhere")


class TestRealData:
    @pytest.fixture
    def root(self, test_data: Path) -> Path:
        return test_data / "data" / "camvid"

    @pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101)])
    def test_counts(self, root, split, count):
        dataset = CamVid(split, root=root)
        assert len(dataset) == count
        assert dataset.unpaired == ()

    def test_ids_and_sizes(self, root):
        dataset = CamVid("val", root=root)
        space = LabelSpace(dataset.labels["semantic"])
        seen = np.zeros(256, np.int64)
        for i in range(0, len(dataset), 10):
            sample = dataset[i]
            assert sample.inputs["image"].shape == (360, 480, 3)
            classes = space.encode(sample.labels["semantic"], sample.paths["semantic"])
            seen += np.bincount(classes.ravel(), minlength=256)
        assert (seen[:11] > 0).all()
        assert seen[:11].argmax() == CLASSES.index("road")

    def test_a_part_of_the_video_can_be_held_out(self, root):
        def make(split: str) -> CamVid:
            return CamVid(split, root=root)

        held_out = open_split(make, "train[0016E5_04530:0016E5_06000]")
        rest = open_split(make, "train[:0016E5_04530] + train[0016E5_06000:]")
        assert len(held_out) + len(rest) == 367
        names = {held_out[i].name for i in range(len(held_out))}
        assert len(held_out) > 40
        assert names.isdisjoint(rest[i].name for i in range(len(rest)))


def test_a_list_must_fit_the_files(tmp_path):
    root = make_camvid(tmp_path, lists=True)
    rows = (root / "val.txt").read_text().splitlines()
    (root / "val.txt").write_text("\n".join([*rows, rows[0]]))
    with pytest.raises(SplitError) as caught:
        CamVid("val", root=root)
    expected = f"{root}/val.txt:3: 0016E5_00030.png is listed already"
    assert str(caught.value) == expected
    (root / "val.txt").write_text("\n".join(rows))
    (root / "valannot" / "0016E5_00000.png").unlink()
    with pytest.raises(MissingData) as caught:
        CamVid("val", root=root)
    expected = f"{root}/val.txt:2: {root}/valannot/0016E5_00000.png does not exist"
    assert str(caught.value) == expected


@pytest.mark.parametrize("place", ["..", "train"])
def test_a_root_that_is_too_high_or_too_low_is_found(tmp_path, caplog, place):
    caplog.set_level("INFO", "pluxel")
    root = make_camvid(tmp_path / "street")
    assert len(CamVid("val", root=root / place)) == 2
    assert caplog.messages[0].startswith(f"CamVid: root is {root / place}, but the dataset is in ")


def test_what_to_fetch(tmp_path):
    with pytest.raises(MissingData) as caught:
        CamVid("val", root=tmp_path / "nowhere")
    assert caught.value.notes[1] == (
        f"so that {tmp_path}/nowhere contains train, trainannot, val, valannot, test and testannot"
    )
    (tmp_path / "CamVid.zip").touch()
    with pytest.raises(MissingData, match=r"CamVid\.zip is a file; .*; unpack it$"):
        CamVid("val", root=tmp_path / "CamVid.zip")
