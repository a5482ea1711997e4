"""Order of samples, and handling of bad samples."""

import logging
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.kinds import Sample
from pluxel.core.contracts.labels import LabelError, LabelMap, LabelSpace
from pluxel.core.data.check import check_data
from pluxel.core.data.images import ImageError
from pluxel.core.data.samples import DataError, EvaluationData, TrainingData
from pluxel.core.data.splits import open_split
from pluxel.registry import PluxelError


class TestSampling:
    def test_shuffle_reads_each_sample_once_per_epoch(self, toy, spaces):
        data = TrainingData(toy(), spaces)
        epochs = [[data.index(n) for n in range(e * 10, e * 10 + 10)] for e in range(3)]
        assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) == 3

    def test_shuffle_depends_on_the_seed(self, toy, spaces):
        orders = {
            tuple(TrainingData(toy(), spaces, seed=seed).index(n) for n in range(10))
            for seed in (0, 0, 1)
        }
        assert len(orders) == 2

    def test_uniform_draws_with_replacement(self, toy, spaces):
        data = TrainingData(toy(), spaces, sampling="uniform")
        drawn = Counter(data.index(n) for n in range(2000))
        assert set(drawn) == set(range(10))
        assert all(140 < count < 260 for count in drawn.values())  # 200 ± 4.5 standard deviations
        assert len({data.index(n) for n in range(10)}) < 10

    def test_an_endless_dataset_is_read_in_order(self, toy, spaces):
        endless = toy(10**9)
        endless.endless = True
        data = TrainingData(endless, spaces)
        assert [data.index(n) for n in (0, 10**8)] == [0, 10**8]

    def test_order_does_not_depend_on_earlier_reads(self, toy, spaces):
        data = TrainingData(toy(), spaces)
        later = data.index(95)
        assert TrainingData(toy(), spaces).index(95) == later

    def test_evaluation_is_in_order(self, toy, spaces):
        data = EvaluationData(toy(), spaces)
        assert [data[i].name for i in range(3)] == ["toy_0", "toy_1", "toy_2"]
        assert len(data) == 10

    @pytest.mark.parametrize("kind", [TrainingData, EvaluationData])
    def test_an_empty_split_raises(self, toy, spaces, kind):
        with pytest.raises(DataError, match="the split is empty"):
            kind(toy(0), spaces)


class TestItems:
    def test_targets_are_class_indices(self, toy, spaces):
        item = EvaluationData(toy(), spaces)[3]
        assert item.inputs["image"].shape == (4, 6, 3)
        assert item.targets["semantic"][0, 0] == 1
        assert item.targets["semantic"][-1, -1] == 255
        assert item.paths["image"].name == "3.jpg"

    def test_only_requested_inputs_are_read(self, toy, spaces):
        dataset = toy()
        EvaluationData(dataset, {}, inputs=["image"])[0]
        assert dataset.reads == 1

    def test_two_targets_may_share_a_label_map(self, toy, spaces):
        coarse = LabelSpace(LabelMap({0: "all", 1: "all", 9: "ignore"}))
        both = {"fine": spaces["semantic"], "coarse": coarse}
        sources = {"fine": "semantic", "coarse": "semantic"}
        item = EvaluationData(toy(), both, sources=sources)[0]
        assert item.targets["fine"][0, 0] == 1
        assert item.targets["coarse"][0, 0] == 0

    def test_augmentation_depends_on_seed_and_number(self, toy, spaces):
        flips = ["HorizontalFlip", "VerticalFlip"]
        first = TrainingData(toy(), spaces, flips, seed=1)
        again = TrainingData(toy(), spaces, flips, seed=1)
        for n in range(8):
            first[n]
        assert first[30].targets["semantic"].tolist() == again[30].targets["semantic"].tolist()
        assert len({first[n].targets["semantic"].tobytes() for n in range(30)}) == 4

    def test_grayscale_gets_a_channel_axis(self, toy, spaces):
        dataset = toy()
        dataset.channels = {"image": 1}
        dataset._image = lambda index: np.zeros((4, 6), np.uint8)
        assert EvaluationData(dataset, spaces)[0].inputs["image"].shape == (4, 6, 1)


class TestBadSamples:
    def test_stop(self, toy, spaces):
        data = EvaluationData(toy(bad=(3,)), spaces)
        with pytest.raises(ImageError, match=r"toy/3.jpg: cannot be read"):
            data[3]

    def test_skip_uses_the_next_sample(self, toy, spaces, caplog):
        caplog.set_level(logging.WARNING, "pluxel")
        data = TrainingData(toy(bad=(3, 4)), spaces, on_bad_sample="skip")
        place = next(n for n in range(10) if data.index(n) == 3)
        assert data[place].name == "toy_5"
        assert data[place].name == "toy_5"
        assert [record.getMessage() for record in caplog.records] == [
            "skipped: toy/3.jpg: cannot be read: truncated",
            "skipped: toy/4.jpg: cannot be read: truncated",
        ]

    def test_skip_wraps_to_the_first_sample(self, toy, spaces):
        data = TrainingData(toy(bad=(9,)), spaces, on_bad_sample="skip")
        assert data[next(n for n in range(10) if data.index(n) == 9)].name == "toy_0"

    def test_without_a_good_sample_raises(self, toy, spaces):
        data = TrainingData(toy(3, bad=(0, 1, 2)), spaces, on_bad_sample="skip")
        with pytest.raises(
            DataError, match=r"3 consecutive samples cannot be used; the last error: toy"
        ):
            data[0]

    def test_a_size_mismatch_names_both_files(self, toy, spaces):
        dataset = toy()
        dataset._label = lambda index: np.zeros((6, 4), np.uint8)
        with pytest.raises(DataError) as caught:
            EvaluationData(dataset, spaces)[2]
        assert str(caught.value) == (
            "toy/2.png: is 6×4, but its image toy/2.jpg is 4×6 (height × width)"
        )

    def test_a_stray_id_names_the_mask(self, toy, spaces):
        dataset = toy()
        dataset._label = lambda index: np.full((4, 6), 5, np.uint8)
        with pytest.raises(LabelError, match=r"^toy/2.png: label id 5 is not in the label map"):
            EvaluationData(dataset, spaces)[2]

    @pytest.mark.parametrize("split", ["train", "train[2:]", "train + train[:1]"])
    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            (
                "image",
                np.zeros((4, 6, 3), np.int64),
                "toy/2.jpg: input 'image' of Toy: has type int64; expected uint8, uint16 or "
                "floating point in 0–1",
            ),
            (
                "image",
                np.zeros((4, 6, 4), np.uint8),
                "toy/2.jpg: input 'image' of Toy: has shape (4, 6, 4); expected (height, width, 3)",
            ),
            (
                "image",
                [[0]],
                "toy/2.jpg: input 'image' of Toy: a list; expected a NumPy array",
            ),
            (
                "label",
                np.zeros((4, 6, 3), np.uint8),
                "toy/2.png: labels 'semantic' of Toy: uint8 of shape (4, 6, 3); expected "
                "integers of shape (height, width)",
            ),
            (
                "label",
                np.zeros((4, 6)),
                "toy/2.png: labels 'semantic' of Toy: float64 of shape (4, 6); expected integers "
                "of shape (height, width)",
            ),
        ],
    )
    def test_contract_violations_are_reported(self, toy, spaces, split, field, value, message):
        dataset = toy()
        setattr(dataset, f"_{field}", lambda index: value)
        data = EvaluationData(open_split(lambda split: dataset, split), spaces)
        with pytest.raises(PluxelError) as caught:
            data[0 if "[2" in split else 2]
        assert str(caught.value) == message

    def test_missing_fields_are_reported(self, toy, spaces):
        dataset = toy()
        dataset.channels = {"image": 3, "depth": 1}
        with pytest.raises(
            DataError, match=r"^toy_2: input 'depth' of Toy: missing; the sample has 'im"
        ):
            EvaluationData(dataset, spaces)[2]
        both = {"semantic": spaces["semantic"], "layout": spaces["semantic"]}
        with pytest.raises(
            DataError, match=r"^toy_2: labels 'layout' of Toy: missing; the sample has 's"
        ):
            EvaluationData(toy(), both)[2]

    def test_other_return_types_are_reported(self, toy, spaces):
        class Pairs(toy):
            def __getitem__(self, index):
                return np.zeros((4, 6, 3)), np.zeros((4, 6))

        message = "sample 2 of Pairs is a tuple: a dataset must return Sample(name, inputs, "
        with pytest.raises(DataError, match=re.escape(message)):
            EvaluationData(Pairs(), spaces)[2]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": 2}, "its name must be a string, but is an int"),
            ({"name": None}, "its name must be a string, but is a NoneType"),
            ({"inputs": []}, "its inputs must be a mapping from names to arrays, but is a list"),
            ({"labels": ()}, "its labels must be a mapping from names to arrays, but is a tuple"),
            ({"paths": None}, "its paths must be a mapping from names to paths, but is a NoneType"),
            (
                {"paths": {"image": "a.jpg"}},
                "its paths['image'] must be a pathlib.Path, but is a str",
            ),
        ],
    )
    def test_fields_of_other_types_are_reported(self, toy, spaces, changes, message):
        class Odd(toy):
            def __getitem__(self, index):
                return replace(super().__getitem__(index), **changes)

        with pytest.raises(DataError) as caught:
            EvaluationData(Odd(), spaces)[2]
        assert str(caught.value) == f"sample 2 of Odd: {message}"
        findings = check_data({"train": Odd(1)}, spaces).findings
        assert f"sample 0 of Odd: {message}" in [one.message for one in findings]

    @pytest.mark.parametrize(("low", "high"), [(0, 200), (-0.5, 1), (0, 1.25)])
    def test_floats_outside_of_their_range_are_reported(self, toy, spaces, low, high):
        dataset, image = toy(1), np.full((4, 6, 3), low, np.float64)
        image[1, 2], image[0, 0] = high, np.nan
        dataset._image = lambda index: image
        message = (
            f"toy/0.jpg: input 'image' of Toy: has values from {low:g} to {high:g}, but float32 "
            "images must be in 0 to 1. Declare the value that stands for 1 in the dataset"
        )
        for data in (EvaluationData(dataset, spaces), TrainingData(dataset, spaces)):
            with pytest.raises(ImageError) as caught:
                data[0]
            assert str(caught.value).startswith(message)
        findings = check_data({"train": dataset}, spaces).findings
        assert any(one.message.startswith(message) for one in findings)

    def test_a_scale_permits_floats_of_any_range(self, toy, spaces):
        dataset = toy()
        dataset._image = lambda index: np.full((4, 6, 3), 2, np.float32)
        dataset.inputs = {"image": InputSpec(scale=100)}
        assert EvaluationData(dataset, spaces)[0].inputs["image"].max() == 2

    def test_augmentation_errors_name_the_file(self, toy, spaces):
        data = TrainingData(toy(), spaces, [{"RandomCrop": {"height": 9, "width": 9}}])
        n = next(n for n in range(10) if data.index(n) == 2)
        with pytest.raises(DataError, match=r"^toy/2.jpg: augmentation failed on an image of 4×6"):
            data[n]

    def test_errors_without_files_name_the_sample(self, spaces):
        class Drawn:
            labels, channels = {}, {"image": 3}

            def __len__(self):
                return 1

            def __getitem__(self, index):
                image, labels = np.zeros((4, 6, 3), np.uint8), np.zeros((3, 6), np.uint8)
                return Sample("drawn_0", {"image": image}, {"semantic": labels})

        with pytest.raises(
            DataError, match=r"drawn_0: is 3×6, but its image is 4×6 .height × width"
        ):
            EvaluationData(Drawn(), spaces)[0]
