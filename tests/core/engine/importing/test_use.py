"""An imported network is a run: it predicts, is evaluated, and starts a training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pluxel.core import Pipeline
from pluxel.core.cli import main
from pluxel.core.model.weight_reading import read_state_dict

from ....plugins.datasets.conftest import make_camvid, write_voc
from .conftest import agree, photograph, pixel_scores
from .networks import NARROW, TorchFCN, bilinear, caffe_input

SIZE = (97, 118)
NAMES = ("2007_000033", "2007_000042")


def masks(source: TorchFCN) -> list[np.ndarray]:
    """The classes that the published network predicts for the photographs."""
    with torch.no_grad():
        return [
            source(caffe_input(photograph(*SIZE, seed)))[""][0].argmax(0).byte().numpy()
            for seed in range(len(NAMES))
        ]


def voc(root: Path, truth: list[np.ndarray]) -> Path:
    """VOC with the photographs, and ``truth`` as masks."""
    photographs = [
        photograph(*SIZE, seed)[0].permute(1, 2, 0).numpy() for seed in range(len(NAMES))
    ]
    samples = dict(zip(NAMES, zip(photographs, truth, strict=True), strict=True))
    for split in ("train", "val"):
        # PNG keeps all pixels; the reader looks at the content, not at the name.
        write_voc(root, "2011", split, samples, format="PNG")
    return root


@pytest.fixture
def source() -> TorchFCN:
    torch.manual_seed(5)
    return TorchFCN(8, {"": 21}, NARROW).eval()


def pluxel(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("narrow")
def test_it_predicts_is_evaluated_and_is_trained_further(
    tmp_path: Path, importing, source: TorchFCN
) -> None:
    truth = masks(source)
    data, run = voc(tmp_path / "VOCdevkit", truth), tmp_path / "run"
    torch.save(source.state_dict(), tmp_path / "fcn8s.pth")
    given = (f"dataset.voc={data}", "splits.val=val")
    assert importing("torchfcn", tmp_path / "fcn8s.pth", *given)[0] == 0

    pipeline = Pipeline.load(run, device="cpu")
    pixels = photograph(*SIZE)[0].permute(1, 2, 0).numpy()
    assert (pipeline(pixels) == truth[0]).mean() > 0.999
    assert pipeline.spaces["semantic"].class_names[:3] == ("background", "aeroplane", "bicycle")
    assert pipeline.spaces["semantic"].palette[1].tolist() == [128, 0, 0]

    assert pluxel("evaluate", run, "--device", "cpu") == 0
    scores = json.loads((run / "results.json").read_text())
    assert scores["heads"]["semantic"]["overall"]["pixel_accuracy"] > 0.999

    further = tmp_path / "further"
    changes = ["device=cpu", "training.steps=1", "training.precision=fp32", f"init_from={run}"]
    changes.append(f"dataset={{type: pluxel/voc, root: {data}, year: '2011'}}")
    assert pluxel("train", run / "config.yaml", *changes, "--run", further) == 0
    before, after = (read_state_dict(one / "weights.safetensors") for one in (run, further))
    assert before.keys() == after.keys()
    for name in ("streams.image.normalize.mean", "streams.image.normalize.order"):
        assert torch.equal(before[name], after[name])
    # The rate of the release is 1e-14 for summed losses.
    for name, value in before.items():
        torch.testing.assert_close(after[name].to(value.dtype), value, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("narrow")
@torch.no_grad()
def test_16s_without_skips_upsamples_by_2_and_then_by_16(tmp_path: Path, importing) -> None:
    torch.manual_seed(2)
    coarse, fine = (TorchFCN(stride, {"": 21}, NARROW).eval() for stride in (32, 16))
    state = {name: v for name, v in coarse.state_dict().items() if name != "upscore.weight"}
    fine.load_state_dict(state, strict=False)
    for parameter in fine.get_submodule("score_pool4").parameters():
        parameter.zero_()
    torch.save(fine.state_dict(), tmp_path / "fcn16s.pth")
    assert importing("torchfcn", tmp_path / "fcn16s.pth")[0] == 0
    height, width = 131, 98
    image = photograph(height, width)
    scores = coarse.scores(coarse.features(caffe_input(image)), "")
    for kernel, factor in ((4, 2), (32, 16)):
        weight = bilinear(21, kernel)
        scores = torch.nn.functional.conv_transpose2d(scores, weight, stride=factor)
    expected = scores[..., 27 : 27 + height, 27 : 27 + width]
    agree(pixel_scores(tmp_path / "run", {"image": image})["semantic"], expected)


@pytest.mark.usefixtures("narrow")
def test_a_network_of_other_data_names_them(tmp_path: Path, importing) -> None:
    torch.manual_seed(0)
    source = TorchFCN(16, {"": 11}, NARROW)
    torch.save(source.state_dict(), tmp_path / "camvid.pth")
    code, out, _ = importing("torchfcn", tmp_path / "camvid.pth", "dataset={type: camvid, root: a}")
    assert code == 0
    assert out.startswith("FCN-16s on VGG16, 11 classes of camvid")
    assert Pipeline.load(tmp_path / "run").spaces["semantic"].class_names[0] == "sky"


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("stride", [32, 8])
def test_a_network_of_other_data_is_evaluated_and_trained_further(
    tmp_path: Path, importing, stride: int
) -> None:
    torch.manual_seed(0)
    state = TorchFCN(stride, {"": 11}, NARROW).state_dict()
    torch.save(state, tmp_path / "camvid.pth")
    root, run, further = make_camvid(tmp_path / "CamVid"), tmp_path / "run", tmp_path / "further"
    data = f"dataset={{type: camvid, root: {root}}}"
    assert importing("torchfcn", tmp_path / "camvid.pth", data)[0] == 0

    assert pluxel("evaluate", run, "--device", "cpu") == 0
    results = json.loads((run / "results.json").read_text())
    assert results["split"] == "val"

    changes = ["device=cpu", "training.steps=1", "training.precision=fp32", f"init_from={run}"]
    assert pluxel("train", run / "config.yaml", *changes, "--run", further) == 0
    assert pluxel("evaluate", further, "--device", "cpu") == 0
    before, after = (read_state_dict(one / "weights.safetensors") for one in (run, further))
    assert before.keys() == after.keys()
    scores = "heads.semantic.decoders.image.score.weight"
    torch.testing.assert_close(after[scores].float(), before[scores], rtol=1e-2, atol=1e-3)


@pytest.mark.usefixtures("narrow")
def test_new_classes_learn_at_the_documented_rates(
    tmp_path: Path, importing, source: TorchFCN, capsys: pytest.CaptureFixture[str]
) -> None:
    run, mine = tmp_path / "run", tmp_path / "mine"
    torch.save(source.state_dict(), tmp_path / "fcn8s.pth")
    assert importing("torchfcn", tmp_path / "fcn8s.pth", "--staged")[0] == 0
    data = f"dataset={{type: camvid, root: {make_camvid(tmp_path / 'CamVid')}}}"
    changes = [data, "splits={train: train, val: val}", f"init_from={run}", "device=cpu"]
    changes += ["training.steps=1", "training.precision=fp32"]

    note = "the scores of head 'semantic' start anew for sky, building, pole, …, but hardly change"
    assert pluxel("config", "check", run / "config.yaml", *changes) == 0
    assert note in " ".join("".join(capsys.readouterr()).split())

    rates = ["training.optimizer.lr=1e-10"]
    groups = "{match: skip_scores.0, lr_factor: 1e-2}, {match: skip_scores.1, lr_factor: 1e-4}"
    rates.append(f"training.groups=[{groups}]")
    assert pluxel("train", run / "config.yaml", *changes, *rates, "--run", mine) == 0
    assert "start anew" not in "".join(capsys.readouterr())
    assert pluxel("evaluate", mine, "--device", "cpu") == 0
