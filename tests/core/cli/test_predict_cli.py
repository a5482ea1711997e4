import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pluxel.core import Pipeline
from pluxel.registry import Host, PluxelError

from .conftest import TOYS

DENSE = "decoder={type: atrous, output_stride: 2, decoder: fcn32s}"


def noise(*shape, kind=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(kind).max, shape, kind)


@pytest.fixture
def pipeline(trained):
    return Pipeline.load(trained, device="cpu", host=Host(files=[TOYS]))


def odd_images(folder: Path) -> dict[str, tuple[int, int]]:
    """Write various images; return the (height, width) of each upright image by name."""
    folder.mkdir()
    Image.fromarray(noise(37, 53, 3)).save(folder / "odd.jpg")
    Image.fromarray(noise(1, 1, 3)).save(folder / "pixel.png")
    Image.fromarray(noise(20, 30)).save(folder / "gray.png")
    Image.fromarray(noise(20, 30, 4)).save(folder / "alpha.png")
    Image.fromarray(noise(20, 30, kind=np.uint16)).save(folder / "deep.png")
    Image.fromarray(noise(20, 30, 4), "CMYK").save(folder / "print.jpg")
    Image.fromarray(noise(20, 30, 3)).quantize(8).save(folder / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: 90 degrees
    Image.fromarray(noise(20, 30, 3)).save(folder / "turned.jpg", exif=exif)
    sizes = dict.fromkeys(("gray", "alpha", "deep", "print", "palette"), (20, 30))
    return sizes | {"odd": (37, 53), "pixel": (1, 1), "turned": (30, 20)}


def test_masks_have_the_size_of_any_image(pluxel, trained, tmp_path):
    sizes = odd_images(tmp_path / "photos")
    done = pluxel(
        "predict", trained, "photos", "--output", "out", "--save", "index,color,overlay,prob"
    )
    assert done.returncode == 0, done.stderr
    for name, size in sizes.items():
        ids = np.array(Image.open(tmp_path / "out/index" / f"{name}.png"))
        assert ids.shape == size, name
        assert set(np.unique(ids)) <= {0, 7}, name
        for kind in ("color", "overlay"):
            assert np.array(Image.open(tmp_path / "out" / kind / f"{name}.png")).shape == (*size, 3)
        saved = np.load(tmp_path / "out/prob" / f"{name}.npz")
        assert saved["probabilities"].shape == (2, *size)
        np.testing.assert_allclose(saved["probabilities"].astype(float).sum(0), 1, atol=2e-3)
        assert list(saved["class_names"]) == ["ground", "square"]
    for name in ("print.jpg", "deep.png", "turned.jpg", "gray.png", "alpha.png"):
        assert name in done.stderr, "conversions must be logged"


def test_unreadable_images_are_reported_and_skipped(pluxel, trained, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(noise(20, 30, 3)).save(folder / "good.png")
    Image.fromarray(noise(90, 90, 3)).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:2000])
    (folder / "text.png").write_text("no image at all")
    (folder / "empty.png").touch()
    done = pluxel("predict", trained, folder, "--output", "out", "--save", "index")
    assert done.returncode == 1
    for name in ("cut.jpg", "text.png", "empty.png"):
        assert name in done.stderr
    assert {path.name for path in (tmp_path / "out/index").iterdir()} == {"good.png", "whole.png"}
    assert done.stdout == "results: out\n"
    alone = pluxel("predict", trained, folder / "empty.png", "--output", "none")
    assert (alone.returncode, alone.stdout) == (1, "")
    stopped = pluxel("predict", trained, folder, "--output", "other", "--stop-on-error")
    assert stopped.returncode == 2
    assert "cut.jpg" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_images_with_equal_names_get_separate_results(pluxel, trained, tmp_path):
    for name in ("a/x.png", "b/x.png", "x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise(8, 8, 3)).save(tmp_path / name)
    done = pluxel("predict", trained, "a", "b", "x.jpg", "--output", "out", "--save", "color")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out/color").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--save", "indx"],
            "'indx' is not one of index, color, overlay, prob. Did you mean 'index'?",
        ),
        (["--device", "cuda:9"], "device 'cuda:9' is not available on this machine"),
    ],
)
def test_mistakes_are_reported(pluxel, trained, tmp_path, arguments, message):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.png")
    failed = pluxel("predict", trained, "x.png", "--output", "out", *arguments)
    assert failed.returncode == 2
    assert message in failed.stderr


def test_missing_paths_and_empty_folders_are_reported(pluxel, trained, tmp_path):
    (tmp_path / "nothing").mkdir()
    assert "does not exist" in pluxel("predict", trained, "gone.jpg", "--output", "o").stderr
    misplaced = pluxel("predict", trained, "decoder=fcn8s", "--output", "o")
    assert "to change the configuration, give --set decoder=fcn8s" in misplaced.stderr
    assert (
        "no images or videos found" in pluxel("predict", trained, "nothing", "--output", "o").stderr
    )
    not_a_run = pluxel("predict", tmp_path / "nothing", "x.png", "--output", "o")
    assert "is not a run: it has no config.yaml" in not_a_run.stderr


def test_error_names_the_missing_plugin_of_a_run(trained):
    with pytest.raises(PluxelError, match="toys.py"):
        Pipeline.load(trained, device="cpu", host=Host())


@pytest.mark.parametrize("name", ["gone/thing", "thing"])
def test_prediction_needs_no_plugin_of_data_and_loss(pluxel, trained, tmp_path, name):
    run = shutil.copytree(trained, tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["dataset"] = {"type": name, "root": "/nowhere"}
    config["loss"] = {"type": name, "gamma": 2}
    config["pluxel"]["providers"]["gone"] = "1.0"
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.png")
    done = pluxel("predict", run, "x.png", "--output", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/index/x.png").exists()
    refused = pluxel("evaluate", run)
    assert refused.returncode == 2
    assert "thing" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_evaluation_repeats_the_results_of_training(pluxel, trained, tmp_path):
    before = json.loads((trained / "results.json").read_text())
    done = pluxel("evaluate", trained, "--json", "--output", tmp_path / "again.json")
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert again == json.loads((tmp_path / "again.json").read_text())
    assert again["heads"]["semantic"]["overall"] == before["heads"]["semantic"]["overall"]
    assert again["loss"] == pytest.approx(before["loss"], rel=1e-4)


def test_run_predicts_with_another_decoder(pluxel, trained, tmp_path):
    Image.fromarray(noise(37, 53, 3)).save(tmp_path / "x.png")
    for name, extra in {"plain": (), "dense": ("--set", DENSE)}.items():
        done = pluxel(
            *("predict", trained, "x.png", "--output", name, "--save", "prob"),
            *("--device", "cpu", *extra),
        )
        assert done.returncode == 0, done.stderr
    plain, dense = (np.load(tmp_path / name / "prob/x.npz") for name in ("plain", "dense"))
    assert plain["probabilities"].shape == dense["probabilities"].shape
    assert (plain["probabilities"] != dense["probabilities"]).any()


def test_earlier_results_are_kept(pluxel, trained, tmp_path):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.png")
    options = ("predict", trained, "x.png", "--output", "out", "--save", "index")
    (tmp_path / "out/index").mkdir(parents=True)
    for name in ("x.png", "x.tif"):
        file = tmp_path / "out/index" / name
        file.write_text("mine")
        refused = pluxel(*options)
        message = f"out/index/{name} already exists; --overwrite replaces it\n"
        assert refused.returncode == 2
        assert refused.stderr.endswith(message)
        assert file.read_text() == "mine"
        file.unlink()
    assert pluxel(*options).returncode == 0
    assert pluxel(*options).returncode == 2
    assert pluxel(*options, "--overwrite").returncode == 0


def test_scores_of_a_changed_run_are_not_saved(pluxel, trained):
    before = (trained / "results.json").read_bytes()
    done = pluxel("evaluate", trained, "--set", DENSE, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "mean IoU" in done.stdout
    assert "results: not written, since they are not those of the run; --output FILE" in done.stdout
    assert (trained / "results.json").read_bytes() == before


@pytest.mark.parametrize("command", [("evaluate",), ("predict", "x.png", "--output", "out")])
def test_model_that_does_not_fit_the_weights(pluxel, trained, tmp_path, command):
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "x.png")
    name, *rest = command
    failed = pluxel(name, trained, *rest, "--set", "backbone.width=8")
    assert failed.returncode == 2
    assert failed.stderr.startswith(f"{trained}/weights.safetensors does not fit the model")
    assert "Traceback" not in failed.stderr


def test_prints_a_table(pluxel, trained, tmp_path):
    done = pluxel("evaluate", trained, "--split", "train[:4]", "--output", tmp_path / "x.json")
    assert done.returncode == 0, done.stderr
    for text in ("pixel accuracy", "mean accuracy", "mean IoU", "frequency-weighted IoU", "square"):
        assert text in done.stdout


def test_python_accepts_arrays_files_and_pil_images(pipeline, tmp_path):
    array = noise(21, 34, 3)
    Image.fromarray(array).save(tmp_path / "x.png")
    mask = pipeline(array)
    assert mask.shape == (21, 34)
    assert set(np.unique(mask)) <= {0, 7}
    for same in (tmp_path / "x.png", str(tmp_path / "x.png"), Image.fromarray(array)):
        assert np.array_equal(pipeline(same), mask)
    assert np.array_equal(pipeline((array / 255).astype(np.float32)), mask)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.zeros((4, 4, 2), np.uint8),
            "input 'image': has shape (4, 4, 2); expected (height, width, 3)",
        ),
        (
            np.zeros((0, 4, 3), np.uint8),
            "input 'image': has shape (0, 4, 3); expected (height, width, 3)",
        ),
        (np.zeros((4, 4, 3), np.int64), "input 'image': has type int64; expected uint8, uint16"),
    ],
)
def test_arrays_that_are_not_images_raise(pipeline, image, message):
    with pytest.raises(PluxelError, match=re.escape(message)):
        pipeline(image)
