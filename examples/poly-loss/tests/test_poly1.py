"""The loss equals the formula of the paper."""

import pytest
import torch
from pluxel_poly_loss.poly1 import Poly1
from torch.nn import functional

LOGITS = torch.tensor([2.0, -1.0, 0.5]).view(1, 3, 1, 1)
TARGET = torch.tensor([[[2]]])


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 2.5])
def test_a_pixel(epsilon: float) -> None:
    p = LOGITS.softmax(1)[0, 2, 0, 0]
    expected = -p.log() + epsilon * (1 - p)
    torch.testing.assert_close(Poly1(3, 255, epsilon=epsilon)(LOGITS, TARGET), expected)


def test_epsilon_0_is_cross_entropy() -> None:
    logits, target = torch.randn(2, 4, 5, 6), torch.randint(4, (2, 5, 6))
    target[:, 0] = 255
    expected = functional.cross_entropy(logits, target, ignore_index=255)
    torch.testing.assert_close(Poly1(4, 255, epsilon=0.0)(logits, target), expected)
