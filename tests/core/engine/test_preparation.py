"""Count what a whole ``pluxel train`` opens, resolves and builds."""

from __future__ import annotations

from collections import Counter
from functools import wraps
from pathlib import Path

import pytest
import torch
from pluxel.core import load_config
from pluxel.core.cli import main
from pluxel.core.config.sections.factory import Factory
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.data.splits import MissingData
from pluxel.core.engine.preparation import open_role, prepare, prepare_data
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.experiment import Experiment

from .conftest import TOY

TOYS = Path(__file__).with_name("toys.py")
PROJECTED = "decoder={type: semantic_projection, embedding: words, decoder: fcn32s}"
ALIGN = "labels.align={to: [circle, left], embedding: words, threshold: -1, partial: true}"


@pytest.fixture
def config(tmp_path, host):
    def config(*overrides: str):
        (tmp_path / "toy.yaml").write_text(TOY)
        return load_config(tmp_path / "toy.yaml", overrides, host=host)

    return config


@pytest.fixture
def made(monkeypatch) -> Counter[str]:
    """Count created components by their arguments: a split, a device, or nothing."""
    counts: Counter[str] = Counter()
    make = Factory.__call__

    def counted(self: Factory[object], **wiring: object) -> object:
        on = torch.empty(0).device.type
        counts[f"{self.kind} {wiring.get('split', on)}"] += 1
        return make(self, **wiring)

    monkeypatch.setattr(Factory, "__call__", counted)
    return counts


def test_training_opens_data_once_and_allocates_weights_once(tmp_path, monkeypatch, made) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["--plugin", str(TOYS), "train", "toy.yaml", "--run", "run", "--no-report", ALIGN])
    assert not left.value.code
    assert made == {
        "dataset train": 1,
        "dataset val": 1,
        "embedding cpu": 1,
        "backbone meta": 1,
        "backbone cpu": 1,
        "decoder meta": 1,
        "decoder cpu": 1,
        "loss cpu": 2,  # one of them by the check
    }


def test_building_the_trained_model_reads_no_words_again(config, monkeypatch, host) -> None:
    prepared = prepare(config(PROJECTED))
    words = host.load(host.get("embedding", "words"))

    def missing(self: object) -> None:
        raise ValueError("no words here")

    monkeypatch.setattr(words, "__init__", missing)
    assert prepared.config.pipeline.heads["semantic"].decoder.params["dim"] == 3
    experiment = Experiment(prepared, Run(Path("never")))
    assert experiment.model.heads["semantic"].decoders["image"].dim == 3
    assert experiment.config is prepared.config


def test_checked_model_has_no_memory(config) -> None:
    prepared = prepare(config())
    assert {p.device.type for p in prepared.model.parameters()} == {"meta"}
    assert check_training(prepared) == []


@pytest.fixture
def without_splits(host, monkeypatch):
    """Return a function that makes the files of some splits missing."""
    squares = host.load(host.get("dataset", "squares"))
    plain = squares.__init__

    def lose(*names: str) -> None:
        @wraps(plain)
        def init(self, split: str, **parameters) -> None:
            if split in names:
                raise MissingData(f"no files of {split}")
            plain(self, split, **parameters)

        monkeypatch.setattr(squares, "__init__", init)

    return lose


def test_missing_split_raises_only_when_needed(config, without_splits, tmp_path) -> None:
    without_splits("test")
    prepared = prepare(config("splits={train: train, val: val, test: test}"))
    assert check_training(prepared)[0].startswith("missing data: ")
    Experiment(prepared, Run(tmp_path / "run"))  # does not need the split test
    with pytest.raises(ConfigError, match="toy.yaml.*no files of test"):
        prepared.dataset("test")
    without_splits("val")
    with pytest.raises(ConfigError, match="no files of val"):
        Experiment(prepare(config()), Run(tmp_path / "run"))


def test_labels_come_from_the_training_split(config, without_splits) -> None:
    given = config("splits={val: val, train: train}")
    assert [*prepare_data(given).datasets] == ["val", "train"]
    without_splits("train")
    assert prepare_data(given).blueprint.labels["semantic"].ids[7] == "square"
    without_splits("train", "val")
    data = prepare_data(given)
    # Those that the dataset's class declares.
    assert data.blueprint.labels["semantic"].ids == {0: "ground", 7: "square", 9: "ignore"}
    assert [*data.missing] == ["val", "train"]


def test_equal_splits_are_opened_once(config) -> None:
    data = prepare_data(config("splits={train: train, val: train}"))
    assert data.dataset("train") is data.dataset("val")


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("val", "train4 train5 train6 train7 train8 train9"),
        ("val[:2]", "train4 train5"),
        ("val[2:4] + train[:1]", "train6 train7 train0"),
        ("all", "val0 val1 val2 val3"),  # in `splits`, names are those of the dataset
        ("test[:3]", "test0 test1 test2"),
    ],
)
def test_names_in_an_expression_are_roles_first(config, split, expected) -> None:
    given = config("splits={train: 'train[:4]', val: 'train[4:]', all: 'val[:4]'}")
    dataset = open_role(given, split)
    assert [dataset[i].name for i in range(len(dataset))] == expected.split()
