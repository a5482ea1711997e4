"""Images in which the ground truth hides the foreground or the background."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pluxel.core import Sample, load_config
from pluxel.core.config.sections.factory import Factory
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.contracts.kinds import Dataset
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.contracts.normalization import Normalization
from pluxel.core.data.samples import EvaluationData
from pluxel.core.data.splits import open_split
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.plugins.datasets.masked import Masked
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter

from .conftest import make_voc

TOYS = Path(__file__).parents[2] / "core" / "engine" / "toys.py"
MEAN = [124, 116, 104]


class Street:
    """One image of 2×4 pixels with a row of four labels: sky, road, car, ignored."""

    labels = {
        "semantic": LabelMap({0: "sky", 1: "road", 2: "car", 9: "ignore"}),
        "parts": LabelMap({0: "left", 1: "right"}),
    }
    channels = {"image": 3, "depth": 1, "hha": 3}
    inputs = {"depth": InputSpec(kind="depth"), "hha": InputSpec(kind="hha")}

    def __init__(self, dtype: str = "uint8", image: np.ndarray | None = None) -> None:
        self.image = np.arange(24).reshape(2, 4, 3).astype(dtype) if image is None else image

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        rows = np.array([[0, 1, 2, 9]] * 2)
        inputs = {
            "image": self.image,
            "depth": np.full((2, 4), 2000, np.uint16),
            "hha": np.full((2, 4, 3), 7, np.uint8),
        }
        return Sample("one", inputs, {"semantic": rows, "parts": rows % 2})


class Made:
    """A factory of `Street`, as far as `Masked` uses it."""

    def __init__(self, dataset: Dataset | None = None) -> None:
        self.dataset = dataset or Street()

    def __call__(self, *, split: str) -> Dataset:
        return self.dataset

    def given(self, params) -> Made:
        return self


def columns(array: np.ndarray) -> list[int]:
    """Return the label of each column, after checking that both rows have the same."""
    assert (array[0] == array[1]).all()
    return array[1].tolist()


def seen(keep: str, name: str = "image", dataset: Dataset | None = None, **parameters) -> list:
    """Return the second row of an input, after checking that both rows hide the same columns."""
    parameters = {"background": ("sky", "road")} | parameters
    dataset = dataset or Street()
    masked = Masked("train", dataset=Made(dataset), keep=keep, **parameters)
    found = masked[0].inputs[name]
    visible = (found == dataset[0].inputs[name].reshape(found.shape)).all(-1)
    assert (visible[0] == visible[1]).all()
    return found[1].tolist()


SKY, ROAD, CAR, IGNORED = [12, 13, 14], [15, 16, 17], [18, 19, 20], [21, 22, 23]
WHITE = [255, 255, 255]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("foreground", [MEAN, MEAN, CAR, MEAN]),
        ("background", [SKY, ROAD, MEAN, MEAN]),
        ("shape", [MEAN, MEAN, WHITE, MEAN]),
    ],
)
def test_only_a_part_is_visible(keep, expected) -> None:
    assert seen(keep) == expected


def test_the_background_is_any_set_of_classes() -> None:
    assert seen("background", background=("sky",)) == [SKY, MEAN, MEAN, MEAN]
    assert seen("foreground", background=("sky",)) == [MEAN, ROAD, CAR, MEAN]
    parts = {"target": "parts", "background": ("left",)}
    assert seen("background", **parts) == [SKY, MEAN, CAR, MEAN]


@pytest.mark.parametrize(("fill", "color"), [((0,), [0, 0, 0]), ((1, 2, 250.6), [1, 2, 251])])
def test_hidden_pixels_have_the_color_of_fill(fill, color) -> None:
    assert seen("foreground", fill=fill) == [color, color, CAR, color]
    assert seen("shape", fill=fill) == [color, color, WHITE, color]


def test_colors_follow_the_type_of_the_pixels() -> None:
    found = seen("shape", dataset=Street("uint16"), fill=(51, 0, 255))
    assert found == [[13107, 0, 65535]] * 2 + [[65535] * 3, [13107, 0, 65535]]
    image = np.full((2, 4, 3), 0.75, np.float32)
    mean = seen("foreground", dataset=Street(image=image))
    assert mean[2] == [0.75] * 3
    assert mean[0] == pytest.approx([0.485, 0.456, 0.406])


def test_a_mean_of_the_input_takes_precedence() -> None:
    street = Street()
    own = InputSpec(normalization=Normalization(mean=(10, 20, 30), range=255))
    street.inputs = Street.inputs | {"image": own}
    assert seen("foreground", dataset=street)[0] == [10, 20, 30]


def test_other_numbers_of_channels_have_the_mean_of_the_means() -> None:
    street = Street(image=np.full((2, 4), 3, np.uint8))
    street.channels = {"image": 1}
    assert seen("background", dataset=street) == [[3], [3], [115 - 1], [115 - 1]]


def test_inputs_that_are_not_colors_are_hidden_too() -> None:
    """0 is depth without data; HHA has the mean of NYUDv2."""
    assert seen("foreground", "depth", fill=(1,)) == [[0], [0], [2000], [0]]
    mean = [132, 94, 118]
    assert seen("background", "hha", fill=(1,)) == [[7] * 3, [7] * 3, mean, mean]
    assert seen("shape", "hha") == [mean] * 4


def test_labels_stay() -> None:
    sample = Masked("train", dataset=Made(), keep="shape", background=("sky",))[0]
    assert {name: columns(one) for name, one in sample.labels.items()} == {
        "semantic": [0, 1, 2, 9],
        "parts": [0, 1, 0, 1],
    }


def test_pixels_without_data_stay_ignored() -> None:
    holes = np.zeros((2, 4, 3), bool)
    holes[:, :3:2] = True
    street = Street(image=np.ma.MaskedArray(Street().image, holes))
    masked = Masked("train", dataset=Made(street), keep="foreground", background=("sky",))
    spaces = {"semantic": LabelSpace(street.labels["semantic"])}
    item = EvaluationData(masked, spaces, inputs=["image"])[0]
    assert columns(item.targets["semantic"]) == [255, 1, 255, 255]


def test_the_mask_is_read_once(monkeypatch) -> None:
    masked = Masked("train", dataset=Made(), keep="shape", background=("sky",))
    encoded = []
    raw_labels = "pluxel.plugins.datasets.masked.raw_labels"
    monkeypatch.setattr(
        raw_labels, lambda _, sample, name: encoded.append(1) or sample.labels[name]
    )
    sample = masked[0]
    assert not encoded
    sample.inputs["image"], sample.inputs["hha"], sample.labels["semantic"]
    assert len(encoded) == 1


def test_masks_of_another_size_raise() -> None:
    street = Street(image=np.zeros((3, 5, 3), np.uint8))
    with pytest.raises(PluxelError, match=re.escape("one: is 2×4, but its image is 3×5 (height ×")):
        seen("shape", dataset=street)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"background": ("ski",)}, "background: unknown class 'ski'. Did you mean 'sky'?"),
        ({"background": ("zzzz",)}, "unknown class 'zzzz'. Classes: sky, road, car."),
        ({"background": ("car", "sky", "road")}, "background: lists every class, so nothing is fo"),
        ({"target": "part"}, "target: unknown label map 'part'. Did you mean 'parts'?"),
        ({"fill": (1, 2)}, "fill: has 2 values, but input 'image' has 3 channels: give one value"),
    ],
)
def test_mistakes_raise(parameters, message) -> None:
    with pytest.raises(PluxelError, match=re.escape(message)):
        seen("shape", **parameters)


def test_an_ambiguous_label_map_raises() -> None:
    street = Street()
    street.labels = {"one": Street.labels["semantic"], "other": Street.labels["parts"]}
    with pytest.raises(PluxelError, match="target: the dataset has several label maps: one, other"):
        seen("shape", dataset=street)


def test_void_borders_of_voc_are_hidden(tmp_path) -> None:
    section = {"type": "masked", "keep": "foreground"}
    section["dataset"] = {"type": "voc", "root": str(make_voc(tmp_path))}
    factory = TypeAdapter(Factory[Dataset]).validate_python(section, context={"host": Host()})
    masked, plain = open_split(factory, "train[1:]"), open_split(factory.params["dataset"], "train")
    found, whole = masked[0].inputs["image"], plain[1].inputs["image"]
    ids = plain[1].labels["semantic"]
    assert {0, 255} < {*ids.ravel().tolist()}
    assert (found[(ids > 0) & (ids < 255)] == whole[(ids > 0) & (ids < 255)]).all()
    assert (found[(ids == 0) | (ids == 255)] == MEAN).all()


def test_a_run_is_evaluated_on_masked_images(tmp_path) -> None:
    text = (
        "backbone: toy\ndecoder: fcn32s\nloss: cross_entropy\ndataset: squares\ndevice: cpu\n"
        "training: {steps: 2, eval_every: 2}\n"
    )
    (tmp_path / "toy.yaml").write_text(text)
    host = Host(files=[TOYS])
    run = Run(tmp_path / "run")
    experiment = Experiment(prepare(load_config(tmp_path / "toy.yaml", (), host=host)), run)
    Trainer(experiment).train()
    plain = json.loads(run.results_of("val").read_text())

    def results(keep: str) -> dict:
        section = {"type": "masked", "dataset": "squares", "keep": keep, "background": ["ground"]}
        trained = open_trained(run.directory, [f"dataset={json.dumps(section)}"], host=host)
        found, written = evaluate_run(trained, "val", output=tmp_path / f"{keep}.json")
        assert written == tmp_path / f"{keep}.json"
        return found["heads"]["semantic"] | {"loss": found["loss"]}

    found = [results(keep) for keep in ("foreground", "background", "shape")]
    pixels = plain["heads"]["semantic"]["pixels"]
    assert [one["pixels"] for one in found] == [pixels] * 3
    assert len({plain["loss"], *(one["loss"] for one in found)}) == 4
