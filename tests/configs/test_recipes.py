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

WIDTH, HEIGHT = 96, 80


def photograph(path: Path, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(path)


def mask(path: Path, random: np.random.Generator, ids: list[int], *, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = random.choice(ids, (HEIGHT // 8, WIDTH // 8)).astype(np.uint8)
    image = Image.fromarray(np.kron(small, np.ones((8, 8), np.uint8)))
    if palette:
        image.putpalette(random.integers(0, 256, 768, np.uint8).tolist())
    image.save(path)


def camvid(root: Path, random: np.random.Generator) -> list[str]:
    for split in ("train", "val"):
        for i in range(3):
            photograph(root / split / f"{i}.png", random)
            mask(root / f"{split}annot" / f"{i}.png", random, list(range(12)))
    return [f"dataset.root={root}"]


def voc(root: Path, random: np.random.Generator) -> list[str]:
    year = root / "VOC2011"
    for split in ("train", "val"):
        names = [f"2007_{split}_{i}" for i in range(2)]
        for name in names:
            photograph(year / "JPEGImages" / f"{name}.jpg", random)
            mask(year / "SegmentationClass" / f"{name}.png", random, [0, 1, 20, 255], palette=True)
        listing = year / "ImageSets" / "Segmentation" / f"{split}.txt"
        listing.parent.mkdir(parents=True, exist_ok=True)
        listing.write_text("\n".join(names) + "\n")
    return [f"dataset.root={root}", "training.epochs=null"]


def folder(root: Path, random: np.random.Generator) -> list[str]:
    for i in range(12):
        photograph(root / "photos" / f"{i}.jpg", random)
        mask(root / "masks" / f"{i}.png", random, [0, 1])
    return [f"dataset.images={root / 'photos'}", f"dataset.masks={root / 'masks'}"]


def shapes(root: Path, random: np.random.Generator) -> list[str]:
    return ["dataset.length=2"]


WORDS = ("glove_6b_50d",)
PIPELINES = [name for name in shipped() if name not in WORDS]

FILES: dict[str, Callable[[Path, np.random.Generator], list[str]]] = {
    "camvid": camvid,
    "voc": voc,
    "folder": folder,
    "shapes": shapes,
}


def data_of(name: str, root: Path) -> list[str]:
    """Write files in the format of a recipe; return overrides with their paths."""
    random = np.random.default_rng(0)
    overrides = FILES[name.split("_", maxsplit=1)[0]](root, random)
    return overrides + words(root, random) if "zero_shot" in name else overrides


def words(root: Path, random: np.random.Generator) -> list[str]:
    names = "sky building pole road pavement tree sign fence car pedestrian bicyclist"
    lines = (f"{name} {' '.join(map(str, random.normal(size=50)))}\n" for name in names.split())
    (root / "glove.txt").write_text("".join(lines))
    return [f"decoder.embedding.file={root / 'glove.txt'}"]


SMALL = (
    "training.steps=2",
    "training.eval_every=2",
    "training.batch_size=1",
    "training.accumulate=1",
    "backbone.pretrained=false",
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
    # The finer networks for VOC start from a run of the coarser one, which does not exist.
    later = name in {"voc_fcn16s_vgg16", "voc_fcn8s_vgg16"}
    assert ["is neither a weights file nor a run" in note for note in notes] == [True] * later


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
        check_training(prepare(load_config(name, data_of(name, tmp_path / name), host=host)))
    monkeypatch.chdir(tmp_path / "folder_fcn8s_resnet18")
    with pytest.raises(SystemExit) as left:
        main(["data", "init", "photos", "masks", "--output", "mine.yaml"])
    assert not left.value.code
    check_training(prepare(load_config("mine.yaml", host=host)))


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_recipe_trains_two_steps(name, host, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    overrides = [*data_of(name, tmp_path), *SMALL]
    if "vgg16" in name:
        # fc6 and fc7 with momentum need 2 GB (120 million weights); test them in one recipe only.
        overrides += [] if name == "voc_fcn32s_vgg16" else ["backbone.fc=false"]
    torch.set_num_threads(1)
    run = Run(tmp_path / "run")
    Trainer(Experiment(prepare(load_config(name, overrides, host=host)), run)).train()
    assert read_tensors(run.state)[1]["progress"]["step"] == 2
    results = json.loads(run.results_of("val").read_text())
    assert 0 <= results["heads"]["semantic"]["overall"]["mean_iou"] <= 1


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
