"""Survey of the user's own folders, and the configuration written from it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import load_config
from pluxel.core.cli.scaffold.recipe import write_recipe
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.data.images import ImageError
from pluxel.core.data.splits import open_split
from pluxel.core.data.survey import SurveyError, survey
from pluxel.registry import Host

rng = np.random.default_rng(0)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path)


def fill(root: Path, masks: list[np.ndarray], image="{}.jpg", mask="{}.png") -> None:
    """Write photos/ and masks/ with a pair for each mask."""
    for i, one in enumerate(masks):
        save(root / "photos" / image.format(i), rng.integers(0, 256, (*one.shape[:2], 3)))
        save(root / "masks" / mask.format(i), one)


def look(root: Path):
    return survey(root / "photos", root / "masks")


def index_masks(count: int, ids=(0, 3, 7), size=(40, 70)) -> list[np.ndarray]:
    return [np.resize(np.array(ids), size) for _ in range(count)]


class TestSurvey:
    def test_counts_ids_sizes_and_pairs(self, tmp_path):
        fill(tmp_path, index_masks(3, size=(3, 4)))
        save(tmp_path / "photos" / "alone.jpg", np.zeros((5, 5, 3)))
        found = look(tmp_path)
        assert found.mask_format == "index"
        assert found.ids == {0: (12, 3), 3: (12, 3), 7: (12, 3)}
        assert found.sizes == {(3, 4): 3}
        assert [path.name for path in found.unpaired] == ["alone.jpg"]

    def test_detects_colors(self, tmp_path):
        fill(tmp_path, [np.array([[[255, 0, 0], [0, 0, 0]]])])
        found = look(tmp_path)
        assert found.mask_format == "rgb"
        assert found.ids == {0: (1, 1), 0xFF0000: (1, 1)}

    def test_detects_gray_in_three_channels(self, tmp_path):
        fill(tmp_path, [np.dstack([one] * 3) for one in index_masks(2)])
        assert look(tmp_path).mask_format == "index"

    def test_detects_binary_masks(self, tmp_path):
        fill(tmp_path, index_masks(2, ids=(0, 255), size=(2, 2)))
        found = look(tmp_path)
        assert found.mask_format == "binary"
        assert found.ids == {0: (4, 2), 1: (4, 2)}

    @pytest.mark.parametrize("mask", ["{}.jpg", "{}.png"])
    def test_detects_binary_masks_with_shades(self, tmp_path, mask):
        square = np.zeros((32, 32), np.uint8)
        square[8:20, 8:20] = 255
        smooth = np.asarray(Image.fromarray(square).resize((64, 64)).resize((32, 32)))
        fill(tmp_path, [square if mask.endswith("jpg") else smooth, square], mask=mask)
        found = look(tmp_path)
        assert (found.mask_format, [*found.ids]) == ("binary", [0, 1])
        assert found.values > 4
        assert found.ids[1][1] == 2
        assert abs(found.ids[1][0] - 2 * 144) < 40

    def test_a_third_gray_is_a_class(self, tmp_path):
        fill(tmp_path, index_masks(2, ids=(0, 128, 255), size=(3, 3)))
        assert look(tmp_path).mask_format == "index"

    @pytest.mark.parametrize(
        ("image", "mask", "suffixes"),
        [
            ("{}.jpg", "{}_mask.png", ("", "_mask")),
            ("{}.jpg", "{}-gt.png", ("", "-gt")),
            (
                "s{}_leftImg8bit.png",
                "s{}_gtFine_labelIds.png",
                ("_leftImg8bit", "_gtFine_labelIds"),
            ),
            ("frame_{}.png", "frame_{}_L.png", ("", "_L")),
        ],
    )
    def test_finds_the_suffixes_of_names(self, tmp_path, image, mask, suffixes):
        fill(tmp_path, index_masks(12), image, mask)
        found = look(tmp_path)
        assert (found.image_suffix, found.mask_suffix) == suffixes
        assert len(found.pairs) == 12
        assert not found.unpaired

    def test_finds_masks_in_the_folder_of_images(self, tmp_path):
        for i in range(4):
            save(tmp_path / f"{i}.jpg", rng.integers(0, 256, (8, 8, 3)))
            save(tmp_path / f"{i}_mask.png", np.resize([0, 1], (8, 8)))
        found = survey(tmp_path, tmp_path)
        assert found.mask_suffix == "_mask"
        assert len(found.pairs) == 4

    def test_counts_bands(self, tmp_path):
        fill(tmp_path, index_masks(2, size=(8, 8)))
        for i in range(2):
            (tmp_path / "photos" / f"{i}.jpg").unlink()
            np.save(tmp_path / "photos" / f"{i}.npy", np.zeros((8, 8, 7), np.uint16))
        assert look(tmp_path).channels == 7
        np.save(tmp_path / "photos" / "0.npy", np.zeros((8, 8, 5), np.uint16))
        with pytest.raises(SurveyError, match=r"different channel counts: \[5, 7\]"):
            look(tmp_path)

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            ([rng.integers(0, 256, (40, 40, 3))], r"distinct colors. Class masks contain few"),
            ([rng.integers(0, 2, (1, 1))], "no image of .* has a mask"),
        ],
    )
    def test_rejects_masks_that_are_not_class_masks(self, tmp_path, masks, message):
        fill(tmp_path, masks, mask="{}.png" if masks[0].ndim == 3 else "other {}.png")
        with pytest.raises(SurveyError, match=message):
            look(tmp_path)

    def test_names_broken_masks(self, tmp_path):
        fill(tmp_path, index_masks(2))
        (tmp_path / "masks" / "1.png").write_bytes(b"nothing")
        with pytest.raises(ImageError, match=r"masks/1.png: not an image"):
            look(tmp_path)

    def test_missing_folders_raise(self, tmp_path):
        with pytest.raises(SurveyError, match="photos is not a folder"):
            look(tmp_path)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


class TestRecipe:
    def write(self, root: Path, host: Host):
        text = write_recipe(look(root), root / "photos", root / "masks", Path("my.yaml"))
        path = root / "my.yaml"
        path.write_text(text)
        return text, load_config(path, host=host)

    def open(self, config, role: str):
        pipeline = config.pipeline
        return open_split(pipeline.dataset, pipeline.splits[role])

    @pytest.mark.parametrize("count", [2, 5, 60])
    def test_loads_and_divides_every_image(self, tmp_path, host, count):
        fill(tmp_path, index_masks(count))
        text, config = self.write(tmp_path, host)
        parts = [self.open(config, role) for role in ("train", "val")]
        assert sum(map(len, parts)) == count
        assert min(map(len, parts)) > 0
        assert text.startswith("# ")
        assert f"# Found: {count} images with masks" in text
        assert "40 × 70 pixels (height × width)" in text

    def test_comments_list_class_frequencies(self, tmp_path, host):
        fill(tmp_path, index_masks(4, ids=(0, 3, 255, 3)))
        text, config = self.write(tmp_path, host)
        assert "    3: class_3 # 50 % of the pixels, in 4 of 4 masks" in text
        labels = self.open(config, "train").labels["semantic"]
        assert dict(labels.ids) == {0: "background", 3: "class_3", 255: "ignore"}

    @pytest.mark.parametrize(
        ("ids", "name"),
        [
            ((0, 1, 255), "ignore"),
            ((0, 15, 255), "ignore"),
            ((*range(151), 255), "ignore"),
            ((0, 128, 255), "class_255"),
            ((0, 100, 200, 255), "class_255"),
        ],
        ids=["numbers", "sparse", "many", "gray", "two grays"],
    )
    def test_255_is_a_class_beside_shades_and_ignore_beside_numbers(
        self, tmp_path, host, ids, name
    ):
        fill(tmp_path, index_masks(2, ids=ids, size=(40, 40)))
        text, _ = self.write(tmp_path, host)
        assert f"    255: {name} # " in text

    def test_transparent_pixels_are_mentioned(self, tmp_path, host):
        rgba = np.zeros((40, 40, 4), np.uint8)
        rgba[:10, :, 0] = rgba[:10, :, 3] = 255
        fill(tmp_path, [rgba, rgba])
        advice = "Transparent pixels are ignored; if they are a class, save the masks without"
        with pytest.raises(SurveyError, match=f"two classes. {advice} transparency$"):
            self.write(tmp_path, host)
        rgba[5:10, :, 1] = 255
        fill(tmp_path, [rgba, rgba])
        text, _ = self.write(tmp_path, host)
        assert f"# 2 masks with transparent pixels.\n# {advice} transparency.\n" in text
        assert '    "#ff0000": class_0 # 12.5 % of the pixels, in 2 of 2 masks' in text

    def test_reads_colors(self, tmp_path, host):
        fill(tmp_path, [np.array([[[255, 0, 0], [0, 0, 0]]])] * 4)
        _, config = self.write(tmp_path, host)
        dataset = self.open(config, "train")
        space = LabelSpace(dataset.labels["semantic"])
        assert space.class_names == ("background", "class_1")
        assert space.encode(dataset[0].labels["semantic"]).tolist() == [[1, 0]]

    def test_reads_two_values(self, tmp_path, host):
        fill(tmp_path, index_masks(4, ids=(255, 0)))
        _, config = self.write(tmp_path, host)
        dataset = self.open(config, "train")
        assert LabelSpace(dataset.labels["semantic"]).class_names == ("background", "object")
        assert set(np.unique(dataset[0].labels["semantic"])) == {0, 1}

    def test_uses_existing_splits(self, tmp_path, host):
        for split in ("train", "validation"):
            for i in range(2):
                save(tmp_path / "photos" / split / f"{i}.jpg", rng.integers(0, 256, (40, 40, 3)))
                save(tmp_path / "masks" / split / f"{i}.png", index_masks(1, size=(40, 40))[0])
        _, config = self.write(tmp_path, host)
        assert config.pipeline.splits == {"train": "train", "val": "validation"}
        assert len(self.open(config, "val")) == 2

    def test_accepts_unusual_names(self, tmp_path, host):
        root = tmp_path / "off: #1, 'mine' {x}"
        fill(root, index_masks(3), "{}.jpg", "{}_mask.png")
        _, config = self.write(root, host)
        assert len(self.open(config, "train")) == 2

    @pytest.mark.parametrize("name", ["true", "null", "off", "${dataset.type}", "a${b"])
    def test_quotes_names_that_yaml_would_convert(self, tmp_path, host, monkeypatch, name):
        monkeypatch.chdir(tmp_path)
        fill(tmp_path, index_masks(3))
        (tmp_path / "photos").rename(name)
        images, masks = Path(name), Path("masks")
        recipe = Path("my.yaml")
        recipe.write_text(write_recipe(survey(images, masks), images, masks, recipe))
        assert len(self.open(load_config(recipe, host=host), "train")) == 2

    @pytest.mark.parametrize(
        ("size", "crop"), [((40, 70), (32, 64)), ((500, 900), (320, 320)), ((20, 20), (32, 32))]
    )
    def test_crop_fits_the_images(self, tmp_path, host, size, crop):
        fill(tmp_path, index_masks(2, size=size))
        _, config = self.write(tmp_path, host)
        found = next(t["RandomCrop"] for t in config.pipeline.augment["train"] if "RandomCrop" in t)
        assert (found["height"], found["width"]) == crop

    @pytest.mark.parametrize(
        ("masks", "message"),
        [
            (
                index_masks(3, ids=(4,)),
                "all masks contain only the id 4; training needs at least two classes",
            ),
            (index_masks(3, ids=(255,)), "all masks contain only the id 255; training needs"),
            (index_masks(1), "one image is not enough"),
        ],
    )
    def test_rejects_data_that_cannot_be_trained_on(self, tmp_path, host, masks, message):
        fill(tmp_path, masks)
        with pytest.raises(SurveyError, match=message):
            self.write(tmp_path, host)
