"""Compare each head with the same head of segmentation_models.pytorch, in a bare PyTorch loop.

    python benchmarks/heads.py [--encoder resnet18] [--rounds 5] [--size 256] [--batch 2]

Both networks have the encoder's layers and the same number of parameters. ``ours`` brings maps
together at the positions of their cells, and computes the loss strip by strip; the library
resamples from size to size and computes the loss of full-size scores. ``twice`` is the library
against itself: what the machine's noise does to a ratio. The loops alternate; medians are compared.
Memory is the peak of PyTorch's CPU allocations in a step.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from pluxel.core import resampled_loss
from pluxel.core.engine.importing.smp_import import import_smp, read_smp
from pluxel.core.engine.inference.pipeline import Pipeline
from pluxel.core.geometry.resampling import resample
from pluxel.plugins.losses.cross_entropy import CrossEntropy
from pluxel.registry import Host
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

HEADS = (
    *("Unet", "UnetPlusPlus", "Linknet", "FPN", "PSPNet", "DeepLabV3", "DeepLabV3Plus"),
    *("UPerNet", "Segformer"),
)
CLASSES = 11


def ours_of(model: Any, folder: Path) -> nn.Module:
    """Return the network here, with maps that meet at exact positions."""
    model.save_pretrained(folder / "model")
    source = read_smp(folder / "model", name=None, encoder=None, options={})
    settings = ["decoder.resampling=grid"]
    import_smp(source, folder / "run", settings, overwrite=True, host=Host())
    return Pipeline.load(folder / "run").model


def steps_of(ours: Any, theirs: nn.Module, images: Tensor, target: Tensor) -> dict[str, Any]:
    """Return a training step and a prediction of each network."""
    loss = CrossEntropy(CLASSES, 255, [str(i) for i in range(CLASSES)], list)
    size = target.shape[-2:]

    def our_scores() -> Any:
        return ours({"image": images})["semantic"]

    def our_step() -> None:
        resampled_loss(loss, our_scores(), target).backward()

    def their_step() -> None:
        functional.cross_entropy(theirs(images), target).backward()

    def our_prediction() -> None:
        with torch.inference_mode():
            resample(our_scores(), size).argmax(1)

    def their_prediction() -> None:
        with torch.inference_mode():
            theirs(images).argmax(1)

    return {
        "training step": (our_step, their_step),
        "prediction": (our_prediction, their_prediction),
    }


def seconds(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each call; they alternate."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):  # the first is a warm-up
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if turn:
                found[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in found.items()}


def peak(call: Callable[[], None]) -> float:
    """Return the peak of what a call allocates, in MiB."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        call()
    events: Any = recorded.profiler.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
    sizes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    current = highest = 0
    for _, size in sorted(sizes):
        current += size
        highest = max(highest, current)
    return highest / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--heads", nargs="+", default=HEADS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    options = parser.parse_args()
    random = torch.Generator().manual_seed(0)
    images = torch.rand(options.batch, 3, options.size, options.size, generator=random)
    target = torch.randint(CLASSES, (options.batch, *images.shape[2:]), generator=random)
    print(f"{'':<14} {'':<14}{'theirs':>10}{'ours':>8}{'twice':>8}{'memory':>8}")
    for name in options.heads:
        dilated = name.startswith("DeepLab")
        encoder = f"tu-{options.encoder}" if dilated else options.encoder
        theirs = getattr(smp, name)(encoder, encoder_weights=None, classes=CLASSES)
        with tempfile.TemporaryDirectory() as folder:
            ours = ours_of(theirs, Path(folder))
        for what, (our_call, their_call) in steps_of(ours, theirs, images, target).items():
            for network in (ours, theirs):
                network.train(what == "training step")
            calls = {"ours": our_call, "theirs": their_call, "again": their_call}
            found = seconds(calls, options.rounds)
            memory = peak(our_call) / peak(their_call)
            speed, twice = (found["theirs"] / found[one] for one in ("ours", "again"))
            print(
                f"{name:<14} {what:<14}{found['theirs'] * 1000:>8.1f}ms{speed:>8.2f}{twice:>8.2f}"
                f"{memory:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
