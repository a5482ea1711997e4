"""Every shipped pipeline passes `config check` and trains two steps on files in its own format.

Those of word vectors are checked and described, not downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pluxel.core import load_config
from pluxel.core.cli import main
from pluxel.core.config._load_words import load_words
from pluxel.core.config.tree.files import shipped
from pluxel.core.engine.checkpoint import read_tensors
from pluxel.core.engine.preparation import prepare
from pluxel.core.engine.run import Run
from pluxel.core.engine.training.check import check_training
from pluxel.core.engine.training.experiment import Experiment
from pluxel.core.engine.training.train import Trainer
from pluxel.registry import Host, PluxelError

from ..core.engine.importing.networks import make_narrow
from ..plugins.datasets.conftest import make_camvid, make_voc
from ..plugins.datasets.paper import make_nyudv2, make_pascal_context, make_sbd, make_siftflow
from ..plugins.datasets.pictures import photograph, rng, save

SIZE = (80, 96)


def camvid(root: Path) -> list[str]:
    return [f"dataset.root={make_camvid(root, size=SIZE)}"]


def voc(root: Path) -> list[str]:
    return [f"dataset.root={make_voc(root, '2011', size=SIZE)}", "training.epochs=null"]


def voc_and_sbd(root: Path) -> list[str]:
    make_voc(root / "voc", "2011", ("train", "seg11valid"), SIZE)
    folder = make_sbd(root / "sbd") / "benchmark_RELEASE" / "dataset"
    for path in (folder / "img").iterdir():  # one size for image and mask
        Image.open(path).resize((16, 12)).save(path)
    return [f"dataset.voc={root / 'voc'}", f"dataset.sbd={root / 'sbd'}"]


def siftflow(root: Path) -> list[str]:
    return [f"dataset.root={make_siftflow(root, tests=200)}", "splits.val='test[:2]'"]


def context(root: Path) -> list[str]:
    return [f"dataset.root={make_pascal_context(root)}"]


def folder(root: Path) -> list[str]:
    for i in range(12):
        save(root / "photos" / f"{i}.jpg", photograph(*SIZE))
        save(root / "masks" / f"{i}.png", rng.integers(0, 2, SIZE).astype(np.uint8))
    return [f"dataset.images={root / 'photos'}", f"dataset.masks={root / 'masks'}"]


def shapes(root: Path) -> list[str]:
    return ["dataset.length=2"]


def nyudv2(root: Path) -> list[str]:
    return [f"dataset.root={make_nyudv2(root)}", "splits={train: 'trainval[:3]', val: 'test[:2]'}"]


WORDS = ("glove_6b_50d",)
PIPELINES = [name for name in shipped() if name not in WORDS]

FILES: dict[str, Callable[[Path], list[str]]] = {
    "camvid": camvid,
    "voc": voc,
    "voc_heavy": voc_and_sbd,
    "siftflow": siftflow,
    "context": context,
    "nyudv2": nyudv2,
    "folder": folder,
    "shapes": shapes,
}


def data_of(name: str, root: Path) -> list[str]:
    """Write files in the format of a recipe; return overrides with their paths."""
    kind = max((key for key in FILES if name.startswith(key)), key=len)
    overrides = FILES[kind](root)
    return overrides + words(root) if "zero_shot" in name else overrides


def words(root: Path) -> list[str]:
    names = "sky building pole road pavement tree sign fence car pedestrian bicyclist"
    lines = (f"{name} {' '.join(map(str, rng.normal(size=50)))}\n" for name in names.split())
    (root / "glove.txt").write_text("".join(lines))
    return [f"decoder.embedding.file={root / 'glove.txt'}"]


SMALL = (
    "training.steps=2",
    "training.eval_every=2",
    "training.batch_size=1",
    "training.accumulate=1",
    "device=cpu",
    "init_from=null",
)


@pytest.fixture(scope="module")
def host() -> Host:
    return Host()


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_recipe_passes_the_check(name, host, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    notes = check_training(prepare(load_config(name, data_of(name, tmp_path), host=host)))
    # Some recipes start from Caffe's weights or from runs, which do not exist here.
    other = {
        "voc_heavy_fcn32s_alexnet": "bvlc_reference_caffenet.caffemodel: no such file",
        "voc_fcn32s_googlenet": "bvlc_googlenet.caffemodel: no such file",
    }
    for network in ("fcn32s", "fcn16s"):
        name_of_run = "runs/nyudv2_heavy_fcn32s_color_vgg16 is neither"
        other[f"nyudv2_heavy_{network}_color_hha_vgg16"] = name_of_run
    assert [other.get(name, "nothing") in note for note in notes] == [True] * (name in other)


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_recipe_without_data_passes_with_a_note(name, host, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    notes = check_training(prepare(load_config(name, host=host)))
    assert bool(notes) == ("shapes" not in name)


THIRD_PARTY = """
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_backbones():
    return [Component("vgg16", "nowhere:C", "One.")]

@hookimpl
def pluxel_decoders():
    return [Component("fcn8s", "nowhere:C", "One."), Component("fcn32s", "nowhere:C", "One.")]

@hookimpl
def pluxel_losses():
    return [Component("cross_entropy", "nowhere:C", "One.")]

@hookimpl
def pluxel_datasets():
    return [Component("folder", "nowhere:C", "One.")]
"""


@pytest.mark.slow
def test_recipes_work_with_packages_that_reuse_names(site, tmp_path, monkeypatch):
    """Recipes use qualified names, because a bare name of two packages is ambiguous."""
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    site.install("other-seg", THIRD_PARTY)
    host = Host()
    with pytest.raises(PluxelError, match="offered by 2 plugins"):
        host.get("decoder", "fcn8s")
    for name in PIPELINES:
        load_config(name, host=host)
    data_of("folder_fcn8s_resnet18", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["data", "init", "photos", "masks", "--output", "mine.yaml"])
    assert not left.value.code
    check_training(prepare(load_config("mine.yaml", host=host)))


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_recipe_trains_two_steps(name, host, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    config = load_config(name, host=host)
    streams = config.pipeline.streams
    # A phase may have steps of its own, which hide those of the training.
    steps = SMALL[:1]
    if len({phase.pipeline.training.steps for phase in config.phases}) > 1:
        steps = tuple(f"training.phases.{i}.steps=2" for i in range(len(config.phases)))
    random = [
        f"streams.{stream}.backbone.pretrained=false"
        for stream, section in streams.items()
        if "pretrained" in section.backbone.params
    ]
    overrides = [*data_of(name, tmp_path), *steps, *SMALL[1:], *random]
    make_narrow(monkeypatch)  # fc6 and fc7 with momentum would need 2 GB (120 million weights)
    torch.set_num_threads(1)
    run = Run(tmp_path / "run")
    Trainer(Experiment(prepare(load_config(name, overrides, host=host)), run)).train()
    progress = read_tensors(run.state)[1]["progress"]
    assert progress["step"] == 2
    assert progress["earlier"] == 2 * len(config.earlier)
    results = json.loads(run.results_of("val").read_text())
    for head in config.pipeline.heads:
        assert 0 <= results["heads"][head]["overall"]["mean_iou"] <= 1


@pytest.mark.parametrize("name", WORDS)
def test_word_vector_recipes_load(name, host):
    settings = load_words(name, host=host).settings
    assert settings.embedding.component.provider == "pluxel"
    assert settings.embedding.params["download"]


@pytest.mark.parametrize("path", shipped().values(), ids=lambda path: path.stem)
def test_header_lists_command_and_results(path):
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    text = "\n".join(header)
    for word in ("Run:", "Data:", "Expected:", "Was run:"):
        assert word in text, f"{path.name} does not say {word}"
    command = f"--config {path.stem}" if path.stem in WORDS else f"pluxel train {path.stem}"
    assert command in text
