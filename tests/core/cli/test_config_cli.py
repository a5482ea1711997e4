"""``pluxel config`` from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from jsonschema import Draft202012Validator
from PIL import Image
from pluxel.core.cli import main
from pluxel.core.config.tree.files import shipped

SMALL = """\
# A network for shapes.
backbone: {type: vgg16, pretrained: false}
decoder:
  type: fcn8s
loss: cross_entropy
dataset: {type: shapes}
"""

Pluxel = Callable[..., tuple[object, str, str]]


@pytest.fixture
def pluxel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Pluxel) -> Pluxel:
    """Run ``pluxel config …`` in a folder with ``x.yaml``: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(SMALL, encoding="utf-8")
    return partial(command, "config")


@pytest.mark.slow
def test_check_reports_success(pluxel: Pluxel) -> None:
    code, out, err = pluxel("check", "x.yaml")
    assert (code, err) == (0, "")
    assert out == "ok: x.yaml: vgg16 → fcn8s (cross_entropy) on shapes, 1,000 steps of 4 images\n"


def test_check_accepts_both_spellings_of_overrides(pluxel: Pluxel) -> None:
    code, out, _ = pluxel("check", "x.yaml", "decoder=fcn32s", "--set", "training.epochs=3")
    assert code == 0
    assert "fcn32s" in out
    assert "3 epochs in steps of 4 images" in out


def test_check_reports_images_per_step(pluxel: Pluxel) -> None:
    _, out, _ = pluxel("check", "x.yaml", "training={steps: 1, batch_size: 1, accumulate: 20}")
    assert "on shapes, 1 step of 20 × 1 image\n" in out


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("splits={val: val}", "splits: no split for training; add 'train: NAME'"),
        (
            "training.monitor=val/iou/dics",
            "unknown metric 'val/iou/dics'. Did you mean 'val/iou/disc'?",
        ),
        ("training.monitor=xyz", "unknown metric 'xyz'. Metrics are val/loss, "),
        (
            "training.groups=[{match: nothinglikethis, frozen: true}]",
            "training.groups: no parameter matches 'nothinglikethis'; the modules are ",
        ),
        ("training.groups=[{match: '', frozen: true}]", "training.groups freezes every parameter"),
        ("backbone.pretrained=w.pth", "w.pth does not contain the normalization that"),
        ("backbone.pretrained=empty.pth", "empty.pth is an empty file, not a file of weights"),
        (
            "backbone={type: timm, model: resnet18, out_indices: []}",
            "backbone.out_indices: expected at least 1 item, not an empty list",
        ),
    ],
)
def test_check_finds_later_failures(pluxel: Pluxel, override: str, message: str) -> None:
    Path("empty.pth").touch()
    torch.save({"features.0.weight": torch.ones(64, 3, 3, 3)}, "w.pth")
    code, out, err = pluxel("check", "x.yaml", override)
    assert (code, out) == (2, "")
    assert err.startswith(f"override '{override}': {message}")


@pytest.mark.parametrize(
    ("override", "note"),
    [
        ("backbone.pretrained=nofile.safetensors", "nofile.safetensors: no such file"),
        ("init_from=runs/nope", "runs/nope is neither a weights file nor a run with weights"),
    ],
)
def test_check_notes_missing_weights(pluxel: Pluxel, override: str, note: str) -> None:
    """They may be on another machine, or a later training may write them."""
    code, out, err = pluxel("check", "x.yaml", override)
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [f"  note: override '{override}': {note}"]


TOKENS = "backbone={type: timm, model: test_vit}"


def test_check_notes_assumed_positions(pluxel: Pluxel) -> None:
    code, out, err = pluxel("check", "x.yaml", "decoder=fcn32s", TOKENS)
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [
        "  note: the positions of maps of stream 'image' are assumed, not computed: "
        "blocks.3, blocks.4, blocks.5"
    ]


def test_check_reports_all_mistakes_at_once(pluxel: Pluxel) -> None:
    mistakes = ["training.monitor=val/x", "training.groups=[{match: nothing}]"]
    code, _, err = pluxel("check", "x.yaml", *mistakes, "loss={type: focal, class_weights: {x: 2}}")
    assert code == 2
    assert [line.startswith("override ") for line in err.splitlines()] == [True] * 3


def test_monitor_without_split_is_reported(pluxel: Pluxel) -> None:
    code, _, err = pluxel("check", "x.yaml", "splits={train: train}")
    assert code == 2
    assert err.endswith("there is no split 'val' to monitor; set monitor: null\n")
    code, *_ = pluxel("check", "x.yaml", "splits={train: train}", "training.monitor=null")
    assert code == 0


@pytest.mark.slow
def test_monitor_is_checked_without_the_data(pluxel: Pluxel) -> None:
    """The classes are unknown, but the names of the metrics are known."""
    nowhere = "dataset={type: camvid, root: nowhere}"
    for monitor in ("val/iou/road", "val/mean_iou", "val/loss"):
        assert pluxel("check", "x.yaml", nowhere, f"training.monitor={monitor}")[0] == 0
    for monitor, hint in {
        "val/iuo/road": "Did you mean 'val/iou/'?",
        "train/loss": "Did you mean 'val/loss'?",
        "iou/road": "Metrics are val/loss, val/pixel_accuracy, ",
    }.items():
        code, _, err = pluxel("check", "x.yaml", nowhere, f"training.monitor={monitor}")
        assert code == 2
        assert f"unknown metric '{monitor}'. {hint}" in err


def test_check_reports_every_mistake(pluxel: Pluxel) -> None:
    Path("x.yaml").write_text(SMALL.replace("fcn8s", "fcn8") + "trainig: {}\n", encoding="utf-8")
    code, out, err = pluxel("check", "x.yaml", "training.stepz=4")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "x.yaml:4:3: unknown decoder 'fcn8'. Did you mean 'fcn8s'?",
        "x.yaml:7:1: unknown key 'trainig'. Did you mean 'training'?",
        "override 'training.stepz=4': unknown key 'stepz' in training. Did you mean 'steps'?",
    ]


@pytest.mark.slow
def test_check_builds_the_model(pluxel: Pluxel) -> None:
    Path("x.yaml").write_text(
        SMALL.replace(
            "{type: vgg16, pretrained: false}",
            "{type: timm, model: vit_tiny_patch16_224, pretrained: false}",
        ),
        encoding="utf-8",
    )
    code, out, err = pluxel("check", "x.yaml")
    assert (code, out) == (2, "")
    assert err == (
        "x.yaml:4:3: decoder 'fcn8s' needs 3 maps whose strides double, such as 8, 16, 32; "
        "backbone 'timm' (vit_tiny_patch16_224) gives strides 16, 16, 16\n"
        "  note: the backbone 'vit_pyramid' makes maps of four strides from a plain vision "
        "transformer\n"
    )


@pytest.mark.parametrize(
    "dataset",
    [
        "{type: camvid, root: nowhere}",
        "{type: camvid, root: photos}",
        "{type: voc, root: nowhere}",
        "{type: voc, root: photos}",
        "{type: folder, images: photos, masks: nowhere, classes: [a, b]}",
        "{type: folder, images: photos, masks: photos, mask_suffix: _gt, classes: [a, b], "
        "splits: {train: a.txt, val: b.txt}}",
    ],
)
def test_check_without_the_data(pluxel: Pluxel, dataset: str) -> None:
    Path("photos").mkdir()
    Path("x.yaml").write_text(SMALL.replace("{type: shapes}", dataset), encoding="utf-8")
    code, out, _ = pluxel("check", "x.yaml")
    assert code == 0
    assert "\n  note: missing data: x.yaml:6:11: " in out


@pytest.mark.parametrize("weights", ["{road: 2}", "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"])
def test_check_without_the_data_skips_class_checks(pluxel: Pluxel, weights: str) -> None:
    """Nothing can be checked about unknown classes."""
    text = SMALL.replace("{type: shapes}", "{type: camvid, root: nowhere}")
    loss = f"{{type: cross_entropy, class_weights: {weights}}}"
    Path("x.yaml").write_text(text.replace("cross_entropy", loss), encoding="utf-8")
    code, out, err = pluxel("check", "x.yaml")
    assert (code, err) == (0, "")
    assert "note: missing data: x.yaml:6:11: CamVid not found: " in out


FOLDER = "{type: folder, images: nowhere, masks: nowhere, classes: %s}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["splits.train=trian"], "shapes has no split 'trian'"),
        (["splits.val=vall"], "shapes has no split 'vall'"),
        (["splits.val=val[3]"], "split 'val[3]': write a part as [from:to]"),
        (
            ["dataset=" + FOLDER % '{0: a, "#ff0000": b}'],
            "the keys of classes mix ids and colors",
        ),
        (
            ["dataset=" + FOLDER % "[a, b]", "dataset.fractions={train: 0.9, val: 0.2}"],
            "the fractions add up to 1.1, more than 1",
        ),
        (
            ["dataset=" + FOLDER % "[a, b]", "dataset.fractions={train: 0.9, test: 0.1}"],
            "nowhere has no split 'val'; it has all, test, train.",
        ),
    ],
)
def test_check_separates_mistakes_from_missing_data(
    pluxel: Pluxel, overrides: list[str], message: str
) -> None:
    code, out, err = pluxel("check", "x.yaml", *overrides)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith(("x.yaml:6:11: ", "override "))


def test_check_reads_the_available_splits(pluxel: Pluxel) -> None:
    """With one of two splits available, the classes are known."""
    for folder in ("train", "trainannot", "valannot"):
        Path("camvid", folder).mkdir(parents=True)
        Image.new("L", (8, 8)).save(Path("camvid", folder, "1.png"))
    overrides = ["dataset={type: camvid, root: camvid}", "splits={val: val, train: train}"]
    weights = "loss={type: cross_entropy, class_weights: {raod: 2}}"
    code, _, err = pluxel("check", "x.yaml", *overrides, weights)
    assert code == 2
    assert "the images of split 'val' not found" in err
    assert "unknown class 'raod'" in err


def test_check_of_a_missing_file(pluxel: Pluxel) -> None:
    code, _, err = pluxel("check", "y.yaml")
    assert (code, err) == (2, "there is no file 'y.yaml'. Did you mean 'x.yaml'?\n")


def test_show_prints_the_full_configuration(pluxel: Pluxel) -> None:
    code, out, err = pluxel("show", "x.yaml", "seed=7")
    assert (code, err) == (0, "")
    assert out.startswith("backbone:\n  type: pluxel/vgg16\n  pretrained: false\n")
    assert "\nseed: 7\n" in out
    Path("shown.yaml").write_text(out, encoding="utf-8")
    assert pluxel("show", "shown.yaml")[1] == out


def test_show_origin(pluxel: Pluxel) -> None:
    _, out, _ = pluxel("show", "x.yaml", "--origin", "seed=7")
    origins = {line.split(":")[0].strip(): line.split("  # ")[-1] for line in out.splitlines()}
    assert origins["seed"] == "override 'seed=7'"
    assert origins["pretrained"] == "x.yaml:2:37"
    assert origins["device"] == "default"


@pytest.mark.slow
def test_schema(pluxel: Pluxel) -> None:
    code, out, _ = pluxel("schema")
    assert code == 0
    schema = json.loads(out)
    Draft202012Validator.check_schema(schema)
    assert "vgg16" in schema["$defs"]["backbone"]["anyOf"][0]["enum"]
    code, out, _ = pluxel("schema", "--output", "schema.json")
    assert out.endswith("# yaml-language-server: $schema=schema.json\n")
    assert json.loads(Path("schema.json").read_text(encoding="utf-8")) == schema


def test_word_vectors_are_checked_and_shown(pluxel: Pluxel) -> None:
    code, out, err = pluxel("check", "glove_6b_50d")
    assert (code, err) == (0, "")
    assert out.startswith("ok: ")
    assert out.endswith("glove_6b_50d.yaml: word vectors glove, index exact on cpu\n")
    code, out, err = pluxel("check", "glove_6b_50d.yaml", "dim=many", "--set", "indx=exact")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "override 'dim=many': embedding.dim: expected a whole number, not 'many'",
        "override 'indx=exact': embedding 'pluxel/glove' has no parameter 'indx'. Known keys: "
        "cache, dim, download, encoding, file, name, unknown",
    ]
    code, out, _ = pluxel("show", "glove_6b_50d", "--origin", "dim=100")
    origins = {line.split(":")[0].strip(): line.split("  # ")[-1] for line in out.splitlines()}
    assert origins["dim"] == "override 'dim=100'"
    assert origins["unknown"] == "default"
    assert "glove_6b_50d.yaml:" in origins["index"]


def test_configuration_of_word_vectors_cannot_train(
    pluxel: Pluxel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("words.yaml").write_text("embedding: glove\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["train", "words.yaml"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("words.yaml describes word vectors, not a pipeline")
    assert not Path("runs").exists()


def test_list(pluxel: Pluxel) -> None:
    code, out, _ = pluxel("list")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == [*shipped()]
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)
    assert all(line.endswith(".") for line in lines)  # whole sentences


PLUGIN = """\
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_losses():
    return [Component("mine", target="my_loss:Mine", summary="My own.")]

class Mine:
    def __init__(self, num_classes: int, *, sharpness: float = 1.0):
        pass
"""


@pytest.mark.slow
def test_plugin_file_is_checked_shown_and_in_the_schema(tmp_path: Path) -> None:
    """In separate processes, its components are checked, shown and in the schema."""
    (tmp_path / "my_loss.py").write_text(PLUGIN)
    (tmp_path / "x.yaml").write_text(SMALL.replace("cross_entropy", "{type: mine, sharpnes: 2}"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pluxel", "--plugin", "my_loss.py", "config"]
        return subprocess.run(
            [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    done = run("check", "x.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "x.yaml:5:20: loss 'mine' has no parameter 'sharpnes'. Did you mean 'sharpness'?\n"
    )
    schema = json.loads(run("schema").stdout)
    assert schema["$defs"]["loss.my_loss.py.mine"]["properties"]["sharpness"]["default"] == 1.0
