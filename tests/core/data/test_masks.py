"""Reading masks of all formats as ids, and writing them with the fewest possible bits."""

import numpy as np
import pytest
from PIL import Image
from pluxel.core.data.images import (
    ImageError,
    read_binary_mask,
    read_index_mask,
    read_rgb_mask,
    write_mask,
)
from pluxel.registry import PluxelError

from .image_files import IDS, RGB, SIDEWAYS, exif, palette_image, save


class TestMasks:
    def test_reads_eight_bits(self, tmp_path):
        assert (read_index_mask(save(tmp_path / "a.png", IDS)) == IDS).all()

    def test_reads_the_indices_of_a_palette(self, tmp_path):
        path = save(tmp_path / "a.png", palette_image(IDS))
        assert Image.open(path).mode == "P"
        assert (read_index_mask(path) == IDS).all()

    def test_reads_sixteen_bits(self, tmp_path):
        wide = IDS.astype(np.uint16) * 200
        read = read_index_mask(save(tmp_path / "a.png", wide))
        assert (read == wide).all()
        assert read.max() == 51000

    def test_reads_one_bit(self, tmp_path):
        image = Image.fromarray(IDS > 0)
        assert image.mode == "1"
        read = read_index_mask(save(tmp_path / "a.png", image))
        assert read.dtype == np.uint8
        assert (read == (IDS > 0)).all()

    def test_reads_arrays(self, tmp_path):
        np.save(tmp_path / "a.npy", IDS.astype(np.int32) - 1)
        assert read_index_mask(tmp_path / "a.npy").min() == -1

    @pytest.mark.parametrize(
        "array", [np.zeros((4, 5)), np.zeros((4, 5, 2), int), np.zeros(5, int)], ids=str
    )
    def test_rejects_arrays_that_are_not_masks(self, tmp_path, array):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(
            ImageError, match=r"a.npy: a mask must contain integers of shape \(height, width\)"
        ):
            read_index_mask(tmp_path / "a.npy")

    def test_reads_gray_in_three_channels(self, tmp_path):
        assert (read_index_mask(save(tmp_path / "a.png", np.dstack([IDS] * 3))) == IDS).all()

    def test_rejects_a_mask_of_colors(self, tmp_path):
        with pytest.raises(ImageError, match=r"a.png: the mask contains colors \(RGB\), not ids"):
            read_index_mask(save(tmp_path / "a.png", RGB))

    @pytest.mark.parametrize("values", [(0, 1), (0, 255)])
    def test_reads_a_binary_mask(self, tmp_path, values):
        mask = np.array([values, values[::-1]], np.uint8)
        assert read_binary_mask(save(tmp_path / "a.png", mask)).tolist() == [[0, 1], [1, 0]]

    def test_reads_a_binary_mask_with_one_value(self, tmp_path):
        nothing = np.zeros((2, 2), np.uint8)
        assert read_binary_mask(save(tmp_path / "a.png", nothing)).tolist() == [[0, 0], [0, 0]]
        assert read_binary_mask(save(tmp_path / "b.png", nothing + 255)).all()

    def test_reads_a_binary_mask_from_a_lossy_file(self, tmp_path, caplog):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, 16:] = 255
        path = save(tmp_path / "a.jpg", mask, quality=60)
        assert (read_binary_mask(path) == mask // 255).mean() > 0.95
        assert "lossy" in caplog.text

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ((0, 100), "0, 100"),
            ((0, 1, 2), "0, 1, 2"),
            ((0, 1, 255), "0, 1, 255"),
            ((0, 128, 255), "0, 128, 255"),
            ((3, 4, 5, 6, 7, 8), "3, 4, 5, 6, 7, …"),
        ],
    )
    @pytest.mark.parametrize("suffix", ["png", "npy"])
    def test_other_values_are_not_binary(self, tmp_path, values, found, suffix):
        path, mask = tmp_path / f"a.{suffix}", np.array([values], np.uint8)
        np.save(path, mask) if suffix == "npy" else save(path, mask)
        message = f"a.{suffix}: a binary mask contains 0 and 1, or 0 and 255, not {found}$"
        with pytest.raises(ImageError, match=message):
            read_binary_mask(path)

    def test_smoothed_edges_are_divided_in_the_middle(self, tmp_path):
        mask = np.array([[0, 40, 120, 127, 128, 200, 255]], np.uint8)
        read = read_binary_mask(save(tmp_path / "a.png", mask))
        assert read.tolist() == [[0, 0, 0, 0, 1, 1, 1]]

    def test_another_gray_in_a_lossy_file_is_not_binary(self, tmp_path):
        mask = np.zeros((32, 32), np.uint8)
        mask[:, 16:] = 100
        with pytest.raises(ImageError, match="a binary mask contains 0 and 1, or 0 and 255"):
            read_binary_mask(save(tmp_path / "a.jpg", mask, quality=60))

    def test_booleans_are_ids(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([[False, True]]))
        for read in (read_index_mask, read_binary_mask):
            found = read(tmp_path / "a.npy")
            assert (found.dtype, found.tolist()) == (np.uint8, [[0, 1]])

    def test_reads_colors(self, tmp_path):
        mask = np.array([[[255, 0, 1], [0, 2, 0]]], np.uint8)
        read = read_rgb_mask(save(tmp_path / "a.png", mask))
        assert read.tolist() == [[0xFF0001, 0x000200]]

    def test_reads_the_colors_of_a_palette(self, tmp_path):
        read = read_rgb_mask(save(tmp_path / "a.png", palette_image(IDS)))
        assert read[0, 1] == (254 << 16 | 1 << 8 | 0)

    def test_applies_the_exif_orientation_to_masks(self, tmp_path):
        path = save(tmp_path / "a.png", IDS, exif=exif(SIDEWAYS))
        assert (read_index_mask(path) == np.rot90(IDS, -1)).all()
        colors = save(tmp_path / "b.png", RGB, exif=exif(SIDEWAYS))
        assert read_rgb_mask(colors).shape == (9, 6)


class TestWriteMask:
    @pytest.mark.parametrize(("top", "mode"), [(255, "L"), (256, "I;16"), (65535, "I;16")])
    def test_uses_the_fewest_bits(self, tmp_path, top, mode):
        ids = np.array([[0, 3, top]], np.uint32)
        write_mask(tmp_path / "a.png", ids)
        assert Image.open(tmp_path / "a.png").mode == mode
        assert (read_index_mask(tmp_path / "a.png") == ids).all()

    def test_the_type_of_the_ids_sets_the_depth(self, tmp_path):
        """All masks of a label map have one depth, whatever ids an image contains."""
        write_mask(tmp_path / "a.png", np.array([[0, 3]], np.uint16))
        assert Image.open(tmp_path / "a.png").mode == "I;16"

    def test_rejects_ids_above_16_bits(self, tmp_path):
        for ids in (np.array([[70_000]]), np.array([[-1]])):
            with pytest.raises(PluxelError, match="a PNG holds ids of 0 to 65535") as caught:
                write_mask(tmp_path / "a.png", ids)
            assert not isinstance(caught.value, ImageError)  # no image is to blame

    def test_keeps_the_old_file_if_writing_fails(self, tmp_path, monkeypatch):
        write_mask(tmp_path / "a.png", IDS)

        def fill_the_disk(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", fill_the_disk)
        with pytest.raises(Exception, match="No space left on device"):
            write_mask(tmp_path / "a.png", IDS + 1)
        assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
        assert (read_index_mask(tmp_path / "a.png") == IDS).all()
