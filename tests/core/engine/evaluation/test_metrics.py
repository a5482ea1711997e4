"""The confusion matrix counts exactly, and the scores match the code of the paper."""

from __future__ import annotations

import json
import math
import re
import socket
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pluxel.core.common import torch_private
from pluxel.core.contracts import confusion as counting
from pluxel.core.contracts import targets
from pluxel.core.contracts.targets import TargetError, check_target, is_readable
from pluxel.core.engine.evaluation.metrics import ConfusionMatrix, SegmentationScores, confusion
from torch import Tensor, distributed, multiprocessing
from torch._subclasses.fake_tensor import FakeTensorMode

TRUTH = [0, 0, 0, 1, 1, 255, 255, 2, 2, 2]
PREDICTION = [0, 0, 1, 1, 3, 0, 2, 2, 2, 0]
INTEGERS = [torch.uint8, torch.int16, torch.int32, torch.int64, torch.uint16]


def scored(prediction: Tensor, truth: Tensor, num_classes: int = 5) -> SegmentationScores:
    matrix = ConfusionMatrix(num_classes, 255)
    matrix.update(prediction, truth)
    return matrix.scores()


def test_worked_example() -> None:
    scores = scored(torch.tensor(PREDICTION), torch.tensor(TRUTH))
    assert scores.pixels == 8
    assert scores.pixel_accuracy == 0.625
    assert scores.mean_accuracy == pytest.approx(11 / 18)
    np.testing.assert_allclose(scores.iou, [1 / 2, 1 / 3, 2 / 3, 0, math.nan])
    np.testing.assert_allclose(scores.accuracy, [2 / 3, 1 / 2, 2 / 3, math.nan, math.nan])
    assert scores.mean_iou == pytest.approx(0.375)
    assert scores.mean_iou_present == pytest.approx(0.5)
    assert scores.frequency_weighted_iou == pytest.approx(0.520833, abs=1e-6)
    assert (scores.absent, scores.false_alarms) == ((3, 4), (3,))


def plainly(prediction: np.ndarray, truth: np.ndarray, classes: int, ignore: int) -> np.ndarray:
    counts = np.zeros((classes, classes), np.int64)
    for true, predicted in zip(truth.ravel(), prediction.ravel(), strict=True):
        if true != ignore:
            counts[true, predicted] += 1
    return counts


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.sampled_from([1, 2, 11, 32, 33, 130, 256, 300]),
    ignore_index=st.sampled_from([255, -1, 65535, 0]),
    shape=st.sampled_from([(1,), (3, 2), (2, 5, 7), (0, 4)]),
    kinds=st.tuples(st.sampled_from(INTEGERS), st.sampled_from(INTEGERS)),
)
def test_counts_match_a_plain_loop(seed, classes, ignore_index, shape, kinds) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, shape)
    truth[random.random(shape) < 0.3] = ignore_index
    prediction = random.integers(0, classes, shape)
    tensors = []
    for values, kind in zip((prediction, truth), kinds, strict=True):
        tensor = torch.from_numpy(values)
        fits = not values.size or (values == tensor.to(kind).to(torch.int64).numpy()).all()
        tensors.append(tensor.to(kind) if fits else tensor)
    counts = confusion(*tensors, classes, ignore_index)
    assert counts.dtype == torch.int64
    np.testing.assert_array_equal(counts, plainly(prediction, truth, classes, ignore_index))


def test_arguments_of_any_layout_stay_unchanged() -> None:
    truth, prediction = torch.randint(5, (6, 8)).short(), torch.randint(5, (6, 8)).short()
    before = truth.clone(), prediction.clone()
    wanted = confusion(prediction, truth, 5, 255)
    assert torch.equal(confusion(prediction.T, truth.T, 5, 255), wanted)
    assert torch.equal(confusion(prediction[:, ::2], truth[:, ::2], 5, 255).sum(), torch.tensor(24))
    assert torch.equal(truth, before[0])
    assert torch.equal(prediction, before[1])


def test_counts_are_exact_beyond_float32() -> None:
    """Float32 histograms saturate at 2²⁴ = 16,777,216 pixels per bin."""
    one = torch.zeros(1, dtype=torch.uint8)
    pixels = 2**24 + 3
    matrix = ConfusionMatrix(2, 255)
    matrix.update(one.expand(pixels), one.expand(pixels))
    assert matrix.counts.tolist() == [[pixels, 0], [0, 0]]
    matrix.counts *= 2**30  # simulate many images
    matrix.update(one + 1, one)
    assert matrix.counts.tolist() == [[pixels * 2**30, 1], [0, 0]]
    assert matrix.scores().pixels == pixels * 2**30 + 1


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
@pytest.mark.parametrize(
    ("truth", "prediction", "text"),
    [
        (
            [0, 5, 5],
            [0, 0, 0],
            "label 5 is neither a class (0–4) nor the ignore index 255: 2 pixels",
        ),
        ([0, 254, 7], [0, 0, 0], "labels 7, 254 are neither a class (0–4) nor the ignore index"),
        ([0, 1, 2], [0, 9, 0], "predicted class 9 is not a class (0–4): 1 pixel"),
        ([0, 1, 255], [0, 255, 5], "predicted class 255 is not a class (0–4): 1 pixel"),
        (list(range(5, 25)), [0] * 20, "labels 5, 6, 7, 8, 9, 10, 11, 12 … are neither"),
    ],
)
def test_error_names_values_out_of_range(kind, truth, prediction, text: str) -> None:
    with pytest.raises(TargetError, match=re.escape(text)):
        confusion(torch.tensor(prediction, dtype=kind), torch.tensor(truth, dtype=kind), 5, 255)


@pytest.mark.parametrize("stray", [-1, -65536, 256, 65536 + 3, 2**40, -(2**63)])
def test_values_out_of_range_do_not_wrap_around(stray: int) -> None:
    good, bad = torch.zeros(3, dtype=torch.int64), torch.tensor([0, stray, 0])
    with pytest.raises(TargetError, match=f"label {stray} is"):
        confusion(good, bad, 5, 255)
    with pytest.raises(TargetError, match=f"predicted class {stray} is"):
        confusion(bad, good, 5, 255)
    assert confusion(bad, torch.full_like(bad, 255), 5, 255).sum() == 0


def test_predictions_on_ignored_pixels_do_not_count() -> None:
    truth = torch.tensor([0, 255, 1])
    for anything in (0, 4, 5, 255, -1):
        prediction = torch.tensor([0, anything, 1])
        assert confusion(prediction, truth, 5, 255).trace() == 2


@pytest.mark.parametrize(
    ("prediction", "truth", "text"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 3).long(), "prediction must contain class indices, not"),
        (torch.zeros(2, 3).long(), torch.zeros(2, 3), "target must contain class indices, not"),
        (torch.zeros(1, 6).long(), torch.zeros(2, 3).long(), "must have the same shape"),
    ],
)
def test_values_that_are_not_class_indices_raise(prediction, truth, text: str) -> None:
    with pytest.raises(TargetError, match=text):
        confusion(prediction, truth, 5, 255)


def test_merged_counts_equal_those_of_the_whole_set() -> None:
    truth, prediction = torch.randint(5, (3, 6, 8)), torch.randint(5, (3, 6, 8))
    whole = ConfusionMatrix(5, 255)
    for one_prediction, one_truth in zip(prediction, truth, strict=True):
        image = ConfusionMatrix(5, 255)
        image.update(one_prediction, one_truth)
        whole.merge(image)
    assert torch.equal(whole.counts, confusion(prediction, truth, 5, 255))


def test_batch_sizes_may_vary() -> None:
    matrix, wanted = ConfusionMatrix(11, 255), torch.zeros(11, 11, dtype=torch.int64)
    for size in (7, 5, 9, 14, 30, 1, 0, 8):
        prediction, truth = torch.randint(11, (2, size))
        matrix.update(prediction, truth)
        wanted += confusion(prediction, truth, 11, 255)
    assert torch.equal(matrix.counts, wanted)


def test_no_labeled_pixels_give_nan_scores() -> None:
    scores = scored(torch.zeros(4).long(), torch.full((4,), 255))
    assert scores.pixels == 0
    assert all(map(math.isnan, scores.overall().values()))
    assert scores.to_json("abcde")["overall"]["mean_iou"] is None
    assert scores.absent == (0, 1, 2, 3, 4)


def test_names() -> None:
    names = ["sky", "road", "car", "pole", "tree"]
    scores = scored(torch.tensor(PREDICTION), torch.tensor(TRUTH))
    flat = scores.scalars(names)
    assert list(flat)[:5] == [
        "pixel_accuracy",
        "mean_accuracy",
        "mean_iou",
        "mean_iou_present",
        "frequency_weighted_iou",
    ]
    assert flat["iou/car"] == pytest.approx(2 / 3)
    assert math.isnan(flat["accuracy/pole"])
    assert len(flat) == 5 + 2 * 5


def test_json_has_no_nan() -> None:
    names = ["sky", "road", "car", "pole", "tree"]
    scores = scored(torch.tensor(PREDICTION), torch.tensor(TRUTH))
    whole = json.loads(json.dumps(scores.to_json(names), allow_nan=False))
    assert whole["per_class"]["tree"] == {"iou": None, "accuracy": None}
    assert whole["absent"] == ["pole", "tree"]
    assert whole["false_alarms"] == ["pole"]
    image = json.loads(json.dumps(scores.image_json(names), allow_nan=False))
    assert list(image["iou"]) == ["sky", "road", "car", "pole"]
    assert (image["pixels"], image["mean_iou"]) == (8, pytest.approx(0.375))


def test_scores_of_downsampled_truth_match_the_paper() -> None:
    """Section 5 bounds coarse predictions by the truth itself, downsampled and upsampled.

    Smaller factors score higher, and factor 1 is perfect; images of discs must give this order.
    """
    y, x = np.mgrid[:256, :256]
    truth = np.zeros((256, 256), np.int64)
    for label, (row, column, radius) in enumerate([(70, 60, 50), (180, 90, 33), (120, 200, 21)], 1):
        truth[(y - row) ** 2 + (x - column) ** 2 < radius**2] = label
    found = []
    for factor in (64, 32, 16, 8, 4, 1):
        coarse = truth[factor // 2 :: factor, factor // 2 :: factor]
        again = coarse.repeat(factor, 0).repeat(factor, 1)
        found.append(scored(torch.from_numpy(again), torch.from_numpy(truth), 4).mean_iou)
    assert found == sorted(found)
    assert found[0] < 0.7 < 0.9 < found[-2] < found[-1] == 1


def test_counting_works_with_fake_tensors(fake_gpu: str) -> None:
    for device in (fake_gpu, "cpu"):
        with FakeTensorMode():
            matrix = ConfusionMatrix(5, 255, device)
            matrix.update(
                torch.randint(5, (2, 6, 8), device=device),
                torch.randint(5, (2, 6, 8), device=device),
            )
            assert (matrix.counts.shape, matrix.counts.device.type) == ((5, 5), device)


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("kind", INTEGERS)
def test_each_image_is_counted_separately(readable, kind, monkeypatch) -> None:
    """On a device, without reading values, in one count."""
    monkeypatch.setattr(counting, "is_readable", lambda _: readable)
    random = torch.Generator().manual_seed(0)
    prediction = torch.randint(5, (3, 6, 8), generator=random)
    truth = torch.randint(5, (3, 6, 8), generator=random).masked_fill(prediction == 1, 255)
    alone = [confusion(*pair, 5, 255) for pair in zip(prediction, truth, strict=True)]
    counted, bincount = [], torch.bincount
    monkeypatch.setattr(torch, "bincount", lambda *a, **k: counted.append(1) or bincount(*a, **k))
    matrix = ConfusionMatrix(5, 255)
    assert torch.equal(matrix.update_each(prediction.to(kind), truth.to(kind)), torch.stack(alone))
    assert torch.equal(matrix.counts, sum(alone))
    assert len(counted) == (3 if readable else 1)


def test_empty_batch_counts_zero() -> None:
    assert ConfusionMatrix(5, 255).update_each(*torch.zeros(2, 0, 4, 4).int()).shape == (0, 5, 5)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_values_on_a_device_are_not_read(kind) -> None:
    there = SimpleNamespace(device=torch.device(kind), is_cuda=kind == "cuda", is_meta=False)
    assert not is_readable(cast("Tensor", there))
    assert is_readable(torch.empty(2))


def test_device_without_assertions_is_synchronized(monkeypatch) -> None:
    monkeypatch.setattr(torch_private, "_ASSERTING", ())
    monkeypatch.setattr(targets, "is_readable", lambda _: False)
    check_target(torch.tensor([0, 4, 255]), 5, 255)
    with pytest.raises(TargetError, match=r"neither a class \(0–4\) nor the ignore index 255"):
        check_target(torch.tensor([0, 5]), 5, 255)


def test_reduce_without_processes_returns_a_copy() -> None:
    matrix = ConfusionMatrix(5, 255)
    matrix.update(torch.tensor(PREDICTION), torch.tensor(TRUTH))
    total = matrix.reduce()
    assert torch.equal(total.counts, matrix.counts)
    assert total.counts is not matrix.counts


def count_ragged(rank: int, port: int, counts: list[Tensor]) -> None:
    """Process 0 counts 2 pixels and process 1 the other 8, without padding or duplicates."""
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    part = slice(0, 2) if rank == 0 else slice(2, None)
    matrix = ConfusionMatrix(5, 255)
    matrix.update(torch.tensor(PREDICTION[part]), torch.tensor(TRUTH[part]))
    counts[rank].copy_(matrix.reduce().counts)
    distributed.destroy_process_group()


def test_reduce_sums_over_processes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    counts = [torch.zeros(5, 5, dtype=torch.int64).share_memory_() for _ in range(2)]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=count_ragged, args=(rank, port, counts)) for rank in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    whole = confusion(torch.tensor(PREDICTION), torch.tensor(TRUTH), 5, 255)
    assert torch.equal(counts[0], whole)
    assert torch.equal(counts[1], whole)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_counts_match_cpu_counts() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        truth, prediction = torch.randint(11, (8, 360, 480)), torch.randint(11, (8, 360, 480))
        truth[torch.rand(truth.shape) < 0.1] = 255
        matrix = ConfusionMatrix(11, 255, "cuda")
        matrix.update(prediction.cuda(), truth.cuda())
        assert torch.equal(matrix.counts.cpu(), confusion(prediction, truth, 11, 255))
    finally:
        torch.use_deterministic_algorithms(False)
