"""What would stop a training late is found before it starts, or said at the first chance."""

from __future__ import annotations

import logging

import pytest
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.single_values import SingleValue
from pluxel.core.engine.training.train import Trainer


def problems(make, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check_training(make(*overrides).prepared)
    return [f"{problem.message} {' '.join(problem.notes)}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    "transform",
    [
        "{ColorJitter: {p: 0.001}}",
        "{OneOf: {transforms: [NoOp, {HueSaturationValue: {p: 0.1}}]}}",
        "{SomeOf: {n: 1, transforms: [NoOp, {Sequential: {transforms: [RGBShift]}}]}}",
    ],
)
def test_color_transforms_of_other_channels_are_found(make, transform: str) -> None:
    stacked = "streams={image: {input: [image, depth], backbone: toy}}"
    check_training(make(stacked, f"augment.train=[{transform}]").prepared)  # the image has three
    depth = "streams={image: {input: depth, backbone: toy}}"
    bands = "dataset={type: squares, bands: 5, kind: color}"
    found = make(depth, bands, f"augment.train=[HorizontalFlip, {transform}]")
    with pytest.raises(ConfigError, match=r"override 'augment.train=.*20×24 .* with 5 channels"):
        check_training(found.prepared)


def test_all_failing_transforms_are_reported(make) -> None:
    found = problems(
        make,
        "augment.train=[{ToGray: {num_output_channels: 1, p: 0.1}}, "
        "{RandomCrop: {height: 18, width: 18}}, {OneOf: {transforms: [NoOp, {RandomCrop: "
        "{height: 19, width: 9}}]}}]",
    )
    assert found[0] == "ToGray turns 3 channels into 1; the network needs 3 "
    assert found[1].startswith("RandomCrop on an image of 18×18 (height × width) with 3 channels")
    assert len(found) == 2


@pytest.mark.parametrize(
    "transforms",
    [
        "[{OneOf: {transforms: [{RandomCrop: {height: 8, width: 8}}, NoOp]}}, Equalize, CLAHE]",
        "[{SomeOf: {n: 1, transforms: [{RandomCrop: {height: 8, width: 8}}, {RandomCrop: {height: "
        "12, width: 12}}]}}, {ElasticTransform: {p: 0.1}}]",
    ],
)
def test_transforms_that_work_pass(make, transforms: str) -> None:
    assert check_training(make(f"augment.train={transforms}").prepared) == []


NORM = "norm 'streams.image.backbone.norm' sees a single value per channel, of which it cannot "
CROP = "augment.train=[{RandomCrop: {height: 2, width: 2}}]"


def test_norm_of_a_single_value_is_found(make) -> None:
    (found,) = problems(make, CROP, "training.batch_size=1")
    assert found == (
        f"{NORM}compute the variance: its input is [1, 6, 1, 1] set training.batch_size to 2 or "
        "more, use larger images or crops, freeze the norm with training.groups, or set norm: "
        "group where a component has this option"
    )


@pytest.mark.parametrize(
    "remedy",
    [
        "training.batch_size=2",
        "augment.train=[{RandomCrop: {height: 3, width: 2}}]",
        "training.groups=[{match: norm, frozen: true}]",
    ],
)
def test_each_remedy_of_a_single_value_works(make, remedy: str) -> None:
    chosen = {"training.batch_size": "1", "augment.train": CROP.partition("=")[2]}
    key, _, value = remedy.partition("=")
    overrides = [f"{key}={value}" for key, value in {**chosen, key: value}.items()]
    check_training(make(*overrides).prepared)
    Trainer(make(*overrides, "training.steps=1")).train()


def test_single_value_in_training_names_the_norm(make) -> None:
    with pytest.raises(SingleValue, match=NORM):
        Trainer(make(CROP, "training.batch_size=1")).train()


def test_undefined_monitor_is_said_once_and_stops_early(make, caplog) -> None:
    never = "labels.map={5: never}", "training.monitor=val/iou/never"
    with caplog.at_level(logging.INFO, logger="pluxel"):
        trainer = Trainer(
            make(*never, "training.early_stop={patience: 3}", "training.eval_every=1")
        )
        trainer.train()
    warning = (
        "val/iou/never is undefined, because no image of val has the class 'never'; until it is "
        "defined, the last weights are kept, and early_stop counts no improvement"
    )
    assert caplog.messages.count(warning) == 1
    assert "stopped early: val/iou/never is undefined" in caplog.messages
    assert read_tensors(trainer.run.weights)[1]["step"] == trainer.current.progress.step == 3


def test_assumed_positions_are_said_by_the_check_and_the_training(make, caplog) -> None:
    assumed = "backbone={type: toy, source: assumed}"
    sentence = "the positions of maps of stream 'image' are assumed, not computed: second"
    assert sentence in check_training(make(assumed).prepared)
    assert not any("assumed" in note for note in check_training(make().prepared))
    with caplog.at_level(logging.INFO, logger="pluxel"):
        Trainer(make(assumed))
        assert caplog.messages.count(sentence) == 1
        caplog.clear()
        Trainer(make(name="computed"))
    assert not any("assumed" in message for message in caplog.messages)


def test_doubtful_labels_are_noted_and_logged(make, caplog) -> None:
    experiment = make("labels={map: {0: a, 7: A}, palette: {a: [1, 2, 3], A: [1, 2, 3]}}")
    notes = check_training(experiment.prepared)
    assert [note.partition(";")[0] for note in notes] == [
        "classes 'a' and 'A' differ only in case",
        "classes 'a' and 'A' have one color, #010203, so pictures of predictions do not tell them "
        "apart",
    ]
    Trainer(experiment)
    assert [line for line in caplog.messages if "classes 'a'" in line] == notes
