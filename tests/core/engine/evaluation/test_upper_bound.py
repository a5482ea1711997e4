"""The ground truth, sampled down and up again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pluxel.core import LabelMap
from pluxel.core.cli import main
from pluxel.core.contracts.labels import LabelSpace
from pluxel.core.engine.evaluation.upper_bound import FACTORS, sampled
from pluxel.plugins.datasets.camvid import CamVid

SPACE = LabelSpace(LabelMap({0: "a", 1: "b", 2: "c"}))


def labels(text: str) -> np.ndarray:
    """Classes by digit; a dot is ignored."""
    rows = [[255 if one == "." else int(one) for one in row] for row in text.split()]
    return np.array(rows, np.int64)


def test_nearest_takes_the_central_pixel_of_each_cell() -> None:
    found = sampled(labels("0001 0101 2222"), 2, SPACE, "nearest")
    # Cells of 2×2: their pixel (1, 1); of the last row, which is cut, the last pixel.
    assert found.tolist() == labels("1111 1111 2222").tolist()


def test_the_most_frequent_class_replaces_an_ignored_center() -> None:
    assert sampled(labels("20 2."), 2, SPACE, "nearest").tolist() == [[2, 2], [2, 2]]
    found = sampled(labels(".. .."), 2, SPACE, "nearest")
    assert found.shape == (2, 2)


def test_bilinear_interpolates_the_shares_of_classes() -> None:
    """Cells of 4 pixels: 3/4 of class 0 at 1.5, and none at 5.5: equal at 1.5 + 4 / 3."""
    row = labels("00011111")
    found = sampled(row.repeat(4, 0), 4, SPACE, "bilinear")
    assert found[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert (found == found[0]).all()
    # The share of class 0 at x is 3/4 − (x − 1.5) · 3/16, so 1/2 at 2.83.
    shifted = sampled(labels("00111111").repeat(4, 0), 4, SPACE, "bilinear")
    assert shifted[0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_ignored_pixels_have_no_share() -> None:
    found = sampled(labels("0...1111 0...1111"), 4, SPACE, "bilinear")
    assert found[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_masks_of_whole_cells_are_kept(interpolation) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 3, (3, 4))
    whole = np.kron(coarse, np.ones((16, 16), np.int64))
    if interpolation == "nearest":
        assert np.array_equal(sampled(whole, 16, SPACE, interpolation), whole)
    assert np.array_equal(sampled(whole, 1, SPACE, interpolation), whole)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for folder in ("val", "valannot"):
        (tmp_path / folder).mkdir()
    for index in range(3):
        coarse = random.integers(0, 12, (6, 7))  # 11 is void
        mask = np.kron(coarse, np.ones((24, 24))).astype(np.uint8)
        Image.fromarray(mask).save(tmp_path / "valannot" / f"{index}.png")
        Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(tmp_path / f"val/{index}.png")
    return tmp_path


def run(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "upper-bound", "camvid_fcn8s_vgg16", *map(str, arguments)])
    assert not ended.value.code
    return capsys.readouterr().out


def test_a_split_without_labels_is_refused(camvid: Path, capsys) -> None:
    for path in (camvid / "valannot").iterdir():
        Image.fromarray(np.full((144, 168), 11, np.uint8)).save(path)  # void
    given = (f"dataset.root={camvid}", "splits={val: val}")
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "upper-bound", "camvid_fcn8s_vgg16", *given])
    assert ended.value.code == 2
    assert "no pixel of val is labeled for head 'semantic'" in capsys.readouterr().err


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_the_command_prints_the_bounds(camvid: Path, capsys, interpolation: str) -> None:
    given = (f"dataset.root={camvid}", "splits={val: val}", "--interpolation", interpolation)
    lines = run(capsys, *given).splitlines()
    assert lines[0] == f"ground truth of val, down and up again ({interpolation}), in percent"
    assert lines[1].split() == ["factor", "pixel", "mean", "IoU", "f.w.", "IoU"]
    assert [int(line.split()[0]) for line in lines[2:]] == [*FACTORS]
    found = json.loads(run(capsys, *given, "--json"))
    assert found["interpolation"] == interpolation
    scores = [one["mean_iou"] for one in found["heads"]["semantic"].values()]
    assert scores == sorted(scores)
    assert f"{100 * scores[-1]:.1f}" == lines[-1].split()[3]
    if interpolation == "nearest":
        assert scores[-2:] == [1, 1]  # cells of 24 pixels


@pytest.fixture
def damaged(camvid: Path) -> Path:
    (camvid / "valannot" / "1.png").write_bytes(b"no image")
    return camvid


def refusal(capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["benchmark", "upper-bound", "camvid_fcn8s_vgg16", *map(str, arguments)])
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_samples_that_cannot_be_used(damaged: Path, capsys, caplog) -> None:
    """They stop the command, or are skipped, as in training."""
    given = (f"dataset.root={damaged}", "splits={val: val}")
    assert f"{damaged}/valannot/1.png: " in refusal(capsys, *given)
    found = json.loads(run(capsys, *given, "training.on_bad_sample=skip", "--json"))
    assert [m for m in caplog.messages if m.startswith(f"skipped: {damaged}/valannot/1.png: ")]
    others = "splits={val: 'val[:1] + val[2:]'}"
    assert found["heads"] == json.loads(run(capsys, given[0], others, "--json"))["heads"]


def test_a_dataset_that_fails_is_named(camvid: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(CamVid, "__getitem__", lambda _, index: {}[index])
    given = (f"dataset.root={camvid}", "splits={val: val}")
    assert "sample 0 of CamVid: KeyError: 0" in refusal(capsys, *given)
