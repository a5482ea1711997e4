"""Albums of whole splits: which samples, their pictures, rarity, and what is wrong with them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import load_config
from pluxel.core.config.tree.problems import ConfigError, Problem
from pluxel.core.engine.browsing import survey
from pluxel.core.engine.browsing.album import Album, AlbumSample, album_page
from pluxel.core.engine.browsing.browse import browse
from pluxel.core.engine.preparation import PreparedData, prepare_data
from pluxel.registry import Host, PluxelError

SCENES = """\
backbone: {type: toy}
decoder: {type: fcn32s}
loss: {type: cross_entropy}
dataset:
  type: folder
  root: .
  images: photos
  masks: masks
  classes: {0: ground, 1: road, 2: "<script>天空</script>", 9: ignore}
splits: {train: "all[:6]", val: "all[6:]"}
device: cpu
training: {steps: 1, pictures: 0}
"""
SIZE = (40, 60)


def noise(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def mask(*ids: int) -> np.ndarray:
    """Return a mask with an equal share of each id."""
    return np.repeat(np.array(ids, np.uint8), SIZE[0] * SIZE[1] // len(ids)).reshape(SIZE)


def write(name: str, image: np.ndarray, ids: np.ndarray) -> None:
    for kind, array in (("photos", image), ("masks", ids)):
        Path(kind).mkdir(exist_ok=True)
        Image.fromarray(array).save(f"{kind}/{name}.png")


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write ten samples, 0 to 9, and work in their folder."""
    monkeypatch.chdir(tmp_path)
    for number in range(10):
        write(str(number), noise(number), mask(0, 1, 2, 9) if number == 2 else mask(0, 1))
    return tmp_path


@pytest.fixture
def prepared(scenes: Path, host: Host):
    def prepared(*overrides: str) -> PreparedData:
        (scenes / "scenes.yaml").write_text(SCENES)
        return prepare_data(load_config(scenes / "scenes.yaml", overrides, host=host))

    return prepared


def by_name(album: Album) -> dict[str, AlbumSample]:
    return {one.name: one for one in album.samples}


def kinds(sample: AlbumSample) -> list[str]:
    return [kind for kind, _ in sample.findings]


def test_all_samples_with_pictures_and_counts(prepared) -> None:
    album = browse(prepared(), "train")
    assert [one.name for one in album.samples] == ["0", "1", "2", "3", "4", "5"]
    assert (album.split, album.choice, album.pairs) == ("train", "6 samples", [])
    one = album.samples[2]
    assert (one.size, one.files) == (SIZE, ["photos/2.png", "masks/2.png"])
    assert one.counts == {
        "semantic": {"ground": 600, "road": 600, "<script>天空</script>": 600, "ignore": 600}
    }
    photo, drawn = (
        np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        for content in (one.thumb.photo, one.thumb.masks["semantic"])
    )
    assert photo.shape == drawn.shape == (120, 180, 3)  # three times as large
    assert np.abs(photo[::3, ::3] - noise(2)).mean() < 40
    space = album.spaces["semantic"]
    assert drawn[0, 0].tolist() == space.palette[0].tolist()
    assert drawn[70, 0].tolist() == space.palette[2].tolist()
    assert {*np.unique(drawn[91:]).tolist()} == {205, 120}
    assert album.images["semantic"] == {
        "ground": 6, "road": 6, "<script>天空</script>": 1, "ignore": 1
    }  # fmt: skip


def test_rarity_is_the_sum_of_inverse_frequencies(prepared) -> None:
    write("3", noise(3), mask(1))
    album = browse(prepared(), "train")
    assert [one.rarity for one in album.samples] == pytest.approx(
        [6 / 5 + 1, 6 / 5 + 1, 6 / 5 + 1 + 6, 1, 6 / 5 + 1, 6 / 5 + 1]
    )


def test_the_findings_of_a_check_belong_to_samples(prepared) -> None:
    Path("photos/0.png").write_bytes(b"no image")
    write("1", noise(1), np.full((9, 9), 7, np.uint8))
    Path("photos/7.png").write_bytes(Path("photos/2.png").read_bytes())
    write("8", noise(3)[:, ::-1] // 2, mask(0, 1))
    write("5", noise(4) // 2, mask(0, 1))
    write("alone", noise(99), mask(0))
    Path("photos/alone.png").unlink()
    album = browse(prepared(), "train")
    found = {name: kinds(one) for name, one in by_name(album).items()}
    assert found == {
        "0": ["unreadable"],
        "1": ["size mismatch", "stray id"],
        "2": ["duplicate"],
        "3": ["near duplicate"],
        "4": ["repetition"],
        "5": ["repetition"],
    }
    texts = {name: [text for _, text in one.findings] for name, one in by_name(album).items()}
    assert texts["0"][0].startswith("photos/0.png: ")
    assert texts["1"][1] == "semantic: label id 7 is not in the map"
    assert texts["2"] == ["shows the same as photos/7.png of split val (similarity 1.00)"]
    assert texts["3"] == ["shows the same as photos/8.png of split val (similarity 1.00, mirrored)"]
    assert ("unpaired", "masks/alone.png: has no counterpart") in album.findings
    bad = by_name(album)["0"]
    assert (bad.thumb.photo, bad.size) == (b"", None)
    assert bad.thumb.masks["semantic"]
    assert [(one.kind, one.first.name, one.second.name, one.mirrored) for one in album.pairs] == [
        ("duplicate", "2", "7", False),
        ("near duplicate", "3", "8", True),
        ("repetition", "4", "5", False),
    ]
    assert album.pairs[1].second.split == "val"
    assert album.pairs[1].second.thumb.photo
    assert album_page(album).count("<script") == 3


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_of_many_samples_some_are_chosen(prepared, monkeypatch, workers: int) -> None:
    monkeypatch.setattr(survey, "MOST_FLAWED", 2)
    for number in range(10, 40):
        write(str(number), noise(number), mask(0, 1))
    for number in (13, 15, 17):
        write(str(number), noise(number), mask(7))
    train = prepared("splits={train: all, val: 'all[:+1]'}", f"training.workers={workers}")
    album = browse(train, "train", 12)
    indices = [one.index for one in album.samples]
    assert len(indices) == 12
    assert {0, 39} <= {*indices}
    flawed = [one.index for one in album.samples if "stray id" in kinds(one)]
    assert len(flawed) >= 2
    assert all(one.thumb.photo for one in album.samples)
    assert album.choice == ("12 of 40 samples, 10 of them spread evenly, and 2 more with findings")


def test_samples_that_are_alike_are_among_the_chosen(prepared) -> None:
    for number in range(10, 30):
        write(str(number), noise(number), mask(0, 1))
    for first, second in ((12, 13), (17, 18)):
        write(f"{second}x", noise(first) // 2, mask(0, 1))
    album = browse(prepared("splits={train: all, val: 'all[:+1]'}"), "train", 10)
    assert album.num_pairs == 3  # with the duplicate in val
    shown = {one.index: kinds(one) for one in album.samples}
    assert len(shown) == 10
    assert sum("repetition" in found for found in shown.values()) >= 2
    assert all(one.first.thumb.photo for one in album.pairs)


def test_a_part_is_read_alone(prepared) -> None:
    album = browse(prepared(), "train[1:3]")
    assert [one.name for one in album.samples] == ["1", "2"]
    assert album.notes == [
        "Only train[1:3] was read. Samples that other splits share with it are not listed."
    ]


def test_a_split_whose_files_are_missing_is_left_out(prepared) -> None:
    data = prepared()
    missing = {"all[6:]": ConfigError([Problem(None, "no files")])}
    without = replace(data, missing=missing)
    album = browse(without, "train")
    assert len(album.samples) == 6
    assert album.notes == [
        "The files of split val are missing. Samples that it shares with train are not listed."
    ]
    with pytest.raises(PluxelError, match="no files"):
        browse(without, "val")


def test_an_unknown_split_is_an_error(prepared) -> None:
    with pytest.raises(PluxelError, match=r"scenes.yaml:5:3: photos has no split .vall"):
        browse(prepared(), "vall")


def test_a_split_without_labels_has_photographs(prepared) -> None:
    data = prepared()
    data.datasets["all[:6]"].labels = {}
    album = browse(data, "train")
    assert [(one.thumb.photo != b"", one.thumb.masks, one.counts) for one in album.samples] == [
        (True, {}, {})
    ] * 6
    assert ("no labels", "has no labels 'semantic', so only its images were checked") in (
        album.findings
    )
    assert album.images == {}
    assert "Classes and the images" not in album_page(album)


def test_a_page_of_many_noisy_samples_is_small(prepared, monkeypatch) -> None:
    """The bytes of all pictures have a limit, whatever the images are."""
    monkeypatch.setattr(survey, "PICTURES", 2**20)
    album = browse(prepared(), "train")
    limit = 2**20 // (6 + 2 * survey.MOST_PAIRS)
    sizes = [
        len(t.photo) + sum(map(len, t.masks.values())) for t in (s.thumb for s in album.samples)
    ]
    assert 0 < max(sizes) <= limit


def test_several_inputs_and_heads(make) -> None:
    """The photograph is shown, under the masks of each head."""
    text = """\
streams: {both: {input: [image, depth], backbone: toy}}
dataset: {type: squares, kind: depth}
device: cpu
training: {steps: 1, monitor: null}
heads:
  one: {decoder: fcn32s, loss: cross_entropy, target: semantic}
  two: {decoder: fcn32s, loss: cross_entropy, target: halves}
"""
    album = browse(make(text=text).whole, "val", 3)
    sample = album.samples[0]
    photo = np.asarray(Image.open(io.BytesIO(sample.thumb.photo)))
    assert photo.shape[2] == 3
    assert set(sample.thumb.masks) == set(sample.counts) == {"one", "two"}
    classes = {head: len(found.keys() - {"ignore"}) for head, found in sample.counts.items()}
    assert sample.rarity >= sum(classes.values())
    page = album_page(album)
    assert page.count('<details class="classes"') == 2
    assert '<select name="head">' in page
