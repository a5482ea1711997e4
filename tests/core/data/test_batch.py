"""Batches of samples of any size."""

import numpy as np
import pytest
import torch
from pluxel.core.data.batch import Item, collate_evaluation, collate_training
from pluxel.core.data.samples import EvaluationData

SIZES = {0: (4, 6), 1: (5, 3), 2: (4, 6)}


@pytest.fixture
def items(toy, spaces):
    data = EvaluationData(toy(3, SIZES), spaces)
    return [data[i] for i in range(3)]


class TestCollateTraining:
    def test_pads_at_the_right_and_bottom(self, items):
        batch = collate_training(items)
        image, target = batch.inputs["image"], batch.targets["semantic"]
        assert image.shape == (3, 3, 5, 6)
        assert image.dtype == torch.uint8
        assert (image[1, :, :5, :3] == 1).all()
        assert image[1, :, :, 3:].sum() == 0
        assert (target[1, :, 3:] == 255).all()
        assert (target[0, 4] == 255).all()
        assert target[1, 0, 0] == 1
        assert batch.sizes == [(4, 6), (5, 3), (4, 6)]
        assert len(batch) == 3

    def test_keeps_names_and_indices(self, items):
        batch = collate_training(items)
        assert batch.names == ["toy_0", "toy_1", "toy_2"]
        assert batch.indices == [0, 1, 2]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
    def test_keeps_the_type_of_inputs(self, dtype):
        item = Item("a", 0, {"image": np.full((2, 3, 1), 7, dtype)}, {}, {})
        image = collate_training([item]).inputs["image"]
        assert image.shape == (1, 1, 2, 3)
        assert image.numpy().dtype == dtype
        assert (image.numpy() == 7).all()

    def test_mixed_types_become_floats(self):
        """A folder may contain 8-bit and 16-bit gray images."""
        values = np.uint8([[[51]]]), np.uint16([[[51 * 257]]]), np.float32([[[0.2]]])
        items = [Item("a", 0, {"depth": one}, {}, {}) for one in values]
        depth = collate_training(items).inputs["depth"]
        assert depth.dtype == torch.float32
        assert depth.flatten().tolist() == pytest.approx([0.2] * 3)

    def test_reads_arrays_that_must_not_change(self):
        pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::-1]
        pixels.flags.writeable = False
        batch = collate_training([Item(name, 0, {"image": pixels}, {}, {}) for name in "ab"])
        assert (batch.inputs["image"].permute(0, 2, 3, 1).numpy() == pixels).all()
        batch.inputs["image"][0] = 7
        assert (batch.inputs["image"][1].permute(1, 2, 0).numpy() == pixels).all()

    def test_ignores_padding_of_many_classes_too(self):
        def item(width):
            return Item(
                "a",
                0,
                {"image": np.zeros((2, width, 1), np.uint8)},
                {"semantic": np.full((2, width), 300, np.uint16)},
                {"semantic": 65535},
            )

        target = collate_training([item(2), item(3)]).to("cpu").targets["semantic"]
        assert target[0].tolist() == [[300, 300, 65535]] * 2


class TestTo:
    def test_widens_targets(self, items):
        batch = collate_training(items)
        assert batch.targets["semantic"].dtype == torch.uint8
        moved = batch.to("cpu")
        assert moved.targets["semantic"].dtype == torch.int64
        assert (moved.targets["semantic"] == batch.targets["semantic"]).all()
        assert moved.inputs["image"].dtype == torch.uint8
        assert moved.names == batch.names


def test_collate_evaluation_never_pads(items):
    batches = collate_evaluation(items)
    assert [batch.names for batch in batches] == [["toy_0", "toy_2"], ["toy_1"]]
    assert [batch.inputs["image"].shape[2:] for batch in batches] == [(4, 6), (5, 3)]
