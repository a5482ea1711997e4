"""What evaluations keep for reports: objects by size, reliability, predictions of some images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pluxel.core import Run
from pluxel.core.contracts.segmented import SegmentedBatch, calibration_error
from pluxel.core.engine.evaluation import examples as examples_module
from pluxel.core.engine.evaluation import objects
from pluxel.core.engine.evaluation.examples import SIDE, Examples
from pluxel.core.engine.evaluation.image_statistics import ImageStatistics
from pluxel.core.engine.evaluation.objects import FALSE_ALARM, LABELED, RIGHT, pixels_by_size
from pluxel.core.engine.evaluation.ranking import EXTREMES, PER_CLASS
from scipy import ndimage
from torch import tensor

IGNORED = 255
CLASSES = st.sampled_from([0, 1, 2, IGNORED])


def plain_pixels_by_size(prediction: np.ndarray, target: np.ndarray, limits: list[int]):
    """Label objects over the whole image with SciPy, and count pixel by pixel."""
    found = np.zeros((3, len(limits) + 1, 3), np.int64)
    for index in range(3):
        for classes in (target, prediction):
            mask = (classes == index) & (target != IGNORED)
            parts, count = ndimage.label(mask, np.ones((3, 3)))
            for part in range(1, count + 1):
                area = (parts == part).sum()
                size = sum(area >= limit for limit in limits)
                right = ((parts == part) & (prediction == target)).sum()
                if classes is target:
                    found[index, size, LABELED] += area
                    found[index, size, RIGHT] += right
                else:
                    found[index, size, FALSE_ALARM] += area - right
    return found


@given(
    arrays(np.uint8, (9, 11), elements=st.integers(0, 2)),
    arrays(np.uint8, (9, 11), elements=CLASSES),
)
def test_objects_equal_those_of_scipy(prediction: np.ndarray, target: np.ndarray) -> None:
    limits = [3, 12]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "_LIMITS", limits)
        found = pixels_by_size(prediction, target, 3, IGNORED)
    np.testing.assert_array_equal(found, plain_pixels_by_size(prediction, target, limits))
    right, labeled = found[..., RIGHT].sum(1), found[..., LABELED].sum(1)
    union = labeled + found[..., FALSE_ALARM].sum(1)
    for index in range(3):  # over all sizes, the IoU of the class
        counted = target != IGNORED
        both = (prediction == index) & (target == index)
        either = ((prediction == index) | (target == index)) & counted
        assert (right[index], union[index]) == (both.sum(), either.sum())


def test_sizes_are_those_of_coco() -> None:
    target = np.zeros((200, 300), np.uint8)
    target[:31, :33] = 1  # 1023 pixels
    target[40:72, :32] = 1  # 1024
    target[100:196, 100:196] = 1  # 9216
    found = pixels_by_size(target, target, 2, IGNORED)
    assert found[1, :, LABELED].tolist() == [1023, 1024, 9216]
    assert found[1, :, RIGHT].tolist() == [1023, 1024, 9216]
    assert not found[..., FALSE_ALARM].any()


@given(st.integers(1, 7), st.data())
def test_reliability_counts_each_labeled_pixel_in_its_bin(bins: int, data: st.DataObject) -> None:
    confidence = data.draw(arrays(np.float32, (2, 4, 5), elements=st.floats(0, 1, width=32)))
    target = data.draw(arrays(np.int64, (2, 4, 5), elements=CLASSES))
    prediction = np.zeros_like(target)
    batch = SegmentedBatch(
        tensor(prediction),
        tensor(target),
        3,
        IGNORED,
        probabilities=lambda: pytest.fail("needs no probabilities"),
        confidence=lambda: tensor(confidence),
    )
    found = batch.reliability(bins).numpy()
    for image in range(2):
        for number in range(bins):
            upper = confidence[image] <= np.float64((number + 1) / bins)
            lower = confidence[image] > np.float64(number / bins) if number else True
            inside = upper & lower & (target[image] != IGNORED)
            if number == bins - 1:
                inside = lower & (target[image] != IGNORED)
            right = inside & (target[image] == 0)
            np.testing.assert_allclose(
                found[image, number],
                [inside.sum(), right.sum(), confidence[image][inside].sum(dtype=np.float64)],
            )


def test_the_calibration_error_is_the_mean_distance_of_a_pixel() -> None:
    sums = tensor([[[10, 4, 6.0], [0, 0, 0], [30, 30, 27]], [[0, 0, 0.0]] * 3])
    assert calibration_error(sums).tolist() == pytest.approx([5 / 40, np.nan], nan_ok=True)


def lowest(values: dict[int, float], count: int, scene: int) -> set[int]:
    """Return the images with the lowest values, one of each ``scene`` neighbors."""
    found: list[int] = []
    for index in sorted(values, key=lambda index: (values[index], index)):
        if all(index // scene != other // scene for other in found):
            found.append(index)
    return {*found[:count]}


@given(st.integers(1, 150), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_examples_are_the_extremes_whatever_the_processes(
    count: int, processes: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    labeled = random.integers(0, 50, (count, 3)) * random.integers(0, 2, (count, 3))
    right = random.integers(0, labeled + 1)
    predicted = right + random.integers(0, 9, (count, 3))
    counts = np.stack([right, labeled, predicted], -1)
    pool = [*range(0, count, 5)]
    parts = [Examples(3, count, pool) for _ in range(processes)]
    for index in range(count):
        classes = np.full((1, 1), index % 3, np.uint8)
        parts[index % processes].add(index, counts[index], classes)
    kept = Examples.merged(parts)
    union = labeled + predicted - right
    scored = [index for index in range(count) if labeled[index].any()]
    iou = right / np.maximum(union, 1)
    means = {index: iou[index][union[index] > 0].mean() for index in scored}
    scene = max(1, min(round(1.5 * count ** (1 / 3)), count // 16))
    best = {index: -mean for index, mean in means.items()}
    wanted = lowest(means, EXTREMES, scene) | lowest(best, EXTREMES, scene)
    for one in range(3):
        wrong = {index: right[index, one] - union[index, one] for index in scored}
        failed = {index: value for index, value in wrong.items() if value}
        wanted |= lowest(failed, PER_CLASS, scene)
    middle = np.median([*means.values()]) if means else 0
    near = sorted({*pool} & {*scored} | wanted, key=lambda i: (abs(means[i] - middle), i))
    assert {*kept} == wanted | {*near[:EXTREMES]}
    for index, png in kept.items():
        assert np.asarray(Image.open(io.BytesIO(png))).tolist() == [[index % 3]]


def test_few_predictions_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples_module, "thumbnail_of", lambda classes: b"")
    found = Examples(4, 5000, range(0, 5000, 100))
    random = np.random.default_rng(0)
    for index in range(5000):
        labeled = random.integers(1, 50, 4)
        counts = np.stack([random.integers(0, labeled + 1), labeled, labeled], -1)
        found.add(index, counts, np.zeros((1, 1), np.uint8))
        assert len(found._kept) <= 50 + 2 * EXTREMES + 4 * PER_CLASS


@pytest.mark.parametrize(("size", "kept"), [((3, 4), (3, 4)), ((960, 1280), (360, SIDE))])
def test_predictions_are_kept_small(size: tuple[int, int], kept: tuple[int, int]) -> None:
    classes = np.full(size, 300, np.int64)
    classes[: size[0] // 2] = 7
    image = np.asarray(Image.open(io.BytesIO(examples_module.thumbnail_of(classes))))
    assert image.shape == kept
    assert np.unique(image).tolist() == [7, 300]


@pytest.mark.slow
def test_a_training_keeps_details_unless_it_should_not(train) -> None:
    run: Run = train("training.steps=2", "training.eval_every=1")
    kept = ImageStatistics.read(run.statistics_of("val"))
    head = kept.heads["semantic"]
    labeled = head.rows["counts"].dense(slice(None))[..., 1]
    by_size = head.rows["objects"].dense(slice(None))
    np.testing.assert_array_equal(by_size[..., LABELED].sum(2), labeled)
    np.testing.assert_array_equal(
        by_size[..., RIGHT].sum(2), head.rows["counts"].dense(slice(None))[..., 0]
    )
    reliability = head.rows["reliability"].dense(slice(None))
    np.testing.assert_array_equal(reliability[..., 0].sum(1), labeled.sum(1))
    assert 4 <= len(head.examples) <= len(kept.names) == 10
    for png in head.examples.values():
        assert np.asarray(Image.open(io.BytesIO(png))).max() < len(head.class_names)
    plain: Run = train("training.steps=2", "evaluation.details=false", name="plain")
    head = ImageStatistics.read(plain.statistics_of("val")).heads["semantic"]
    assert ([*head.rows], head.examples) == (["counts"], {})
