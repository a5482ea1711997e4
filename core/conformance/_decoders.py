"""What every decoder must guarantee."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..common.randomness import seeded
from ..common.torch_private import fake_devices
from ..geometry.fit import check_fit
from ..geometry.grid import Grid
from ..geometry.scores import Scores
from ..geometry.tracing import measure
from ._backbones import load_into
from ._check import ConformanceError, require
from ._networks import (
    DEEPEST,
    Network,
    exported,
    image_for,
    pyramid,
    randomized,
    require_equal,
    require_finite,
    require_gradients,
    require_on,
    without_values,
)
from ._subject import NUM_CLASSES, Subject


def pyramids(subject: Subject) -> None:
    """It builds on backbones of several widths and grids; the scores have the grid they claim."""
    for network in _networks(subject):
        for size in ((64, 64), (96, 160)):
            image = image_for(network.backbone, *size, batch=2)
            found = _scores(network, image)
            require(
                found.tensor.shape[:2] == (2, NUM_CLASSES),
                f"the scores are {tuple(found.tensor.shape)}, not (2, {NUM_CLASSES}, h, w)",
            )
            check_fit(str(subject), found, [(size, Grid())])


def _networks(subject: Subject) -> Iterator[Network]:
    for backbone in (pyramid(), pyramid((5, 3, 8, 8, 16), 2), pyramid((64, 2, 2, 1, 1))):
        yield _network(subject, backbone)


def _network(subject: Subject, backbone: nn.Module | None = None) -> Network:
    """Return a network whose scores depend on the image, though decoders may start at zero."""
    network = Network(subject, backbone or pyramid())
    randomized(network.head)
    return network.eval()


def moves_with_the_image(subject: Subject) -> None:
    """Moving the image by the coarsest stride moves the scores by as many pixels."""
    network = _network(subject)
    try:
        _require_movement(network, 16)
    except ConformanceError:
        # The receptive field may be larger than most of the smaller image.
        _require_movement(network, 32)


def _require_movement(network: Network, cells: int) -> None:
    side = cells * DEEPEST
    with seeded(5):
        large = torch.randn(1, 3, side + DEEPEST, side + DEEPEST)
    first = _scores(network, large[..., :side, :side])
    moved = _scores(network, large[..., DEEPEST:, DEEPEST:])
    down, across = (int(DEEPEST / stride) for stride in first.grid.stride)
    middle = [slice(size * 7 // 16, size * 9 // 16) for size in first.tensor.shape[-2:]]
    expected = first.tensor.roll((-down, -across), (-2, -1))[..., middle[0], middle[1]]
    require_equal(
        [moved.tensor[..., middle[0], middle[1]]],
        [expected],
        f"moving the image by {DEEPEST} pixels changes the scores in the middle. A decoder that "
        "uses the whole image (pooling over it, attention, positions) fails by design: list it in "
        "expected_failures; tiles of large images then cannot be exact",
    )


def gradients(subject: Subject) -> None:
    """In training mode, gradients reach every parameter."""
    network = _network(subject)
    image = image_for(network.backbone, 96, 96, batch=2)
    require_gradients(network.head, lambda: [network(image)], "the scores")


def grid_is_measured(subject: Subject) -> None:
    """The scores lie on the grid that they declare, as far as Pluxel can measure it."""
    for network in _networks(subject):
        declared = _scores(network, image_for(network.backbone, 96, 96)).grid
        (found,) = measure(_AsOnlyMap(network), 3).specs
        require(
            found.source == "assumed" or found.grid == declared,
            f"the scores are declared on a grid of {declared}; measured: {found.grid}",
        )


class _AsOnlyMap(nn.Module):
    """A network whose only map is its scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> list[Tensor]:
        return [self.network(image)]


def batch_independence(subject: Subject) -> None:
    """In evaluation mode, the scores of an image do not depend on the others of its batch."""
    network = _network(subject)
    image = image_for(network.backbone, 64, 96, batch=2)
    both = _scores(network, image).tensor
    alone = _scores(network, image[:1]).tensor
    require_equal([alone], [both[:1]], "an image without the rest of its batch")


def deterministic(subject: Subject) -> None:
    """In evaluation mode, the same image always gives the same scores."""
    network = _network(subject)
    image = image_for(network.backbone, 64, 64)
    first = _scores(network, image).tensor
    with seeded(4):
        again = _scores(network, image).tensor
    require_equal([again], [first], "the same image twice", tolerance=0)


def devices(subject: Subject) -> None:
    """It creates no tensor on another device than that of the maps."""
    for device in fake_devices():
        network = _network(subject)
        with without_values(), torch.device(device):
            network.to_empty(device=device)
            found = _scores(network, torch.zeros(1, 3, 96, 96))
        require_on(device, [found.tensor], "the scores")


def autocast(subject: Subject) -> None:
    """Under bfloat16 autocast, the scores have the same size and finite values."""
    network = _network(subject)
    image = image_for(network.backbone, 96, 96, batch=2)
    with torch.autocast("cpu", torch.bfloat16):
        found = _scores(network, image).tensor
    require(found.shape == _scores(network, image).tensor.shape, "autocast changes the size")
    require_finite([found], "the scores under bfloat16 autocast")


def state_dict(subject: Subject) -> None:
    """Its ``state_dict`` holds everything that it needs to give the same scores in another run."""
    network = _network(subject)
    decoder = subject.decoder(network.backbone, seed=1)
    other = Network(subject, network.backbone, decoder).eval()
    load_into(other.head, network.head)
    image = image_for(network.backbone, 64, 64)
    pair = [_scores(one, image).tensor for one in (other, network)]
    require_equal(pair[:1], pair[1:], "a copy by state_dict", tolerance=0)


def export(subject: Subject) -> None:
    """``torch.export`` accepts it, and the exported network gives the same scores."""
    network = _network(subject)
    image = image_for(network.backbone, 64, 96)
    found: Tensor = exported(network, image)(image)
    require_equal([found], [_scores(network, image).tensor], "the exported network")


def _scores(network: Network, image: Tensor) -> Scores:
    with torch.no_grad():
        return network.scores(image)


CHECKS = (
    pyramids,
    grid_is_measured,
    moves_with_the_image,
    gradients,
    batch_independence,
    deterministic,
    devices,
    autocast,
    state_dict,
    export,
)
