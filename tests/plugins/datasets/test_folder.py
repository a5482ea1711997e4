"""The user's own images and masks, in all supported formats and layouts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pluxel.core import FeatureSpec, Grid, LabelMap, Normalization, Pipeline, Scores
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.batch import collate_training
from pluxel.core.data.samples import TrainingData
from pluxel.core.data.splits import SplitError, open_split
from pluxel.core.model.network import Head, SegmentationModel, Stream
from pluxel.core.model.normalize import InputPart
from pluxel.plugins.datasets.folder import Folder, FolderError
from torch import nn

from .conftest import make_folder
from .pictures import photograph, save, with_palette

CLASSES = {0: "ground", 1: "car", 2: "ignore"}


def folder(root: Path, split: str = "all", **parameters) -> Folder:
    defaults = {"images": Path("photos"), "masks": Path("masks"), "classes": CLASSES}
    return Folder(split, root=root, **(defaults | parameters))


def names(dataset: Folder) -> list[str]:
    return [dataset[i].name for i in range(len(dataset))]


def classes_of(dataset: Folder, index: int = 0) -> list:
    sample = dataset[index]
    return LabelSpace(dataset.labels["semantic"]).encode(sample.labels["semantic"]).tolist()


def one_pair(root: Path, mask, suffix: str = ".png") -> Path:
    """A photograph of 1 × 2 pixels and its mask."""
    save(root / "photos" / "a.jpg", photograph(1, 2))
    save(root / "masks" / f"a{suffix}", mask)
    return root


def nested(root: Path) -> None:
    """Images of equal names in different folders."""
    for name in ("a/p0", "b/p0", "b/only", "b/p1", "p1"):
        save(root / "photos" / f"{name}.jpg", photograph(1, 2))
        save(root / "masks" / f"{name}.png", np.zeros((1, 2), np.uint8))


class TestMaskFormats:
    def test_index(self, tmp_path):
        one_pair(tmp_path, np.array([[1, 2]], np.uint8))
        assert classes_of(folder(tmp_path)) == [[1, 255]]

    def test_palette(self, tmp_path):
        one_pair(tmp_path, with_palette(np.array([[1, 2]])))
        assert classes_of(folder(tmp_path)) == [[1, 255]]

    def test_sixteen_bits(self, tmp_path):
        one_pair(tmp_path, np.array([[300, 44]], np.uint16))
        classes = {44: "a", 300: "b"}
        assert classes_of(folder(tmp_path, classes=classes)) == [[1, 0]]

    def test_colors(self, tmp_path):
        one_pair(tmp_path, np.array([[[0, 0, 0], [255, 0, 1]]], np.uint8))
        dataset = folder(tmp_path, classes={"#ff0001": "roof", "#000000": "ignore"})
        assert classes_of(dataset) == [[255, 0]]
        assert LabelSpace(dataset.labels["semantic"]).palette.tolist() == [[255, 0, 1]]

    def test_two_values(self, tmp_path):
        one_pair(tmp_path, np.array([[0, 255]], np.uint8))
        dataset = folder(tmp_path, classes=["no", "yes"], mask_format="binary")
        assert classes_of(dataset) == [[0, 1]]

    def test_arrays(self, tmp_path):
        save(tmp_path / "photos" / "a.jpg", photograph(1, 2))
        (tmp_path / "masks").mkdir()
        np.save(tmp_path / "masks" / "a.npy", np.array([[0, -1]]))
        dataset = folder(tmp_path, classes={0: "ground", -1: "ignore"})
        assert classes_of(dataset) == [[0, 255]]

    def test_images_rotated_by_exif(self, tmp_path):
        """The image is stored sideways; its mask is upright."""
        tags = Image.Exif()
        tags[0x0112] = 6
        save(tmp_path / "photos" / "a.jpg", photograph(10, 20), exif=tags)
        save(tmp_path / "masks" / "a.png", np.zeros((20, 10), np.uint8))
        sample = folder(tmp_path)[0]
        assert sample.inputs["image"].shape == (20, 10, 3)
        assert sample.labels["semantic"].shape == (20, 10)


class TestClasses:
    def test_a_list_of_classes_is_numbered(self, tmp_path):
        make_folder(tmp_path)
        dataset = folder(tmp_path, classes=["a", "b", "c"])
        assert dict(dataset.labels["semantic"].ids) == {0: "a", 1: "b", 2: "c"}

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"classes": {0: "a", "#ff0000": "b"}}, "keys of classes mix ids and colors"),
            (
                {"classes": {"#ff0000": "b"}, "mask_format": "index"},
                "mask_format is index, but the keys of classes are colors",
            ),
            ({"mask_format": "rgb"}, "mask_format is rgb, but the keys of classes are ids"),
            ({"mask_format": "binary"}, "binary masks need two classes with ids 0 and 1"),
        ],
    )
    def test_contradicting_classes_raise(self, tmp_path, parameters, message):
        make_folder(tmp_path)
        with pytest.raises(FolderError, match=message):
            folder(tmp_path, **parameters)


class TestPairs:
    def test_pairs_ignore_the_file_type(self, tmp_path):
        for name in ("a.jpg", "b.PNG", "c.bmp"):
            save(tmp_path / "photos" / name, photograph())
        for name in ("a.png", "b.tif", "c.png"):
            save(tmp_path / "masks" / name, np.zeros((12, 16), np.uint8))
        (tmp_path / "photos" / "Thumbs.db").touch()
        (tmp_path / "photos" / "._a.jpg").touch()
        assert names(folder(tmp_path)) == ["a", "b", "c"]

    def test_pairs_ignore_suffixes(self, tmp_path):
        """Cityscapes stores several kinds of masks in one folder."""
        save(tmp_path / "photos/bonn/b_1_leftImg8bit.png", photograph())
        for kind in ("labelIds", "color"):
            save(tmp_path / f"masks/bonn/b_1_gtFine_{kind}.png", np.zeros((12, 16), np.uint8))
        dataset = folder(tmp_path, image_suffix="_leftImg8bit", mask_suffix="_gtFine_labelIds")
        assert names(dataset) == ["bonn/b_1"]
        assert dataset.unpaired == ()

    def test_images_and_masks_in_one_folder(self, tmp_path):
        for name in ("a", "b"):
            save(tmp_path / "photos" / f"{name}.jpg", photograph())
            save(tmp_path / "photos" / f"{name}_mask.png", np.zeros((12, 16), np.uint8))
        dataset = folder(tmp_path, masks=Path("photos"), mask_suffix="_mask")
        assert names(dataset) == ["a", "b"]
        assert dataset.unpaired == ()

    def test_unpaired_files_are_omitted_and_listed(self, tmp_path, caplog):
        make_folder(tmp_path, 3)
        save(tmp_path / "photos" / "alone.jpg", photograph())
        dataset = folder(tmp_path)
        assert len(dataset) == 3
        assert dataset.unpaired == (tmp_path / "photos" / "alone.jpg",)
        assert "skipped 1 file without a counterpart" in caplog.text

    def test_duplicate_names_raise(self, tmp_path):
        make_folder(tmp_path, 1)
        save(tmp_path / "photos" / "street 00.png", photograph())
        with pytest.raises(
            SplitError, match=r"street 00.png and .*street 00.jpg have the same name"
        ):
            folder(tmp_path)

    def test_no_pairs_raise(self, tmp_path):
        save(tmp_path / "photos" / "a.jpg", photograph())
        save(tmp_path / "masks" / "b.png", np.zeros((12, 16), np.uint8))
        with pytest.raises(SplitError, match=r"split 'all' is empty: no image of .* has a mask in"):
            folder(tmp_path)


class TestSplits:
    def test_splits_by_subfolder(self, tmp_path):
        for split in ("train", "val"):
            save(tmp_path / "photos" / split / f"{split}.jpg", photograph())
            save(tmp_path / "masks" / split / f"{split}.png", np.zeros((12, 16), np.uint8))
        assert names(folder(tmp_path, "train")) == ["train"]
        assert names(folder(tmp_path, "val")) == ["val"]
        assert names(folder(tmp_path, "all")) == ["train/train", "val/val"]
        with pytest.raises(SplitError, match=r"has no split 'vall'; it has all, train, val"):
            folder(tmp_path, "vall")

    @pytest.mark.parametrize("form", ["{}", "{}.jpg", "photos/{}.jpg", "/their/disk/photos/{}.jpg"])
    def test_splits_by_list(self, tmp_path, form):
        make_folder(tmp_path)
        chosen = ["street 07", "street 02"]
        (tmp_path / "mine.txt").write_text("\n".join(map(form.format, chosen)) + "\n\n")
        dataset = folder(tmp_path, "mine", splits={"mine": Path("mine.txt")})
        assert names(dataset) == chosen

    def test_an_unknown_line_of_a_list_raises(self, tmp_path):
        make_folder(tmp_path)
        (tmp_path / "mine.txt").write_text("street 07\nstret 03\n")
        with pytest.raises(
            SplitError, match=r"mine.txt:2: no image with a mask has the name 'stret 03'"
        ):
            folder(tmp_path, "mine", splits={"mine": Path("mine.txt")})
        with pytest.raises(SplitError, match=r"the list .*other.txt is not a file"):
            folder(tmp_path, "mine", splits={"mine": Path("other.txt")})

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("a/p0", "a/p0"),
            ("a/p0.jpg", "a/p0"),
            ("photos/b/p0.png", "b/p0"),
            ("a\\p0.jpg", "a/p0"),
            ("D:\\disk\\photos\\b\\p0.jpg", "b/p0"),
            ("only", "b/only"),
            ("p1", "p1"),  # the whole name of one image, and the end of another's
        ],
    )
    def test_a_line_of_a_list_means_one_image(self, tmp_path, line, expected):
        nested(tmp_path)
        (tmp_path / "mine.txt").write_text(line)
        dataset = folder(tmp_path, "mine", splits={"mine": Path("mine.txt")})
        assert dataset.names == (expected,)

    def test_a_path_ends_with_the_configured_folder(self, tmp_path, monkeypatch):
        """Another camera's folder of the same name has images of the same names."""
        monkeypatch.chdir(tmp_path)
        for name in ("cam0", "cam1"):
            save(tmp_path / name / "im" / "a" / "p0.jpg", photograph(1, 2))
        save(tmp_path / "masks" / "a" / "p0.png", np.zeros((1, 2), np.uint8))
        given = {"images": Path("cam1/im"), "splits": {"mine": Path("mine.txt")}}
        for line in (
            "cam1/im/a/p0.jpg",
            "/disk/cam1/im/a/p0.jpg",
            str(tmp_path / "cam1/im/a/p0.jpg"),
        ):
            (tmp_path / "mine.txt").write_text(line)
            assert folder(tmp_path, "mine", **given).names == ("a/p0",)
        for line in ("cam0/im/a/p0.jpg", "/disk/im/a/p0.jpg", str(tmp_path / "cam0/im/a/p0.jpg")):
            (tmp_path / "mine.txt").write_text(line)
            with pytest.raises(SplitError, match="no image with a mask has the name"):
                folder(tmp_path, "mine", **given)
        monkeypatch.chdir(tmp_path / "cam0")
        (tmp_path / "mine.txt").write_text("im/a/p0.jpg")
        with pytest.raises(SplitError, match="no image with a mask has the name"):
            folder(tmp_path, "mine", **given)

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ("p0", r"mine.txt:1: 'p0' may be .*photos/a/p0.jpg or .*photos/b/p0.jpg: add folders"),
            ("c/p0.jpg", "mine.txt:1: no image with a mask has the name 'c/p0.jpg'"),
            ("photos/a/p1.jpg", "no image with a mask has the name 'photos/a/p1.jpg'"),
            ("/disk/images/a/only.jpg", "no image with a mask has the name"),
            ("a/p0\n\nphotos/a/p0.jpg", "mine.txt:3: .*a/p0.jpg is listed already, in line 1"),
        ],
    )
    def test_a_line_that_means_no_image_or_several_raises(self, tmp_path, lines, message):
        nested(tmp_path)
        (tmp_path / "mine.txt").write_text(lines)
        with pytest.raises(SplitError, match=message):
            folder(tmp_path, "mine", splits={"mine": Path("mine.txt")})

    def test_an_empty_split_says_why(self, tmp_path):
        make_folder(tmp_path, 3)
        (tmp_path / "none.txt").write_text("\n")
        for choice, message in (
            ({"fractions": {"val": 1e-9}}, "none of 3 images fell into its fraction 1e-09. Set an"),
            ({"splits": {"val": Path("none.txt")}}, "none.txt lists no image"),
        ):
            with pytest.raises(SplitError, match=message):
                folder(tmp_path, "val", **choice)

    def test_splits_by_fractions(self, tmp_path):
        make_folder(tmp_path, 60)
        fractions = {"train": 0.7, "val": 0.2, "test": 0.1}
        parts = {split: names(folder(tmp_path, split, fractions=fractions)) for split in fractions}
        assert sorted(name for part in parts.values() for name in part) == names(folder(tmp_path))
        assert len(parts["train"]) > len(parts["val"]) > len(parts["test"]) > 0
        other = names(folder(tmp_path, "train", fractions=fractions, seed=1))
        assert other != parts["train"]

    def test_splits_by_fractions_never_change(self, tmp_path):
        """The assignment to splits must not change between versions."""
        make_folder(tmp_path, 12)
        held_out = names(folder(tmp_path, "val", fractions={"train": 0.7, "val": 0.3}))
        assert held_out == ["street 00", "street 06", "street 10"]

    def test_adding_images_moves_no_others(self, tmp_path):
        make_folder(tmp_path, 20)
        fractions = {"train": 0.5, "val": 0.5}
        before = set(names(folder(tmp_path, "train", fractions=fractions)))
        make_folder(tmp_path, 60)
        after = set(names(folder(tmp_path, "train", fractions=fractions)))
        old = {name for name in after if name < "street 20"}
        assert old == before
        assert len(after) > len(before)

    def test_parts_of_all(self, tmp_path):
        make_folder(tmp_path, 10)
        assert len(open_split(lambda split: folder(tmp_path, split), "all[:80%]")) == 8

    @pytest.mark.parametrize(
        ("parameters", "error", "message"),
        [
            ({"fractions": {"train": 0.9, "val": 0.2}}, FolderError, "add up to 1.1, more than 1"),
            (
                {"fractions": {"train": 1.0}, "splits": {"train": Path("a.txt")}},
                FolderError,
                "either splits or fractions",
            ),
            ({}, SplitError, r"fractions: \{train: 0.8, val: 0.2\}"),
        ],
    )
    def test_invalid_splits_raise(self, tmp_path, parameters, error, message):
        make_folder(tmp_path)
        with pytest.raises(error, match=message):
            folder(tmp_path, "train", **parameters)


class TestChannels:
    def test_images_of_many_bands(self, tmp_path):
        make_folder(tmp_path, 0)
        (tmp_path / "photos").mkdir()
        np.save(tmp_path / "photos" / "a.npy", np.zeros((12, 16, 7), np.uint16))
        save(tmp_path / "masks" / "a.png", np.zeros((12, 16), np.uint8))
        dataset = folder(tmp_path, channels=7)
        assert dataset.channels == {"image": 7}
        assert dataset[0].inputs["image"].shape == (12, 16, 7)

    def test_grayscale_images(self, tmp_path):
        make_folder(tmp_path, 1)
        assert folder(tmp_path, channels=1)[0].inputs["image"].shape == (12, 16, 1)


class TestDepth:
    """16 bits of one channel, from the file to the network."""

    @pytest.fixture
    def depth(self, tmp_path):
        depth = np.arange(9000, 9192, dtype=np.uint16).reshape(12, 16)
        save(tmp_path / "photos" / "a.png", depth)
        save(tmp_path / "masks" / "a.png", np.zeros((12, 16), np.uint8))
        return depth

    def test_training_keeps_every_value(self, tmp_path, depth):
        dataset = folder(tmp_path, channels=1)
        spaces = {"semantic": LabelSpace(dataset.labels["semantic"])}
        pad = {"PadIfNeeded": {"min_height": 20, "min_width": 20, "position": "top_left"}}
        data = TrainingData(dataset, spaces, [{"HorizontalFlip": {"p": 1}}, pad], fill=[51])
        stream = Stream([InputPart("image", 1)], Identity())
        stream.normalize.adopt(Normalization(mean=(0.2,), std=(0.5,)))
        batch = collate_training([data[0]])
        found = stream.prepare(batch.inputs, batch.sizes)[0, 0].numpy()
        wanted = (depth[:, ::-1] / 65535 - 0.2) / 0.5
        np.testing.assert_allclose(found[:12, :16], wanted, atol=1e-6)
        assert np.abs(found[12:, :16]).max() < 1e-6  # the mean, which normalizes to zero

    def test_prediction_keeps_every_value(self, tmp_path, depth):
        model = SegmentationModel(
            {"image": Stream([InputPart("image", 1)], Identity())},
            {"semantic": Head({"image": Brighter(9096.5 / 65535)}, "mean")},
        )
        space = LabelSpace(LabelMap({0: "near", 1: "far"}))
        found = Pipeline(model, {"semantic": space}, {"image": 1})(tmp_path / "photos" / "a.png")
        assert (found == (depth > 9096)).all()


class Identity(nn.Module):
    """The image is its only map."""

    feature_specs = (FeatureSpec("image", 1, Grid(1), (1, 1), "computed"),)
    normalization = Normalization(mean=(0,), std=(1,))

    def forward(self, image):
        return [image]


class Brighter(nn.Module):
    """Class 1 where a map of one channel is above a value."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, maps):
        return Scores(torch.cat([self.value - maps[0], maps[0] - self.value], 1), Grid(1))


def test_a_missing_folder_is_named(tmp_path):
    make_folder(tmp_path)
    with pytest.raises(SplitError, match=r"the masks not found: .*/gone \(only "):
        folder(tmp_path, masks=Path("gone"))
