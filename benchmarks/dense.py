"""Check the equality of dense prediction methods, and compare their costs with usual methods.

    python benchmarks/dense.py [equality | atrous | resampling | loss | alignment | crops | tiles |
                                memory] … [--threads 2] [--rounds 5]

Every figure is a ratio of medians, measured in turns in one run; ratios of multiply-adds show the
limit where they determine it. Peak memory is measured in a separate process, above its memory after
loading the inputs. Weights are random.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction

import torch
from _peaks import peak, report_peak
from _tiles import memory, prediction_of_tiff, tiles
from pluxel.core import Grid, Scores, resample
from pluxel.core.common.timing import in_turns, multiply_adds
from pluxel.core.config._load import load_config
from pluxel.core.engine.evaluation.dense_evaluation import dense_evaluation
from pluxel.core.geometry.dilation import Dilation
from pluxel.core.model.strips import resampled_loss
from pluxel.plugins.backbones.alexnet import AlexNet
from pluxel.plugins.backbones.vgg import VGG16
from pluxel.plugins.decoders.fcn import FCN8s
from pluxel.plugins.losses.cross_entropy import CrossEntropy
from pluxel.registry import Host
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 21


class Last(nn.Module):
    """The deepest map of a backbone."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> Tensor:
        return self.backbone(image)[-1]


def without_padding(backbone: nn.Module) -> nn.Module:
    """Remove all padding from a network, and round all pools down."""
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            layer.padding = 0 if isinstance(layer, nn.MaxPool2d) else (0, 0)
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = False
    return Last(backbone).eval()


def stitched(network: nn.Module, image: Tensor, factor: int, shift: int) -> Tensor:
    """Run the network on a crop of the image for each shift, and interlace the maps."""
    parts = {
        (y, x): network(image[:, :, y * shift :, x * shift :])
        for y in range(factor)
        for x in range(factor)
    }
    height = sum(parts[y, 0].shape[2] for y in range(factor))
    width = sum(parts[0, x].shape[3] for x in range(factor))
    whole = image.new_zeros(len(image), parts[0, 0].shape[1], height, width)
    for (y, x), part in parts.items():
        whole[:, :, y::factor, x::factor] = part
    return whole


def equality(_rounds: int) -> None:
    """À trous against shift-and-stitch, factors 2 to 32."""
    torch.manual_seed(0)
    for dtype, bound in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        worst = 0.0
        for factor in (2, 4, 8, 16, 32):
            layers: list[nn.Module] = []
            for block in range(5):
                channels = 3 if block == 0 else 6
                layers += [nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.MaxPool2d(2)]
            network = nn.Sequential(*layers).to(dtype).eval()
            image = torch.randn(1, 3, 231, 197, dtype=dtype)
            with torch.inference_mode():
                one = Dilation(network, 3, 32 // factor)(network, image, [network])
                other = stitched(network, image, factor, 32 // factor)
            worst = max(worst, float((one - other).abs().max() / (other.max() - other.min())))
        print(f"largest difference, {dtype}, f = 2…32: {worst:.1e} of the range (≤ {bound:g})")


def atrous(rounds: int) -> None:
    """À trous against shift-and-stitch at 500², networks without padding."""
    for title, make, factor in (
        ("VGG16 without fc6, fc7", lambda: VGG16(3, fc=False), 4),
        ("VGG16", lambda: VGG16(3, fc6_padding="valid"), 4),
        ("AlexNet without fc6, fc7", lambda: AlexNet(3, fc=False), 8),
        ("AlexNet", lambda: AlexNet(3, fc6_padding="valid"), 8),
    ):
        torch.manual_seed(0)
        network = without_padding(make())
        step = 32 // factor
        dilation = Dilation(network, 3, step)
        image = torch.randn(1, 3, 500, 500)

        def spread(
            dilation: Dilation = dilation, network: nn.Module = network, image: Tensor = image
        ) -> Tensor:
            with torch.inference_mode():
                return dilation(network, image, [network])

        def shifts(
            network: nn.Module = network, image: Tensor = image, f: int = factor, s: int = step
        ) -> Tensor:
            with torch.inference_mode():
                return stitched(network, image, f, s)

        seconds = in_turns({"spread": spread, "shifts": shifts}, rounds)
        one, other = spread(), shifts()
        difference = float((one - other).abs().max() / (other.max() - other.min()))
        network.to("meta")
        costs = {
            "spread": multiply_adds(
                _Call(network, lambda x, d=dilation, n=network: d(n, x, [n])), image.to("meta")
            ),
            "shifts": multiply_adds(
                _Call(network, lambda x, n=network, f=factor, s=step: stitched(n, x, f, s)),
                image.to("meta"),
            ),
        }
        limit = costs["shifts"] / costs["spread"]
        ratio = seconds["shifts"] / seconds["spread"]
        print(
            f"{title}, f = {factor}: {ratio:.1f}× faster, multiply-adds {limit:.1f}×: "
            f"{100 * ratio / limit:.0f} % of the limit (≥ 80 %); {seconds['spread']:.2f} s against "
            f"{seconds['shifts']:.2f} s, differ by {difference:.0e} of the range"
        )


class _Call(nn.Module):
    def __init__(self, network: nn.Module, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, image: Tensor) -> object:
        return self.function(image)


def resampling(rounds: int) -> None:
    """16×16 → 500×500 against the dense deconvolution of the paper, and F.interpolate."""
    for classes, wanted in ((21, 10), (150, 35)):
        tensor = torch.randn(1, classes, 16, 16)
        scores = Scores(tensor, Grid(32, Fraction(31, 2)))
        deconvolution = nn.ConvTranspose2d(classes, classes, 64, 32, bias=False)

        def ours(scores: Scores = scores) -> Tensor:
            return resample(scores, (500, 500))

        def interpolated(tensor: Tensor = tensor) -> Tensor:
            return functional.interpolate(tensor, (500, 500), mode="bilinear")

        def dense(tensor: Tensor = tensor, layer: nn.Module = deconvolution) -> Tensor:
            return layer(tensor)[..., :500, :500]

        def written(classes: int = classes) -> Tensor:
            return torch.empty(1, classes, 500, 500).fill_(1.0)

        with torch.inference_mode():
            seconds = in_turns(
                {"ours": ours, "interpolate": interpolated, "dense": dense, "written": written},
                3 * rounds,
            )
        limit = seconds["dense"] / seconds["written"]
        print(
            f"C = {classes}: {seconds['dense'] / seconds['ours']:.1f}× faster than ConvTranspose2d "
            f"(≥ {wanted}×; writing the result and nothing else: {limit:.1f}×), "
            f"{seconds['ours'] / seconds['interpolate']:.2f}× the time of F.interpolate (≤ 1); "
            f"{1e3 * seconds['ours']:.1f} ms"
        )


def loss(rounds: int) -> None:
    """Fused resampling and loss against interpolate and cross_entropy, forward and backward."""
    runs = _losses()
    seconds = in_turns(runs, rounds)
    peaks = {name: peak(f"loss:{name}") for name in runs}
    print(
        f"fused loss: {seconds['fused'] / seconds['plain']:.2f}× the time (≤ 1.0), "
        f"{100 * peaks['fused'] / peaks['plain']:.1f} % of the memory (≤ 15 %); "
        f"{seconds['fused']:.2f} s against {seconds['plain']:.2f} s, "
        f"{peaks['fused']:.0f} MiB against {peaks['plain']:.0f} MiB"
    )


def _losses() -> dict[str, Callable[[], None]]:
    classes, batch = 150, 4
    tensor = torch.randn(batch, classes, 64, 64, requires_grad=True)
    target = torch.randint(classes, (batch, 512, 512))
    target[:, ::7] = 255
    criterion = CrossEntropy(classes, 255, [str(i) for i in range(classes)], lambda: [1] * classes)
    grid = Grid(8, Fraction(7, 2))

    def plain() -> None:
        tensor.grad = None
        logits = functional.interpolate(tensor, (512, 512), mode="bilinear", align_corners=False)
        functional.cross_entropy(logits, target, ignore_index=255).backward()

    def fused() -> None:
        tensor.grad = None
        resampled_loss(criterion, Scores(tensor, grid), target).backward()

    return {"plain": plain, "fused": fused}


def alignment(rounds: int) -> None:
    """FCN-8s on its own grid against the release's pad of 100 pixels, at 500²."""
    torch.manual_seed(0)
    exact, release = VGG16(3).eval(), VGG16(3, alignment="caffe").eval()
    release.load_state_dict(exact.state_dict())
    heads = {b: FCN8s(b.feature_specs, CLASSES) for b in (exact, release)}
    for layer in (heads[exact].score, *heads[exact].skip_scores):
        nn.init.normal_(layer.weight, std=0.01)
    heads[release].load_state_dict(heads[exact].state_dict())
    image = torch.randn(1, 3, 500, 500)

    def logits(backbone: nn.Module, pixels: Tensor) -> Tensor:
        with torch.inference_mode():
            return resample(heads[backbone](backbone(pixels)), tuple(pixels.shape[-2:]))

    seconds = in_turns(
        {"exact": lambda: logits(exact, image), "release": lambda: logits(release, image)}, rounds
    )
    difference = _interior_difference(exact, release, logits)
    costs = {
        name: multiply_adds(Last(backbone).to("meta"), image.to("meta"))
        for name, backbone in (("exact", exact), ("release", release))
    }
    print(
        f"FCN-8s at 500²: {seconds['release'] / seconds['exact']:.2f}× faster than with pad 100 "
        f"(≥ 1.6×; multiply-adds {costs['release'] / costs['exact']:.2f}×); where no padding is in "
        f"sight, the image shifted by 3 pixels, scores differ by {difference:.0e} of their range"
    )


def _interior_difference(
    exact: nn.Module, release: nn.Module, logits: Callable[[nn.Module, Tensor], Tensor]
) -> float:
    """Compare the center of an image; cells of the release are 3 pixels higher and further left."""
    image = torch.randn(1, 3, 803, 803)
    mine = logits(exact, image)[..., 303:503, 303:503]
    theirs = logits(release, image[..., 3:, 3:])[..., 300:500, 300:500]
    return float((mine - theirs).abs().max() / (theirs.max() - theirs.min()))


def crops(rounds: int) -> None:
    """AlexNet's 10×10 map in one pass against 100 crops."""
    found = dense_evaluation(load_config("voc_dense_alexnet", host=Host()), rounds=rounds)
    costs = found.multiply_adds
    for title, values in (("forward", found.forward), ("forward, backward", found.backward)):
        print(
            f"AlexNet, {title}: {values['crops'] / values['one pass']:.1f}× faster than 100 crops "
            f"(≥ 5×; multiply-adds {costs['crops'] / costs['one pass']:.1f}×)"
        )


def _measure_peak(what: str) -> None:
    kind, _, name = what.partition(":")
    report_peak(_losses()[name] if kind == "loss" else prediction_of_tiff(int(name)))


PARTS = (equality, atrous, resampling, loss, alignment, crops, tiles, memory)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = {part.__name__: part for part in PARTS}
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        _measure_peak(options.peak)
        return
    for name in options.parts or parts:
        parts[name](options.rounds)


if __name__ == "__main__":
    main()
