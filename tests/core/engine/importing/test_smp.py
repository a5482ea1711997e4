"""Models of segmentation_models.pytorch become runs that give the same scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pluxel.plugins
import pytest
import torch
from PIL import Image
from pluxel.core import Pipeline, resample
from pluxel.core.cli import main
from pluxel.core.cli.import_ import SMP_MODELS
from pluxel.core.engine.importing.smp_heads import HEADS
from pluxel.core.engine.importing.smp_import import import_smp, read_smp
from pluxel.core.engine.importing.writing import Imported
from pluxel.registry import Host, PluxelError
from torch import Tensor, nn

HOST = Host({"pluxel": pluxel.plugins})
SIZE = 96, 128
ENCODERS = ("resnet18", "tu-convnext_atto", "tu-tf_efficientnet_lite0")
DILATED = ("tu-resnet18", "tu-tf_efficientnet_lite0", "tu-mobilenetv3_small_100")
CASES = [
    *(
        (name, encoder, {})
        for name in ("Unet", "UnetPlusPlus", "FPN", "PSPNet", "UPerNet", "Segformer")
        for encoder in ENCODERS
    ),
    *(("DeepLabV3Plus", encoder, {}) for encoder in DILATED),
    ("DeepLabV3", "tu-resnet18", {"decoder_aspp_separable": True}),
    ("DeepLabV3Plus", "tu-resnet18", {"decoder_atrous_rates": (2, 4, 6), "decoder_channels": 32}),
    ("Unet", "vgg11_bn", {}),
    ("Unet", "tu-vgg11", {"decoder_use_norm": False}),
    ("Unet", "tu-dla34", {"decoder_interpolation": "bilinear"}),
    ("Unet", "resnet18", {"encoder_depth": 4, "decoder_channels": (64, 32, 32, 16)}),
    ("Unet", "resnet18", {"decoder_attention_type": "scse"}),
    ("UnetPlusPlus", "resnet18", {"decoder_interpolation": "bilinear"}),
    ("FPN", "resnet18", {"decoder_merge_policy": "cat", "decoder_interpolation": "bilinear"}),
    ("Linknet", "resnet18", {"in_channels": 4, "classes": 1}),
    ("PSPNet", "resnet18", {"psp_out_channels": 64, "classes": 2}),
    ("UPerNet", "timm-regnetx_002", {"decoder_channels": 32}),
]


def made(smp: Any, name: str, encoder: str, **options: Any) -> nn.Module:
    """A model with norms whose statistics are not those of an untrained network."""
    torch.manual_seed(1)
    model = getattr(smp, name)(encoder, encoder_weights=None, **{"classes": 3, **options})
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # pyright: ignore[reportOptionalMemberAccess]
            module.running_var.uniform_(0.5, 2)  # pyright: ignore[reportOptionalMemberAccess]
    return model.eval()


def imported(folder: Path, output: Path, *overrides: str, **given: Any) -> Imported:
    source = read_smp(folder, **{"name": None, "encoder": None, "options": {}, **given})
    return import_smp(source, output, overrides, host=HOST)


def scores_of(output: Path, image: Tensor) -> tuple[Tensor, Tensor]:
    """The normalized image of a run, and its scores at each pixel."""
    model = Pipeline.load(output).model
    with torch.no_grad():
        normalized = model.streams["image"].prepare({"image": image}, None)
        return normalized, resample(model({"image": image})["semantic"], SIZE)


@pytest.mark.parametrize(("name", "encoder", "options"), CASES, ids=str)
def test_scores_are_equal(
    tmp_path: Path,
    peer: Callable[[str], Any],
    name: str,
    encoder: str,
    options: Mapping[str, Any],
) -> None:
    model: Any = made(peer("segmentation_models_pytorch"), name, encoder, **options)
    model.save_pretrained(tmp_path / "model")
    found = imported(tmp_path / "model", tmp_path / "run")
    shape = 1, options.get("in_channels", 3), *SIZE
    image = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0))
    normalized, scores = scores_of(tmp_path / "run", image.to(torch.uint8))
    with torch.no_grad():
        expected = model(normalized)
    if expected.shape[1] == 1:
        expected = torch.cat([torch.zeros_like(expected), expected], dim=1)
    span = expected.max() - expected.min()
    assert ((scores - expected).abs().max() / span).item() < 1e-5
    # Their own encoders keep layers that no map needs, and some steps an attention that never runs.
    unused = {"encoder_depth", "decoder_attention_type", "classes"} & options.keys()
    if encoder.startswith("tu-") or not (unused or name == "PSPNet"):
        assert found.parameters == sum(one.numel() for one in model.parameters())


def test_a_run_predicts_at_any_size(tmp_path: Path, peer: Callable[[str], Any]) -> None:
    model: Any = made(peer("segmentation_models_pytorch"), "Unet", "resnet18", classes=1)
    model.save_pretrained(tmp_path / "model")
    pixels = np.random.default_rng(0).integers(0, 256, (97, 131, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    names = "dataset.classes={0: ground, 1: person}"
    run = tmp_path / "run"
    for arguments in (
        ["import", "smp", str(tmp_path / "model"), "--output", str(run), names],
        ["predict", str(run), str(tmp_path / "photo.png"), "--output", str(tmp_path / "masks")],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    assert [*Pipeline.load(run).spaces["semantic"].class_names] == ["ground", "person"]
    with Image.open(tmp_path / "masks/index/photo.png") as opened:
        assert opened.size == (131, 97)


def test_a_state_dict_with_its_model(tmp_path: Path, peer: Callable[[str], Any]) -> None:
    model = made(peer("segmentation_models_pytorch"), "FPN", "resnet18")
    file = tmp_path / "fpn.pth"
    torch.save(model.state_dict(), file)
    with pytest.raises(PluxelError, match="give --model, such as Unet, and --encoder"):
        imported(file, tmp_path / "run")
    found = imported(file, tmp_path / "run", name="FPN", encoder="resnet18")
    assert (found.network, dict(found.classes)) == ("FPN on resnet18", {"semantic": 3})
    assert "does not name its 3 classes" in found.notes[0]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "Unett"}, "unknown model 'Unett'. Did you mean 'Unet'?"),
        ({"encoder": "mit_b0"}, "the encoder 'mit_b0': known are those whose names begin with tu-"),
        ({"encoder": "tu-resnet1"}, "timm has no model 'resnet1'. Did you mean"),
        ({"encoder": "resnet34"}, "weights of other shapes than Unet on resnet34"),
        ({"name": "FPN"}, "weights of other shapes than FPN on resnet18"),
        (
            {"name": "DeepLabV3"},
            "the encoder 'resnet18' at output stride 8: it dilates the first convolution",
        ),
        ({"options": {"decoder_use_norm": "instancenorm"}}, "decoder_use_norm='instancenorm'"),
        ({"options": {"upsampling": 2}}, "upsampling=2: its scores have stride 1"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    tmp_path: Path, peer: Callable[[str], Any], given: Mapping[str, Any], reason: str
) -> None:
    model = made(peer("segmentation_models_pytorch"), "Unet", "resnet18")
    file = tmp_path / "unet.pth"
    torch.save(model.state_dict(), file)
    with pytest.raises(PluxelError) as caught:
        imported(file, tmp_path / "run", **{"name": "Unet", "encoder": "resnet18", **given})
    assert reason in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_names_of_models_are_completed() -> None:
    assert set(SMP_MODELS) == HEADS.keys()


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(PluxelError, match="not a model of segmentation_models.pytorch: it has no"):
        imported(tmp_path / "other.pth", tmp_path / "run", name="Unet", encoder="resnet18")
    with pytest.raises(PluxelError, match=r"has no model.safetensors or pytorch_model.bin"):
        imported(tmp_path, tmp_path / "run")
