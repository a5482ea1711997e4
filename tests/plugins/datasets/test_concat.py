"""Concatenated datasets: class mapping, repetition, and the configuration that a run saves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pluxel.core import Pipeline, load_config
from pluxel.core.config.sections.factory import Factory
from pluxel.core.contracts.kinds import Dataset
from pluxel.core.contracts.labels import IGNORE, LabelError, LabelSpace
from pluxel.core.data.check import check_data
from pluxel.core.data.splits import SplitError, open_split
from pluxel.core.engine.evaluation.evaluate_run import evaluate_run
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.trained import open_trained
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host, PluxelError
from pydantic import TypeAdapter, ValidationError

from .conftest import make_camvid, make_folder, make_voc
from .pictures import photograph, save

CORE = Path(__file__).parents[2] / "core"
PLUGINS = [CORE / "street_words.py", CORE / "engine" / "toys.py"]


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(files=PLUGINS)


@pytest.fixture
def make(host):
    """``make(split, **parameters)`` as a configuration makes it."""

    def make(split: str, **parameters) -> Dataset:
        section = json.loads(json.dumps({"type": "concat"} | parameters, default=str))
        factory = TypeAdapter(Factory[Dataset]).validate_python(section, context={"host": host})
        return open_split(factory, split)

    return make


def classes_at(dataset: Dataset, index: int) -> np.ndarray:
    """Return the class names of the pixels of a sample."""
    space = LabelSpace(dataset.labels["semantic"])
    names = np.array([*space.class_names, *[IGNORE] * (256 - space.num_classes)])
    return names[space.encode(dataset[index].labels["semantic"])]


@pytest.fixture
def street(tmp_path):
    """CamVid, and a folder whose ids have other meanings."""
    own = {"type": "folder", "root": tmp_path / "own", "images": "photos", "masks": "masks"}
    own |= {"classes": {0: "Road", 1: "truck", 2: "ignore"}}
    make_folder(tmp_path / "own", count=5)
    cam = {"type": "camvid", "root": make_camvid(tmp_path / "cam")}
    return {"cam": cam, "own": own | {"fractions": {"train": 0.6, "val": 0.4}}}


@pytest.fixture
def both(street):
    return {"datasets": street, "classes_of": "cam", "maps": {"own": {1: "car"}}}


MEANING = {"road": "road", "truck": "car", IGNORE: IGNORE}


def test_samples_are_concatenated_and_mapped(make, both, street, host):
    dataset = make("train", **both)
    parts = {
        name: TypeAdapter(Factory[Dataset])
        .validate_python(json.loads(json.dumps(one, default=str)), context={"host": host})
        .__call__(split="train")
        for name, one in street.items()
    }
    assert len(dataset) == sum(map(len, parts.values()))
    place = 0
    for name, part in parts.items():
        for index in range(len(part)):
            mine, its = dataset[place], part[index]
            assert mine.name == f"{name}/{its.name}"
            assert (mine.inputs["image"] == its.inputs["image"]).all()
            assert mine.paths == its.paths
            theirs = classes_at(part, index)
            if name == "own":
                theirs = np.vectorize(lambda one: MEANING[one.lower()])(theirs)
            assert (classes_at(dataset, place) == theirs).all()
            place += 1


def test_all_datasets_share_classes_colors_and_ids(make, both):
    dataset = make("train", **both)
    space = LabelSpace(dataset.labels["semantic"])
    assert space.class_names[:4] == ("sky", "building", "pole", "road")
    assert space.label_map.ids[3] == "road"
    assert space.palette[3].tolist() == [128, 64, 128]


def test_an_id_for_ignore_is_added(make, street):
    squares = {"type": "shapes", "length": 4, "size": 32}
    dataset = make(
        "val",
        datasets={"drawn": squares, "own": street["own"]},
        classes_of="drawn",
        maps={"own": {0: "square", 1: "ring"}},
    )
    assert dataset.labels["semantic"].ids == {
        **dict(enumerate(["background", "disc", "square", "triangle", "cross", "ring"])),
        255: IGNORE,
    }
    found = {name for i in range(4, len(dataset)) for name in classes_at(dataset, i).ravel()}
    assert found == {"square", "ring", IGNORE}


def test_colors_of_masks_become_ids(make, tmp_path, street):
    mask = np.zeros((12, 16, 3), np.uint8)
    mask[:6] = 255, 0, 0
    save(tmp_path / "rgb" / "photos" / "a.jpg", photograph())
    save(tmp_path / "rgb" / "masks" / "a.png", mask)
    rgb = street["own"] | {"root": tmp_path / "rgb", "fractions": None}
    rgb["classes"] = {"#ff0000": "roof", "#000000": "sky"}
    dataset = make(
        "train",
        datasets={"cam": street["cam"], "rgb": rgb},
        classes_of="cam",
        maps={"rgb": {"#ff0000": "building"}},
        splits={"train": {"rgb": "all"}},
    )
    assert dataset[0].labels["semantic"].tolist() == [[1] * 16] * 6 + [[0] * 16] * 6
    assert dataset.resolved_parameters["maps"] == {"rgb": {"#ff0000": "building", "#000000": "sky"}}


def test_an_unlisted_id_names_the_file_and_the_key(make, both, tmp_path):
    masks = sorted((tmp_path / "own" / "masks").iterdir())
    for mask in masks:
        save(mask, np.full((12, 16), 9, np.uint8))
    dataset = make("train", **both)
    sample = dataset[len(dataset) - 1]
    with pytest.raises(LabelError) as caught:
        sample.labels["semantic"]
    assert str(caught.value).startswith(f"{sample.paths['semantic']}: label id 9 is not in the")
    assert caught.value.notes == ("in a concat, map it under maps: {own: {…}}",)


class TestAlign:
    ALIGN = {"embedding": "street_words"}

    def test_matches_classes_by_meaning(self, make, both, caplog):
        caplog.set_level("INFO", "pluxel")
        words = {"classes_of": "own", "maps": {}, "align": self.ALIGN}
        cam = both["datasets"]["cam"]
        listed = {n: cam["root"] / f"train{n}" for n in ("", "annot")}
        other = both["datasets"]["own"] | {"root": Path(), "fractions": None}
        other |= {"images": listed[""], "masks": listed["annot"]}
        other["classes"] = {0: "sign", 1: "street", 2: "car"} | dict.fromkeys(range(3, 12), IGNORE)
        datasets = {"own": both["datasets"]["own"], "other": other}
        splits = {"train": {"own": "train", "other": "all"}, "val": {"own": "val"}}
        dataset = make("train", datasets=datasets, splits=splits, **words)
        maps = dataset.resolved_parameters["maps"]["other"]
        assert [maps[i] for i in range(4)] == [IGNORE, "Road", "truck", IGNORE]
        assert dataset.resolved_parameters["align"] is None
        assert "classes of dataset 'other': street → Road" in caplog.text
        assert "ignored: sign" in caplog.text
        # A run saves the same parameters for all splits.
        assert (
            make("val", datasets=datasets, splits=splits, **words).resolved_parameters
            == dataset.resolved_parameters
        )

    def test_without_align_an_unmatched_class_raises(self, make, both):
        with pytest.raises(PluxelError) as caught:
            make("train", **both | {"maps": {}})
        assert str(caught.value) == (
            "maps: no class is named like truck of dataset 'own': map them under maps.own to a "
            "class or ignore, or use 'align' to match by meaning\n"
            "  note: pluxel labels align prints a map"
        )

    def test_a_fully_ignored_dataset_raises(self, make, both):
        nothing = {"own": {0: "ignore", 1: "ignore"}}
        with pytest.raises(PluxelError, match="all classes of dataset 'own' are ignored"):
            make("train", **both | {"maps": nothing})


class TestSplits:
    def test_each_dataset_has_its_own_split(self, make, both):
        splits = {"train": {"own": "all[:2] + train", "cam": "trian[:1]"}, "all": {"own": "all"}}
        with pytest.raises(SplitError, match="no split 'trian'.*Did you mean 'train'"):
            make("train", splits=splits, **both)
        splits["train"]["cam"] = "train[:1]"
        names = [sample.name for sample in _samples(make("train", splits=splits, **both))]
        assert names[:2] == ["own/street 00", "own/street 01"]
        assert names[-1] == "cam/0016E5_00000"
        assert {
            n.partition("/")[0] for n in map(_name, _samples(make("all", splits=splits, **both)))
        } == {"own"}

    def test_parts_of_a_concat(self, make, both):
        whole = [sample.name for sample in _samples(make("train", **both))]
        part = make("train[cam/0016E5_00060:]", **both)
        assert [sample.name for sample in _samples(part)] == whole[2:]
        for some in (part, make("train + val", **both)):
            assert some.resolved_parameters["maps"]["own"] == {0: "road", 1: "car", 2: IGNORE}

    def test_an_endless_dataset_needs_an_end(self, make, both):
        drawn = {"type": "shapes", "length": 3, "size": 32}
        ignored = {"drawn": dict.fromkeys(range(1, 6), "ignore") | {0: "sky"}}
        given = both | {"datasets": both["datasets"] | {"drawn": drawn}}
        given["maps"] = both["maps"] | ignored
        with pytest.raises(SplitError, match="an endless split cannot be part of a sum"):
            make("train", **given)
        splits = {"train": {"drawn": "train[:7]", "cam": "train", "own": "train"}}
        assert len(make("train", splits=splits, **given)) == 7 + len(make("train", **both))

    def test_repeat(self, make, both):
        once = [sample.name for sample in _samples(make("train", **both))]
        cam, own = (sum(n.startswith(name) for n in once) for name in ("cam", "own"))
        thrice = make("train", repeat={"train": {"own": 3}}, **both)
        assert [sample.name for sample in _samples(thrice)] == once + once[cam:] * 2
        assert len(make("val", repeat={"train": {"own": 3}}, **both)) == len(make("val", **both))
        splits = {"train": {"cam": "train", "own": "all[:1]"}}
        balanced = make("train", repeat={"train": "balanced"}, splits=splits, **both)
        assert len(balanced) == cam + 4
        assert own < cam


def _samples(dataset: Dataset):
    return [dataset[i] for i in range(len(dataset))]


def _name(sample) -> str:
    return sample.name


CLASSES_OF = "classes_of: unknown dataset 'can'. Did you mean 'cam'?"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes_of": "can"}, CLASSES_OF),
        ({"classes_of": "x"}, "classes_of: unknown dataset 'x'. Available: cam, own."),
        ({"maps": {"won": {}}}, "maps: unknown dataset 'won'. Did you mean 'own'?"),
        ({"maps": {"cam": {0: "ignore"}}}, "maps: 'cam' defines the classes to which the"),
        ({"maps": {"own": {1: "cra"}}}, "no class is called 'cra'. Did you mean 'car'?"),
        ({"splits": {"train": {"cma": "train"}}}, "splits.train: unknown dataset 'cma'. Did"),
        ({"splits": {"train": {"cam": "train"}}}, "splits: no split contains dataset 'own'"),
        (
            {"splits": {"tarin": {"cam": "train", "own": "all"}}},
            "concat has no split 'train'; it has tarin",
        ),
        ({"repeat": {"train": {"cma": 2}}}, "repeat.train: unknown dataset 'cma'. Did you"),
        (
            {"repeat": {"tran": "balanced"}, "splits": {"train": {"cam": "train", "own": "all"}}},
            "repeat: unknown split 'tran'. Did you mean 'train'?",
        ),
        (
            {
                "repeat": {"train": {"own": 2}},
                "splits": {"train": {"cam": "val"}, "v": {"own": "all"}},
            },
            "repeat.train: unknown dataset 'own'. Available: cam.",
        ),
    ],
)
def test_errors(make, both, changes, message):
    with pytest.raises(PluxelError, match=re.escape(message)):
        make("train", **both | changes)


@pytest.mark.parametrize(
    "changes", [{"datasets": {}}, {"repeat": {"train": {"own": 0}}}, {"splits": {"train": {}}}]
)
def test_invalid_parameters_raise(make, both, changes):
    with pytest.raises(ValidationError):
        make("train", **both | changes)


def test_inputs_are_the_shared_ones(make, street):
    deep = {"datasets": {"deep": "squares", "own": street["own"]}, "classes_of": "deep"}
    deep |= {"maps": {"own": {0: "ground", 1: "square"}}}
    dataset = make("train", **deep)
    assert dataset.channels == {"image": 3}
    assert [*dataset[0].inputs] == ["image"]
    gray = deep | {"datasets": {"deep": "squares", "own": street["own"] | {"channels": 1}}}
    with pytest.raises(PluxelError, match="has 3 channels in dataset 'deep' but 1 in 'own'"):
        make("train", **gray)


def test_a_dataset_with_declared_classes_is_not_opened(make, street, tmp_path):
    elsewhere = {"type": "voc", "root": tmp_path / "elsewhere"}
    given = {"datasets": {"voc": elsewhere, "cam": street["cam"]}, "classes_of": "voc"}
    maps = {"cam": dict.fromkeys(range(11), "ignore") | {8: "car"}}
    dataset = make("val", splits={"val": {"cam": "val"}}, maps=maps, **given)
    assert dataset.labels["semantic"].ids[7] == "car"
    assert {name for i in range(2) for name in classes_at(dataset, i).ravel()} == {"car", IGNORE}


def test_unpaired_files_are_listed(make, street, tmp_path):
    save(tmp_path / "cam" / "train" / "alone.png", photograph())
    both = {"datasets": street, "classes_of": "cam", "maps": {"own": {1: "car"}}}
    dataset = make("train", **both)
    report = check_data({"train": dataset}, {"semantic": LabelSpace(dataset.labels["semantic"])})
    assert ["alone.png" in f.message for f in report.findings if f.kind == "unpaired"] == [True]
    assert not report.stray["semantic"]


CONFIG = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
device: cpu
dataset:
  type: concat
  datasets:
    own: {type: folder, images: photos, masks: masks, classes: [road, car, sky]}
    other:
      type: folder
      images: photos
      masks: masks
      classes: [street, heaven, truck]
  classes_of: own
  align: {embedding: street_words}
  splits:
    train: {own: "all[:4]", other: "all[4:8]"}
    val: {own: "all[8:10]", other: "all[10:]"}
training: {steps: 2, batch_size: 2, precision: fp32, eval_every: 2, schedule: {warmup_steps: 0}}
"""


def test_a_trained_run_needs_no_word_vectors(tmp_path, monkeypatch, host):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path)
    (tmp_path / "two.yaml").write_text(CONFIG)
    prepared = prepare(load_config("two.yaml", host=host))
    Trainer(Experiment(prepared, Run(tmp_path / "run"))).train()
    saved = (tmp_path / "run" / "config.yaml").read_text()
    assert "street_words" not in saved
    assert "align: null" in saved
    parameters = load_config(tmp_path / "run" / "config.yaml", host=host).pipeline.dataset.params
    assert parameters["maps"] == {"other": {0: "road", 1: "sky", 2: "car"}}
    # Another machine has neither the word vectors nor their plugin.
    bare = Host(files=[PLUGINS[1]])
    results, _ = evaluate_run(open_trained(tmp_path / "run", host=bare), "val")
    assert [*results["heads"]["semantic"]["per_class"]] == ["road", "car", "sky"]
    pipeline = Pipeline.load(tmp_path / "run", host=bare)
    assert set(np.unique(pipeline(photograph()))) <= {0, 1, 2}
    repeated = prepare(load_config("run/config.yaml", host=bare)).blueprint.label_spaces()
    assert repeated["semantic"].class_names == ("road", "car", "sky")


def test_errors_have_a_location_in_the_file(tmp_path, monkeypatch, host):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path)
    (tmp_path / "two.yaml").write_text(CONFIG.replace("heaven", "heavn"))
    config = load_config("two.yaml", host=host)
    with pytest.raises(PluxelError, match=r"two.yaml:6:3: class 'heavn'.*mean 'heaven'"):
        prepare(config)


def test_nested_concat(make, street, tmp_path):
    inner = {"type": "concat", "datasets": street, "classes_of": "cam", "maps": {"own": {1: "car"}}}
    voc = {"type": "voc", "root": make_voc(tmp_path / "voc")}
    maps = {"voc": dict.fromkeys(range(21), "ignore") | {7: "car"}}
    dataset = make("train", datasets={"both": inner, "voc": voc}, classes_of="both", maps=maps)
    assert dataset[0].name == "both/cam/0016E5_00000"
    assert dataset[len(dataset) - 1].name == "voc/2012_train_000002"
