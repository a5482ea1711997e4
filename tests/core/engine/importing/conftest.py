"""Import published networks, and compare them with the networks themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pluxel.core import Pipeline
from pluxel.core.cli import main
from pluxel.core.geometry.resampling import resample
from torch import Tensor

from .networks import make_narrow


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    make_narrow(monkeypatch)


@pytest.fixture
def importing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Run ``pluxel import …``, which writes ``run``: arguments -> (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["import", *map(str, arguments), "--output", str(tmp_path / "run")])
        return (ended.value.code or 0, *capsys.readouterr())

    return run


@torch.inference_mode()
def pixel_scores(run: Path, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The scores of every pixel by head, from uint8 images (N, 3, H, W)."""
    model = Pipeline.load(run, device="cpu").model
    size = next(iter(inputs.values())).shape[-2:]
    return {head: resample(scores, tuple(size)) for head, scores in model(inputs).items()}


def photograph(height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)


def agree(found: Tensor, expected: Tensor) -> None:
    """Equal to 1e-4 of the range; the labels differ only where two classes tie."""
    span = float(expected.max() - expected.min())
    assert float((found - expected).abs().max()) <= 1e-4 * span
    best = expected.topk(2, dim=1).values
    clear = (best[:, 0] - best[:, 1]) > 2e-4 * span
    assert torch.equal(found.argmax(1)[clear], expected.argmax(1)[clear])
    assert clear.float().mean() > 0.9
