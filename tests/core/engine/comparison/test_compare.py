"""What a comparison finds, what it refuses, and what it says about a common part."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pluxel.core.engine.comparison import compare as compare_module
from pluxel.core.engine.comparison.compare import compare
from pluxel.core.engine.comparison.differences import SEEDS, Comparison
from pluxel.core.engine.comparison.table import comparison_table
from pluxel.core.engine.evaluation.bootstrap import ONE_GROUP
from pluxel.registry import Host, PluxelError

from .conftest import CLASSES, CONFIG, counts, head

Evaluated = Callable[..., Path]


def compared(host: Host, *runs: Path, **options: object) -> Comparison:
    return compare(runs, host=host, samples=300, **options)  # pyright: ignore[reportArgumentType]


def test_a_better_run_is_found_better(evaluated: Evaluated, host: Host) -> None:
    one = evaluated("a", head(counts(60)))
    two = evaluated("b", head(counts(60, 0.8, seed=5)), config=CONFIG.replace("0.1", "0.2"))
    found = compared(host, one, two)
    assert found.configuration == {"training.optimizer.lr": [0.1, 0.2]}
    semantic = found.heads[0]["semantic"]
    mean = semantic.overall["mean_iou"]
    assert mean.values[1] - mean.values[0] == pytest.approx(mean.difference.value)
    assert mean.difference.low is not None
    assert 0 < mean.difference.low < mean.difference.value
    assert (mean.better, semantic.per_class["car"]["iou"].better) == (1, 1)
    again = compared(host, one, two, seed=1).heads[0]["semantic"].overall["mean_iou"]
    assert again.difference != mean.difference
    assert again.difference.low == pytest.approx(mean.difference.low, abs=0.01)
    reverse = compared(host, two, one).heads[0]["semantic"].overall["mean_iou"]
    assert (reverse.better, reverse.difference.value) == (0, -mean.difference.value)


def test_a_run_equals_itself(evaluated: Evaluated, host: Host) -> None:
    one, two = (evaluated(name, head(counts(30))) for name in "ab")
    found = compared(host, one, two)
    mean = found.heads[0]["semantic"].overall["mean_iou"]
    assert (mean.difference.value, mean.difference.low, mean.difference.high) == (0, 0, 0)
    assert mean.better == 0.5
    assert found.heads[0]["semantic"].images == []
    lines = comparison_table(found).splitlines()
    assert "the configurations are equal" in lines
    assert "all scores of B equal those of A" in lines


def test_images_that_differ_most_come_first(evaluated: Evaluated, host: Host) -> None:
    good, bad = counts(30), counts(30)
    bad[[6, 7], :, 0] = 0  # neighbors show one scene
    bad[19, 0, 0] //= 2
    one, two = evaluated("a", head(good)), evaluated("b", head(bad))
    images = compared(host, one, two).heads[0]["semantic"].images
    assert [each.name for each in images][1:] == ["0019"]
    assert images[0].name in ("0006", "0007")
    assert images[0].values[1] == 0
    assert len(compared(host, one, two, images=1).heads[0]["semantic"].images) == 1


def test_metrics_with_statistics_of_their_own(evaluated: Evaluated, host: Host) -> None:
    def run(name: str, error: float, bins: int = 2) -> Path:
        values = np.zeros((20, 2, 3))
        values[:, 1] = 100, 60, 60 + 100 * error
        metrics = {
            "dice": "pluxel/dice",
            "calibration": {"type": "pluxel/calibration", "bins": bins},
        }
        return evaluated(name, head(counts(20), metrics=metrics, calibration=values))

    one, two, other = run("a", 0.3), run("b", 0.2), run("c", 0.2, bins=3)
    found = compared(host, one, two)
    overall = found.heads[0]["semantic"].overall
    error = overall["calibration_error"]
    assert error.values == pytest.approx((0.3, 0.2))
    assert error.better == 1  # lower errors are better
    assert overall["dice"].difference.value == 0
    assert "dice" in found.heads[0]["semantic"].per_class["car"]
    assert found.notes == []
    found = compared(host, one, other)
    assert "calibration_error" not in found.heads[0]["semantic"].overall
    assert found.notes == [
        f"metrics of {a} that {b} lacks, or has with other parameters: calibration"
        for a, b in ((one, other), (other, one))
    ]


def test_classes_that_never_occur_are_undefined(evaluated: Evaluated, host: Host) -> None:
    values = counts(30)
    values[:, 1] = 0
    one, two = (evaluated(name, head(values)) for name in "ab")
    found = compared(host, one, two)
    road = found.heads[0]["semantic"].per_class["road"]["iou"]
    assert math.isnan(road.values[0])
    assert road.better is None
    expected = {"values": [None, None], "difference": None, "interval": [None, None]}
    shown = json.loads(json.dumps(found.to_json(), allow_nan=False))["comparisons"][0]
    row = shown["heads"]["semantic"]["per_class"]["road"]["iou"]
    assert row == expected | {"probability_better": None}
    assert "road                         –      –" in comparison_table(found)


def test_one_image_has_no_interval(evaluated: Evaluated, host: Host) -> None:
    one, two = evaluated("a", head(counts(1))), evaluated("b", head(counts(1, 0.9)))
    found = compared(host, one, two)
    assert found.heads[0]["semantic"].overall["mean_iou"].difference.low is None
    assert found.notes == [
        "there is only one image, so no interval says how sure the differences are"
    ]


def test_other_images_are_refused(evaluated: Evaluated, host: Host) -> None:
    one = evaluated("a", head(counts(12)))
    two = evaluated("b", head(counts(10)))
    with pytest.raises(PluxelError) as caught:
        compared(host, one, two)
    problem = f"the images differ: only {one} has '0010', '0011'"
    assert str(caught.value).startswith(f"these runs cannot be compared: {problem}\n")
    assert caught.value.notes == ("--common compares what they have in common",)
    found = compared(host, one, two, allow_partial=True)
    assert (found.images, found.notes) == (10, [f"{problem}: left out"])


def test_images_are_paired_by_name(evaluated: Evaluated, host: Host) -> None:
    values = counts(12)
    one = evaluated("a", head(values))
    backwards = [f"{index:04}" for index in range(12)][::-1]
    two = evaluated("b", head(values[::-1]), names=backwards)
    found = compared(host, one, two).heads[0]["semantic"]
    assert found.images == []
    assert found.overall["mean_iou"].difference.high == 0


def test_other_ground_truth_is_refused(evaluated: Evaluated, host: Host) -> None:
    values = counts(12)
    values[3, 0, 1] += 1
    one, two = evaluated("a", head(counts(12))), evaluated("b", head(values))
    with pytest.raises(PluxelError, match="the ground truth of '0003' differs between the runs"):
        compared(host, one, two)
    assert compared(host, one, two, allow_partial=True).images == 11


def test_other_classes_are_refused(evaluated: Evaluated, host: Host) -> None:
    one = evaluated("a", head(counts(12)))
    order = [2, 0]
    two = evaluated("b", head(counts(12)[:, order], class_names=("car", "sky")))
    with pytest.raises(PluxelError, match="the classes of head 'semantic' differ: only .* 'road'"):
        compared(host, one, two)
    found = compared(host, one, two, allow_partial=True).heads[0]["semantic"]
    assert [*found.per_class] == ["sky", "car"]
    assert found.per_class["car"]["iou"].difference.value == 0
    assert [*found.overall] == ["mean_accuracy", "mean_iou"]
    three = evaluated("c", head(counts(12)[:, order], class_names=("x", "y")))
    for allow_partial in (True, False):
        with pytest.raises(PluxelError, match="no class in common, so there is nothing") as caught:
            compared(host, one, three, allow_partial=allow_partial)
        assert "--common" not in str(caught.value)
        assert "the classes of head 'semantic' differ: only " in str(caught.value)


def test_other_heads_are_refused(evaluated: Evaluated, host: Host) -> None:
    one = evaluated("a", head(counts(12)), head(counts(12)))
    two = evaluated("b", head(counts(12)))
    with pytest.raises(PluxelError, match="the heads differ: only .*a has 'other'"):
        compared(host, one, two)
    assert [*compared(host, one, two, allow_partial=True).heads[0]] == ["semantic"]


def test_runs_that_cannot_be_read(evaluated: Evaluated, host: Host, tmp_path: Path) -> None:
    one, two = (evaluated(name, head(counts(12))) for name in "ab")

    def message() -> str:
        with pytest.raises(PluxelError) as caught:
            compared(host, one, two)
        return caught.value.message

    again = f"pluxel evaluate {two} --split val"
    (two / "statistics.npz").rename(two / "kept")
    assert message() == (f"statistics.npz, the counts of each image, is missing in {two}: {again}")
    (two / "statistics.npz").write_bytes(b"")
    assert message() == f"{two / 'statistics.npz'} is damaged: {again}"
    (two / "kept").replace(two / "statistics.npz")
    (two / "results.json").write_text('{"step": 11')
    assert message() == f"{two / 'results.json'} is damaged: it is not JSON: {again}"
    (two / "results.json").write_text('{"step": 11}')
    assert message() == (
        f"{two / 'statistics.npz'} and results.json are of different evaluations: {again}"
    )
    (two / "results.json").unlink()
    assert message() == f"{two} has no results on 'val' yet: {again}"
    (two / "config.yaml").unlink()
    assert message() == f"{two} is not a run: it has no config.yaml"


def test_weights_are_not_needed(evaluated: Evaluated, host: Host) -> None:
    one, two = (evaluated(name, head(counts(12))) for name in "ab")
    (one / "weights.safetensors").unlink()
    assert compared(host, one, two).images == 12


def test_a_run_that_is_training_is_said(evaluated: Evaluated, host: Host) -> None:
    one, two = (evaluated(name, head(counts(12))) for name in "ab")
    (two / "training.lock").touch()
    found = compared(host, one, two)
    assert found.notes == [f"{two} may still be training: its results are of step 10"]


def test_the_table(evaluated: Evaluated, host: Host) -> None:
    one = evaluated("a", head(counts(60)), groups=["x"] * 60)  # such as one video
    others = [
        evaluated(name, head(counts(60, 0.8, seed)), config=CONFIG.replace("10", "20"), step=20)
        for seed, name in enumerate("bc")
    ]
    lines = comparison_table(compared(host, one, *others)).splitlines()
    assert lines[:3] == [
        f"A  {one}, step 10",
        *(f"{n}  {o}, step 20" for n, o in zip("BC", others, strict=True)),
    ]
    assert lines[3].startswith("60 images of val; 95 % intervals from 300 resamples of ")
    assert lines[3].endswith(
        "runs of up to 6 images with neighboring names, within 1 group of the dataset"
    )
    assert lines[4:6] == [f"note: {ONE_GROUP}", f"note: {SEEDS}"]
    assert lines[7:9] == [
        "configuration           A   B   C",
        "training.steps          10  20  20",
    ]
    heads = [line for line in lines if line.startswith("score ")]
    assert [line.split() for line in heads] == [
        ["score", "A", letter, "difference", "95", "%", "interval", f"P({letter}", "better)"]
        for letter in "BC"
    ]
    assert next(line for line in lines if line.startswith("mean IoU")).endswith("> 0.999")
    assert sum(line.startswith(CLASSES) for line in lines) == 6
    assert "scores in percent, differences and intervals in percentage points" in lines
    assert not any("equal" in line for line in lines)


def test_long_names_are_shortened_to_the_terminal(evaluated: Evaluated, host: Host) -> None:
    names = [f"{'traffic ' * 20}{end}" for end in ("sign", "light", "cone")]
    configs = [CONFIG + f"{'deeper_' * 20}key: {'value' * 9}{end}\n" for end in "ab"]
    one, two = (
        evaluated(
            name, head(counts(30), names), names=[f"{'x' * 90}{n}" for n in range(30)], config=c
        )
        for name, c in zip("ab", configs, strict=True)
    )
    found = compared(host, one, two)
    assert any(len(line) > 200 for line in comparison_table(found).splitlines())
    for width in (80, 120):
        lines = comparison_table(found, width).splitlines()[5:]
        assert max(map(len, lines)) <= width
        classes = {line.split("  ")[0] for line in lines if line.startswith("traffic")}
        assert {name[-4:] for name in classes} == {"sign", "ight", "cone"}
        _, first, second = next(line for line in lines if line.startswith("deeper_")).split()
        assert (first[-1], second[-1]) == ("a", "b")
    assert max(map(len, comparison_table(found, 20).splitlines()[5:])) == 72


def test_memory_does_not_grow_with_the_images(evaluated: Evaluated, host: Host) -> None:
    """150 classes, of which each image has six."""
    random = np.random.default_rng(0)
    values = np.zeros((6000, 150, 3), np.int64)
    for row in values:
        row[random.integers(0, 150, 6)] = np.sort(random.integers(0, 90_000, (6, 3)))
    names = [f"class{number}" for number in range(150)]
    peaks = []
    for count in (1500, 6000):
        runs = [evaluated(f"{name}{count}", head(values[:count], names)) for name in "ab"]
        tracemalloc.start()
        found = compared(host, *runs)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found.heads[0]["semantic"].per_class) == 150
    assert peaks[1] - peaks[0] < values[1500:].nbytes


def test_keys_with_dots_are_compared(tmp_path: Path) -> None:
    for name, count in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        text = f"dataset: {{colors: {{St. Pole: {count}}}}}"
        (tmp_path / name / "config.yaml").write_text(text)
    found = compare_module._configurations([tmp_path / "a", tmp_path / "b"])
    assert found == {"dataset.colors.St. Pole": [1, 2]}
