"""The exact text of every error in the sections of a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from .complaints import complaints


@pytest.mark.parametrize(
    ("section", "message"),
    [
        # unknown keys, each at its key
        ("trainig: {}", "6:1: unknown key 'trainig'. Did you mean 'training'?"),
        ("bas: x.yaml", "6:1: unknown key 'bas'. Did you mean 'base'?"),
        ("label: {}", "6:1: unknown key 'label'. Did you mean 'labels'?"),
        ("xyzzy: 1", "6:1: unknown key 'xyzzy'"),
        ("training: {stepz: 4}", "6:12: unknown key 'stepz' in training. Did you mean 'steps'?"),
        (
            "training: {lr: 1}",
            "6:12: unknown key 'lr' in training. It belongs to training.optimizer",
        ),
        ("steps: 5", "6:1: unknown key 'steps'. It belongs to training"),
        (
            "batch_size: 5",
            "6:1: unknown key 'batch_size'. It belongs to training or evaluation",
        ),
        (
            "training: {early_stop: {patience: 1, x: 2}}",
            "6:38: unknown key 'x' in training.early_stop. Known keys: min_delta, patience",
        ),
        (
            "training: {optimizer: {type: adamw, momentum: 1}}",
            "6:37: optimizer 'adamw' has no parameter 'momentum'. Known keys: betas, bias_decay, "
            "bias_lr_factor, eps, lr, weight_decay",
        ),
        # missing
        (
            "training: {early_stop: {}}",
            "6:24: missing 'patience' in training.early_stop",
        ),
        (
            "training: {optimizer: {type: sgd}}",
            "6:24: optimizer 'sgd' needs the parameter 'lr'",
        ),
        ("training: {optimizer: sgd}", "6:23: optimizer 'sgd' needs the parameter 'lr'"),
        ("training: {groups: [{frozen: true}]}", "6:21: missing 'match' in training.groups.0"),
        # wrong values, each at its value
        ("seed: many", "6:7: seed: expected a whole number, not 'many'"),
        ("seed: 1.5", "6:7: seed: expected a whole number, not 1.5"),
        ("seed: 1e3", "6:7: seed: expected a whole number, not 1e3: write 1000"),
        ("seed: 1_000", "6:7: seed: expected a whole number, not '1_000': write 1000"),
        ("seed: '5'", "6:7: seed: expected a whole number, not '5': write 5"),
        ("seed: true", "6:7: seed: expected a whole number, not true"),
        ("seed: []", "6:7: seed: expected a whole number, not an empty list"),
        ("seed: {a: 1}", "6:7: seed: expected a whole number, not a mapping"),
        ("seed: -1", "6:7: seed: expected a number of at least 0, not -1"),
        (
            f"seed: {'x' * 99}",
            f"6:7: seed: expected a whole number, not '{'x' * 60}…'",
        ),
        (
            "deterministic: yes",
            "6:16: deterministic: expected true or false, not 'yes': write true",
        ),
        (
            "deterministic: Off",
            "6:16: deterministic: expected true or false, not 'Off': write false",
        ),
        ("deterministic: 1", "6:16: deterministic: expected true or false, not 1"),
        ("device: 0", '6:9: device: expected text, not 0: write "0" in quotes'),
        ('device: ""', "6:9: device: expected text of at least 1 character, not ''"),
        ("device: quda", "6:9: unknown device 'quda'. Did you mean 'cuda'?"),
        ("device: 'cuda:x'", "6:9: unknown device 'cuda:x'. Did you mean 'cuda:1'?"),
        ("device: 'gpu:1'", "6:9: unknown device 'gpu:1'. Did you mean 'cuda:1'?"),
        (
            "device: there",
            "6:9: unknown device 'there': it is one of auto, cpu, cuda, cuda:1, mps, xpu",
        ),
        (
            "device: meta",
            "6:9: unknown device 'meta': it is one of auto, cpu, cuda, cuda:1, mps, xpu",
        ),
        (
            "init_from: 7",
            '6:12: init_from: expected a path or a mapping, not 7: write "7" in quotes',
        ),
        ("training: 5", "6:11: training: expected a mapping, not 5"),
        ("training: |\n  a\n  b", r"6:11: training: expected a mapping, not 'a\nb\n'"),
        ("training: [1]", "6:11: training: expected a mapping, not a list of length 1"),
        ("training: {groups: a}", "6:20: training.groups: expected a list, not 'a': write [a]"),
        ("training: {clip_norm: 0}", "6:23: training.clip_norm: expected a number above 0, not 0"),
        (
            "training: {clip_norm: .inf}",
            "6:23: training.clip_norm: expected a finite number, not .inf",
        ),
        (
            "training: {precision: fp61}",
            "6:23: training.precision: expected 'auto', 'fp32', 'bf16' or 'fp16', not 'fp61'. "
            "Did you mean 'fp16'?",
        ),
        (
            "training: {optimizer: {betas: [0.9]}}",
            "6:31: training.optimizer.betas: expected 2 items, not a list of length 1",
        ),
        (
            "training: {optimizer: {betas: []}}",
            "6:31: training.optimizer.betas: expected 2 items, not an empty list",
        ),
        (
            "training: {early_stop: {patience: 3}, monitor: null}",
            "6:12: early_stop needs 'monitor', which is null: set it, for example to "
            "val/mean_iou, or remove early_stop",
        ),
        (
            "training: {groups: [{match: '*x'}]}",
            "6:29: training.groups.0.match: '*x' is not a regular expression: nothing to repeat "
            "at position 0",
        ),
        (
            "training: {steps: 5, epochs: 2}",
            "6:12: give steps or epochs, not both (null clears the one from a base)",
        ),
        ("training: {steps: null}", "6:12: give a number of steps or of epochs"),
        # choices
        (
            "training: {optimizer: {type: adam}}",
            "6:24: unknown optimizer 'adam'. Did you mean 'adamw'?",
        ),
        ("training: {optimizer: lion}", "6:23: unknown optimizer 'lion': it is one of sgd, adamw"),
        (
            "training: {schedule: {type: pluxel/poly, power: 1}}",
            "6:23: unknown schedule 'pluxel/poly': a schedule has no prefix; write 'poly'",
        ),
        (
            "training: {optimizer: acme/sgd}",
            "6:23: unknown optimizer 'acme/sgd': an optimizer has no prefix; write 'sgd'",
        ),
        (
            "training: {optimizer: pluxel/adam}",
            "6:23: unknown optimizer 'pluxel/adam'. Did you mean 'adamw'?",
        ),
        (
            "training: {schedule: 5}",
            "6:22: training.schedule: expected the name of a schedule or a mapping with its "
            "'type', not 5",
        ),
        ("training: {schedule: {type: 5}}", "6:23: 'type' must be the name of a schedule, not 5"),
        # labels, splits, augmentation
        (
            "labels: {map: {x: road}}",
            "6:16: labels.map: key 'x': 'x' is neither a label id nor a color such as '#rrggbb'",
        ),
        ("labels: {map: {3: 4}}", '6:19: labels.map.3: expected text, not 4: write "4" in quotes'),
        (
            "splits: {train: a, vall: b}",
            "6:20: unknown role 'vall' in splits. Did you mean 'val'?",
        ),
        (
            "splits: {train: a, val: b, vall: c}",
            "6:28: unknown role 'vall' in splits. Did you mean 'val'?",
        ),
        ("splits: {trian: a}", "6:10: unknown role 'trian' in splits. Did you mean 'train'?"),
        (
            "splits: {train: a, validation: b}",
            "6:20: unknown role 'validation' in splits. Did you mean 'val'?",
        ),
        (
            "augment: {train: [], val: [HorizontalFlip]}",
            "6:22: augment: only 'train' is augmented, not 'val': evaluation uses the original "
            "image size",
        ),
        (
            "augment: {trian: []}",
            "6:11: augment: only 'train' is augmented, not 'trian'. Did you mean 'train'?",
        ),
        (
            "augment: {train: HorizontalFlip}",
            "6:18: augment.train: expected a list, not 'HorizontalFlip': write [HorizontalFlip]",
        ),
        (
            "augment: {type: RandomCrop, height: 32}",
            "6:10: augment: name the split: write {train: [{RandomCrop: {height: 32}}]}",
        ),
        (
            "augment: [HorizontalFlip]",
            "6:10: augment: name the split: write {train: [HorizontalFlip]}",
        ),
        # both forms
        (
            "heads: {}",
            "2:1: 'decoder' is short for heads.semantic.decoder: give 'heads' or the short keys, "
            "not both",
        ),
    ],
)
def test_section_errors(load: Any, small: str, section: str, message: str) -> None:
    assert complaints(load, f"{small}{section}\n")[0] == f"x.yaml:{message}"


def test_a_union_with_a_path_is_described(load: Any, small: str) -> None:
    text = small.replace("backbone: vgg", "backbone: {type: vgg, pretrained: [1]}")
    assert complaints(load, text) == [
        "x.yaml:1:35: backbone.pretrained: expected true or false or a path, not a list of length 1"
    ]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("seed: 1\n", ["backbone", "decoder", "loss", "dataset"]),
        ("backbone: vgg\n", ["decoder", "loss", "dataset"]),
        ("decoder: fcn8s\nbackbone: vgg\ndataset: shapes\n", ["loss"]),
        ("decoder: fcn8s\nbackbone: vgg\ndataset: null\nloss: dice\n", ["dataset"]),
    ],
)
def test_missing_keys_are_reported(load: Any, text: str, missing: list[str]) -> None:
    assert complaints(load, text) == [f"x.yaml:1:1: missing '{key}'" for key in missing]


def test_other_splits_and_devices_are_accepted(load: Any, small: str) -> None:
    text = small + "splits: {train: a, val: b, test: c, val2: d, trainval: e, night: f}\n"
    assert len(load(text).pipeline.splits) == 6
    assert [*load(small + "splits: {test: c}\n").pipeline.splits] == ["test"]
    for name in ("auto", "cpu", "cuda", "cuda:1", "mps", "xpu:0"):
        assert load(small + f"device: '{name}'\n").pipeline.device == name


def test_transforms_are_checked(load: Any, small: str) -> None:
    text = small + (
        "augment:\n  train:\n    - RandomCropp: {height: 3, width: 3}\n"
        "    - HorizontalFlip: {q: 1}\n    - Normalize\n"
    )
    found = complaints(load, text)
    assert [line.partition(" ")[0] for line in found] == [
        "x.yaml:8:7:",
        "x.yaml:9:24:",
        "x.yaml:10:7:",
    ]
    assert "RandomCrop'?" in found[0]
    assert "'q'" in found[1]
