"""The words of every error that a configuration can cause. They are part of the interface."""

from __future__ import annotations

import keyword
import re
from typing import Any

import pytest
from pluxel.core.config.tree.problems import ConfigError
from pluxel.registry import Component, Host, hookimpl
from torch import nn


def complaints(load: Any, text: str, **more: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, **more)
    return str(caught.value).splitlines()


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
            "6:38: unknown key 'x' in training.early_stop. Known are min_delta, patience",
        ),
        (
            "training: {optimizer: {type: adamw, momentum: 1}}",
            "6:37: optimizer 'adamw' has no parameter 'momentum'. Known are betas, bias_decay, "
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
        ("init_from: 7", '6:12: init_from: expected text, not 7: write "7" in quotes'),
        ("training: 5", "6:11: training: expected a mapping, not 5"),
        ("training: [1]", "6:11: training: expected a mapping, not a list of 1"),
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
            "6:31: training.optimizer.betas: expected 2 items, not a list of 1",
        ),
        (
            "training: {optimizer: {betas: []}}",
            "6:31: training.optimizer.betas: expected 2 items, not an empty list",
        ),
        (
            "training: {early_stop: {patience: 3}, monitor: null}",
            "6:12: early_stop waits for gains of 'monitor', which is null: name one, such as "
            "val/mean_iou, or leave early_stop out",
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
            "training: {schedule: 5}",
            "6:22: training.schedule: expected the name of a schedule or a mapping with its "
            "'type', not 5",
        ),
        ("training: {schedule: {type: 5}}", "6:23: 'type' is the name of a schedule, not 5"),
        # labels, splits, augmentation
        (
            "labels: {map: {x: road}}",
            "6:16: labels.map: key 'x': 'x' is neither a label id nor a color '#rrggbb'",
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
            "6:22: augment: only 'train' is augmented, not 'val': evaluation is at the images' own "
            "size",
        ),
        (
            "augment: {trian: []}",
            "6:11: augment: only 'train' is augmented, not 'trian'. Did you mean 'train'?",
        ),
        (
            "augment: {train: HorizontalFlip}",
            "6:18: augment.train: expected a list, not 'HorizontalFlip': write [HorizontalFlip]",
        ),
        # both forms
        (
            "heads: {}",
            "2:1: 'decoder' is short for heads.semantic.decoder: give 'heads' or the short keys, "
            "not both",
        ),
    ],
)
def test_sections(load: Any, small: str, section: str, message: str) -> None:
    assert complaints(load, f"{small}{section}\n")[0] == f"x.yaml:{message}"


@pytest.mark.parametrize(
    ("loss", "messages"),
    [
        (
            "{type: dice, ^smoth: 1}",
            ["loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?"],
        ),
        ("{type: dice, smooth: ^x}", ["loss.smooth: expected a number, not 'x'"]),
        ("{type: dice, ^zzz: 1}", ["loss 'dice' has no parameter 'zzz'. Known are smooth"]),
        (
            "{type: dice, ^num_classes: 4}",
            ["loss 'dice' is given 'num_classes' by Pluxel: delete it"],
        ),
        ("^dicee", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        ("^fcn8s", ["unknown loss 'fcn8s'. There is a decoder of that name"]),
        ("^{smooth: 1}", ["this loss has no name: add 'type: …'"]),
        ("^{}", ["this loss has no name: add 'type: …'"]),
        ("{^type: [dice]}", ["'type' is the name of a loss, not [\"dice\"]"]),
        ("^5", ["loss: expected the name of a loss or a mapping with its 'type', not 5"]),
        ("^sum", ["loss 'sum' needs the parameter 'terms'"]),
        # types of a signature
        ("{type: typed, color: ^green}", ["loss.color: expected 'red' or 'blue', not 'green'"]),
        ("{type: typed, names: ^x}", ["loss.names: expected a list, not 'x': write [x]"]),
        (
            "{type: typed, options: {^alpa: 1}}",
            ["unknown key 'alpa' in loss.options. Did you mean 'alpha'?"],
        ),
        (
            "{type: typed, options: {beta-decay: ^x}}",
            ["loss.options.beta-decay: expected a whole number, not 'x'"],
        ),
        (
            "{type: typed, tree: {left: {left: {^lef: {}}}}}",
            ["unknown key 'lef' in loss.tree.left.left. Did you mean 'left'?"],
        ),
        (
            "{type: typed, tree: {^zzz: 1}}",
            ["unknown key 'zzz' in loss.tree. Known are leaf, left"],
        ),
        ("{type: typed, term: ^{}}", ["missing 'loss' in loss.term"]),
        ("{type: typed, table: {a: [^x]}}", ["loss.table.a.0: expected a whole number, not 'x'"]),
        ("{type: typed, size: ^big}", ["loss.size: expected a whole number or a list, not 'big'"]),
        ("{type: typed, size: ^[1]}", ["loss.size: expected 2 items, not a list of 1"]),
        ("{type: typed, text: ^1.0}", ['loss.text: expected text, not 1.0: write "1.0" in quotes']),
        (
            "{type: cross_entropy, weights: ^aut}",
            ["loss.weights: expected 'auto' or a list, not 'aut'. Did you mean 'auto'?"],
        ),
        ("{type: cross_entropy, weights: [^a]}", ["loss.weights.0: expected a number, not 'a'"]),
        # unions of a component and something else: what it was meant to be
        (
            "{type: sum, terms: [{type: dice, ^smoth: 1}]}",
            ["loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?"],
        ),
        ("{type: sum, terms: [{loss: ^dicee}]}", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        ("{type: sum, terms: [^dicee]}", ["unknown loss 'dicee'. Did you mean 'dice'?"]),
        (
            "{type: sum, terms: [{loss: dice, ^wieght: 1}, ^5]}",
            [
                "unknown key 'wieght' in loss.terms.0. Did you mean 'weight'?",
                "loss.terms.1: expected the name of a loss or a mapping with its 'type' or a "
                "mapping, not 5",
            ],
        ),
    ],
)
def test_components(load: Any, small: str, loss: str, messages: list[str]) -> None:
    """A caret stands before what each message points at."""
    columns = [7 + found.start() - n for n, found in enumerate(re.finditer(r"\^", loss))]
    text = small.replace("cross_entropy", loss.replace("^", ""))
    assert complaints(load, text) == [
        f"x.yaml:4:{column}: {message}" for column, message in zip(columns, messages, strict=True)
    ]


def test_a_path_or_something_else(load: Any, small: str) -> None:
    text = small.replace("backbone: vgg", "backbone: {type: vgg, pretrained: [1]}")
    assert complaints(load, text) == [
        "x.yaml:1:35: backbone.pretrained: expected true or false or a path, not a list of 1"
    ]


def test_the_examples_of_the_manual(acme: Any, load: Any, host: Host) -> None:
    """A component's trouble is shown at its key ``type``, a key's at the key."""

    class Broken:
        @hookimpl
        def pluxel_decoders(self) -> list[Component]:
            raise ModuleNotFoundError("No module named 'torchh'")

    text = """\
        backbone:
          type: vgg

        decoder:
          type: fcn8

        loss:
          type: dice
          smoth: 1
        dataset: shapes
        """
    host = Host(plugins={"acme-seg": acme, "broken-seg": Broken()})
    assert complaints(load, text, host=host) == [
        "x.yaml:5:3: unknown decoder 'fcn8'. Did you mean 'fcn8s'?",
        "  note: plugin broken-seg (ModuleNotFoundError: No module named 'torchh') failed to load "
        "and may provide it",
        "x.yaml:9:3: loss 'dice' has no parameter 'smoth'. Did you mean 'smooth'?",
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
def test_what_is_missing(load: Any, text: str, missing: list[str]) -> None:
    assert complaints(load, text) == [f"x.yaml:1:1: missing '{key}'" for key in missing]


def test_the_long_form_is_named_as_it_is_written(load: Any) -> None:
    text = """\
        streams: {image: {backbone: vgg, inptu: x}, depth: {}}
        heads:
          semantic: {decoder: fcn8s, loss: dice, labels: {map: {1: 2}}, streams: [image, dept]}
          geometric: {decoder: fcn8s, weight: -1}
        dataset: shapes
        """
    assert complaints(load, text) == [
        "x.yaml:1:34: unknown key 'inptu' in streams.image. Did you mean 'input'?",
        "x.yaml:1:52: missing 'backbone' in streams.depth",
        'x.yaml:3:60: heads.semantic.labels.map.1: expected text, not 2: write "2" in quotes',
        "x.yaml:4:14: missing 'loss' in heads.geometric",
        "x.yaml:4:39: heads.geometric.weight: expected a number of at least 0, not -1",
    ]


def test_streams_of_a_head_exist(load: Any) -> None:
    text = """\
        streams: {image: {backbone: vgg}, depth: {backbone: vgg}}
        heads: {semantic: {decoder: fcn8s, loss: dice, streams: [image, dept]}}
        dataset: shapes
        """
    assert complaints(load, text) == ["x.yaml:2:65: unknown stream 'dept'. Did you mean 'depth'?"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "rgb.main",
            "'rgb.main' is no name: it takes small letters, digits and '_', a letter first. Did "
            "you mean 'rgb_main'?",
        ),
        (
            "2 RGB-2",
            "'2 RGB-2' is no name: it takes small letters, digits and '_', a letter first. Did "
            "you mean 'rgb_2'?",
        ),
        ("'7'", "'7' is no name: it takes small letters, digits and '_', a letter first"),
        ("type", "'type' is a word of torch's own: call it otherwise, such as 'type_1'"),
        (
            "training",
            "'training' is a word of torch's own: call it otherwise, such as 'training_1'",
        ),
    ],
)
def test_names_of_streams_and_heads(load: Any, name: str, message: str) -> None:
    text = f"""\
        streams: {{{name}: {{backbone: vgg}}}}
        heads: {{{name}: {{decoder: fcn8s, loss: dice}}}}
        dataset: shapes
        """
    assert complaints(load, text) == [f"x.yaml:1:11: {message}", f"x.yaml:2:9: {message}"]


def test_every_name_that_is_taken_can_be_a_module(load: Any) -> None:
    words = {*dir(nn.ModuleDict()), *dir(nn.Module()), *dir(dict), *keyword.kwlist, "x", "image"}
    for name in words:
        text = (
            f"streams: {{{name}: {{backbone: vgg}}}}\nheads: {{x: {{decoder: fcn8s, loss: dice}}}}"
        )
        try:
            taken = load(f"{text}\ndataset: shapes\n").pipeline.streams
        except ConfigError:
            continue
        nn.ModuleDict({name: nn.Identity() for name in taken})


def test_colors_come_first_in_a_stack(load: Any) -> None:
    text = """\
        streams:
          rgb: {input: [image, depth], backbone: vgg}
          late: {input: [depth, image], backbone: vgg}
        heads: {semantic: {decoder: fcn8s, loss: dice}}
        dataset: shapes
        """
    assert complaints(load, text) == [
        "x.yaml:3:25: 'image' comes first where inputs are stacked: the first three channels are "
        "normalized as red, green and blue"
    ]


def test_other_splits_and_devices_are_free(load: Any, small: str) -> None:
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


def test_a_plugin_that_breaks_the_rules_is_named(
    load: Any, small: str, monkeypatch: Any, acme: Any
) -> None:
    class Greedy:
        def __init__(self, num_classes: int, **options: int) -> None: ...

    monkeypatch.setattr(acme, "Dice", Greedy)
    assert complaints(load, small.replace("cross_entropy", "dice")) == [
        "x.yaml:4:7: loss 'dice' of plugin acme-seg cannot be used: **options hides what it takes: "
        "declare each parameter, or one mapping 'options: dict'"
    ]


def test_a_component_that_cannot_be_imported(
    load: Any, small: str, monkeypatch: Any, acme: Any
) -> None:
    monkeypatch.delattr(acme, "Dice")
    (message,) = complaints(load, small.replace("cross_entropy", "dice"))
    assert message.startswith("x.yaml:4:7: ")
    assert "acme-seg" in message


def test_only_components_that_are_named_are_imported(
    load: Any, small: str, monkeypatch: Any, acme: Any
) -> None:
    monkeypatch.delattr(acme, "Dice")
    assert load(small).pipeline.seed == 0
