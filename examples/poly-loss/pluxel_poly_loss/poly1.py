"""Poly-1: cross-entropy plus ε (1 − p) (Leng et al., "PolyLoss", ICLR 2022, section 4)."""

from pluxel.core.authoring import PixelwiseLoss
from torch import Tensor
from torch.nn.functional import cross_entropy


class Poly1(PixelwiseLoss):
    """−log p + ε (1 − p) for the probability p of the true class. ``epsilon``: ε."""

    def __init__(self, num_classes: int, ignore_index: int, *, epsilon: float = 1.0) -> None:
        super().__init__(num_classes, ignore_index)
        self.epsilon = epsilon

    def pixel_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        loss = cross_entropy(logits, target, reduction="none")
        return loss + self.epsilon * (1 - (-loss).exp())
