"""Results without data that are computed once equal those that PyTorch computes."""

from __future__ import annotations

import pytest
import torch
from pluxel.core.geometry.tracing._results import Results, shapes_of
from torch import Tensor, nn
from torch.nn import functional

from .networks import Net, chain, conv

FUNCTIONS = {
    "convolution": conv(3, 2),
    "norm": nn.BatchNorm2d(4).eval(),
    "pools": chain(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True)),
    "add": Net(lambda x: x + x.mean((2, 3), keepdim=True)),
    "in place": Net(lambda x: (x * 2).relu_().add_(x)),
    "concatenation": Net(lambda x: torch.cat([x, x[:, :1], x], 1)),
    "comparison": Net(lambda x: x > 0),
    "transposed": Net(lambda x: torch.sigmoid(x.permute(0, 2, 3, 1)) @ x.new_ones(4, 5)),
    "linear": Net(lambda x, a: a(x), nn.Linear(40, 7)),
    "layer norm": Net(lambda x: functional.layer_norm(x.mT, x.shape[-2:-1]).flatten(1)),
}


@pytest.mark.parametrize("network", FUNCTIONS.values(), ids=FUNCTIONS)
def test_repeated_results_have_the_shapes_of_real_ones(network: nn.Module) -> None:
    wanted = [tuple(network(torch.zeros(2, 4, 30, 40)).shape)]
    results = Results()
    on_meta = network.to("meta")
    for _ in range(3):
        assert shapes_of(on_meta, (2, 4, 30, 40), results) == wanted
        assert shapes_of(on_meta, (1, 4, 50, 40), results) != wanted


@torch.inference_mode()
def test_results_have_strides_and_type() -> None:
    results, x = Results(), torch.zeros(2, 3, 4, 5, device="meta").permute(0, 2, 3, 1)
    add, lower = torch.ops.aten.add.Tensor, torch.ops.aten.lt.Scalar
    for func, arguments in ((add, (x, x)), (lower, (x, 1))):
        first, second = (results.of(func, arguments, {}) for _ in range(2))
        wanted = func(*arguments)
        assert first is not second
        for found in (first, second):
            assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
            assert (found.stride(), found.device) == (wanted.stride(), wanted.device)


def test_a_result_in_place_is_its_operand() -> None:
    results, x = Results(), torch.zeros(3, device="meta")
    with torch.inference_mode():
        assert all(results.of(torch.ops.aten.relu_.default, (x,), {}) is x for _ in range(3))


@pytest.mark.parametrize("other", [(1, 4, 9, 8), (1, 4, 8, 9)])
def test_sizes_that_do_not_match_raise_each_time(other: tuple[int, ...]) -> None:
    def add(x: Tensor) -> Tensor:
        return x + torch.zeros(other, device=x.device)

    results = Results()
    assert shapes_of(Net(add), other, results) == [other]
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"must match|broadcast"):
            shapes_of(Net(add), (1, 4, 8, 8), results)


def test_operations_on_data_are_never_repeated() -> None:
    results, add = Results(), torch.ops.aten.add.Tensor
    for value in (1.0, 2.0):
        x = torch.full((3,), value)
        assert torch.equal(results.of(add, (x, x), {}), 2 * x)
