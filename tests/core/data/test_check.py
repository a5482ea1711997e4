"""Every kind of dataset problem is found and reported."""

import json
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.check import check_data
from pluxel.core.data.samples import DataError
from pluxel.core.data.splits import open_split


def kinds(report) -> list[tuple[str, str]]:
    return [(finding.kind, finding.message) for finding in report.findings]


def test_good_data_has_no_findings(toy, spaces):
    report = check_data({"train": toy(4), "val": toy(2)}, spaces)
    assert report.problems == report.findings == []
    assert json.loads(json.dumps(report.to_json()))["splits"]["val"]["sizes"] == {"4×6": 2}
    assert report.splits["train"].samples == 4
    assert report.splits["val"].sizes == {"4×6": 2}
    classes = report.splits["train"].classes["semantic"]
    assert {name: (count.pixels, count.images) for name, count in classes.items()} == {
        "ground": (4 * 22, 4),
        "thing": (4, 4),
        "ignore": (4, 4),
    }


def test_reads_each_sample_once_and_reports_progress(toy, spaces):
    dataset, steps = toy(5), []
    check_data({"train": dataset}, spaces, progress=lambda: steps.append(1))
    assert dataset.reads == 10
    assert len(steps) == 5


def test_only_inputs_of_the_model_are_read(toy, spaces):
    dataset = toy(3)
    dataset.channels = {"image": 3, "depth": 1}
    report = check_data({"train": dataset}, spaces, inputs=["image"])
    assert report.findings == []
    assert "missing; the sample has 'image'" in kinds(check_data({"train": dataset}, spaces))[0][1]


def test_finds_unpaired_files(toy, spaces):
    dataset = toy(4)
    dataset.unpaired = [Path("toy/alone.jpg")]
    part = open_split(lambda split: dataset, "train[:2] + train[2:]")
    report = check_data({"train": part, "val": toy(2), "test": part}, spaces)
    assert kinds(report) == [("unpaired", "toy/alone.jpg: has no counterpart")]


def test_finds_unreadable_files(toy, spaces):
    report = check_data({"train": toy(4, bad=(1, 2))}, spaces)
    assert kinds(report) == [
        ("unreadable", f"toy/{i}.jpg: cannot be read: truncated") for i in (1, 2)
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("mask"), "KeyError: 'mask'"),
        (DataError("no annotation"), "no annotation"),
    ],
)
def test_unreadable_samples_do_not_stop_the_check(toy, spaces, error, said):
    class Broken(toy):
        def __getitem__(self, index):
            if index == 1:
                raise error
            return super().__getitem__(index)

    steps = []
    report = check_data({"train": Broken(4)}, spaces, progress=lambda: steps.append(1))
    assert kinds(report) == [("unreadable", f"sample 1 of Broken: {said}")]
    assert report.splits["train"].sizes == {"4×6": 3}
    assert len(steps) == 4


def test_unreadable_fields_do_not_stop_the_check(toy, spaces):
    dataset = toy(3)
    read = dataset._label
    dataset._label = lambda index: read(index) if index != 1 else {}["id"]
    report = check_data({"train": dataset}, spaces)
    assert kinds(report) == [("unreadable", "toy/1.png: KeyError: 'id'")]


def test_finds_samples_that_violate_the_contract(toy, spaces):
    dataset = toy(2)
    dataset._label = lambda index: np.zeros((4, 6, 3), np.uint8)
    found = kinds(check_data({"val": dataset}, spaces))
    assert [message.partition(":")[0] for kind, message in found if kind == "unreadable"] == [
        "toy/0.png",
        "toy/1.png",
    ]


def test_finds_masks_of_another_size(toy, spaces):
    dataset = toy(3)
    dataset._label = lambda index: np.eye(4, 5, dtype=np.uint8)
    report = check_data({"train": dataset}, spaces)
    assert kinds(report)[0] == (
        "size mismatch",
        "toy/0.png: is 4×5, its image is 4×6 (height × width)",
    )


def test_finds_stray_ids_once_for_all_files(toy, spaces):
    dataset = toy(3)
    read = dataset._label
    dataset._label = lambda index: np.where(read(index) == 0, 37 + (index == 2), read(index))
    report = check_data({"train": dataset, "val": dataset}, spaces)
    assert ("stray id", "toy/0.png and 1 more files: label id 37 is not in the label map") in kinds(
        report
    )
    assert ("stray id", "toy/2.png: label id 38 is not in the label map") in kinds(report)
    assert report.stray == {"semantic": ["37", "38"]}
    assert report.to_json()["add_to_labels"] == {"semantic": {"37": "ignore", "38": "ignore"}}


def test_finds_masks_that_are_not_class_masks(toy, spaces):
    dataset = toy(1)
    dataset._label = lambda index: np.arange(100, 124, dtype=np.uint8).reshape(4, 6)
    found = kinds(check_data({"train": dataset}, spaces))
    assert len([kind for kind, _ in found if kind == "stray id"]) == 21
    assert (
        "stray id",
        "semantic: 24 ids are not in the label map; are these class masks?",
    ) in found


@pytest.mark.parametrize(("role", "problem"), [("train", True), ("val", False)])
def test_finds_empty_classes(toy, spaces, role, problem):
    """A class without pixels cannot be learned in train and has no score in val."""
    dataset = toy(2)
    dataset._label = lambda index: np.zeros((4, 6), np.uint8)
    report = check_data({role: dataset}, spaces)
    assert [finding.message for finding in report.findings] == [
        "semantic: class 'thing' occurs in no image"
    ]
    assert bool(report.problems) == problem


def test_finds_images_in_two_splits(toy, spaces, tmp_path):
    class Filed(toy):
        def __init__(self, folder: str, contents: list[bytes]) -> None:
            super().__init__(len(contents))
            self.folder = tmp_path / folder
            self.folder.mkdir()
            for i, content in enumerate(contents):
                (self.folder / f"{i}.jpg").write_bytes(content)

        def __getitem__(self, index):
            sample = super().__getitem__(index)
            sample.paths["image"] = self.folder / f"{index}.jpg"
            return sample

    train, val = Filed("a", [b"one", b"two", b"two"]), Filed("b", [b"three", b"two"])
    report = check_data({"train": train, "val": val}, spaces)
    assert kinds(report) == [
        ("duplicate", f"{tmp_path}/b/1.jpg: is also in split train, as {tmp_path}/a/1.jpg")
    ]


def test_doubtful_labels_are_notes(toy):
    labels = LabelMap({0: "ground", 1: "Ground"}, {"ground": (1, 2, 3), "Ground": (1, 2, 3)})
    report = check_data({"train": toy(2)}, {"semantic": LabelSpace(labels)})
    assert [f.message.partition(";")[0] for f in report.findings[:2]] == [
        "classes 'ground' and 'Ground' differ only in case",
        "classes 'ground' and 'Ground' have one color, #010203, so pictures of predictions do not "
        "tell them apart",
    ]
    assert {f.kind for f in report.findings[:2]} == {"note"}


@pytest.mark.parametrize("part", ["train", "train[:1]", "train + train"])
def test_absent_classes_of_a_published_dataset_are_no_problem(toy, spaces, part):
    """A part of its files may lack classes; the class lists them whatever the files have."""

    class Published(type(toy(1))):
        labels = toy(1).labels

    def make(split: str) -> Published:
        dataset = Published(2)
        dataset._label = lambda index: np.zeros((4, 6), np.uint8)
        return dataset

    report = check_data({"train": open_split(make, part)}, spaces)
    assert [finding.kind for finding in report.findings] == ["note"]
    assert report.problems == []


def test_finds_images_that_show_the_same(toy, spaces):
    """In two splits they are a problem, in one split they are not."""

    class Photos(toy):
        def __init__(self, *images):
            super().__init__(len(images))
            self.images = images

        def _image(self, index):
            return self.images[index]

        def _label(self, index):
            return np.eye(*self.images[index].shape[:2], dtype=np.uint8)

    one, two, three = (
        np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        for seed in range(3)
    )
    splits = {"train": Photos(one, two), "val": Photos(three, one[:, ::-1] // 2, three // 2)}
    report = check_data(splits, spaces)
    assert kinds(report) == [
        (
            "near duplicate",
            "toy/1.jpg: shows the same as toy/0.jpg of split train (similarity 1.00, mirrored)",
        ),
        ("repetition", "toy/2.jpg: shows the same as toy/0.jpg of split val (similarity 1.00)"),
    ]
    assert [one.kind for one in report.problems] == ["near duplicate"]
    assert report.to_json()["alike"][0] == {
        "samples": [{"split": "train", "index": 0}, {"split": "val", "index": 1}],
        "similarity": report.alike[0].similarity,
        "mirrored": True,
    }


def test_frames_of_a_video_are_one_finding(toy, spaces):
    """What the dataset says is alike is counted; a copy in another video is named."""
    frames = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3)) for seed in (0, 0, 0, 1)]
    videos = "aabb"

    class Frames(toy):
        def _image(self, index):
            return frames[index].astype(np.uint8)

        def _label(self, _index):
            return np.eye(64, dtype=np.uint8)

        def group_of(self, index):
            return videos[index]

    dataset = Frames(4)
    report = check_data({"val": dataset}, spaces)
    copy = "toy/2.jpg: shows the same as toy/0.jpg of split val (similarity 1.00)"
    assert ("repetition", copy) in kinds(report)
    assert {one.first.index < 2 <= one.second.index for one in report.alike} == {True}
    videos = "aaab"
    report = check_data({"val": dataset}, spaces)
    text = "3 samples show the same as others of their group, such as one video"
    assert (kinds(report), report.alike) == ([("repetition", text)], [])
    assert check_data({"train": dataset, "val": dataset}, spaces).problems


def test_a_split_without_labels_is_one_finding(toy, spaces):
    dataset = toy(3)
    dataset.labels = {"depth": toy(1).labels["semantic"]}
    report = check_data({"test": dataset}, spaces)
    assert kinds(report) == [
        ("no labels", "has no labels 'semantic', so only its images were checked")
    ]
    assert report.splits["test"].sizes == {"4×6": 3}
    assert report.splits["test"].classes == {}


@pytest.mark.slow
def test_worker_processes_find_the_same(toy, spaces):
    splits = {"train": toy(5, bad=(2,)), "val": toy(3, sizes={1: (5, 5)})}
    reads = splits["train"].reads
    found = check_data(splits, spaces, workers=2)
    assert splits["train"].reads == reads  # in this process
    assert found.to_json() == check_data(splits, spaces).to_json()
    assert kinds(found)[0] == ("unreadable", "toy/2.jpg: cannot be read: truncated")
