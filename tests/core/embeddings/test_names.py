"""Vectors of class names."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import Unknown, UnknownWordError, WordVectors, name_vectors
from torch._subclasses.fake_tensor import FakeTensorMode


def one(unknown: Unknown = "error", device: str = "cpu") -> WordVectors:
    vectors = torch.tensor([[3.0, 4], [0, 2], [0, 0]], device=device)
    return WordVectors(["sky", "road", "void"], vectors, unknown=unknown)


def other(device: str = "cpu") -> WordVectors:
    return WordVectors(["sky", "road", "void"], torch.eye(3, device=device) * 1e-30)


class ThirdParty:
    itos = ("sky", "road")
    stoi = {"sky": 0, "road": 1}
    vectors = torch.tensor([[3, 4], [0, 2]], dtype=torch.float64)
    dim = 2


def test_unit_vectors_in_order() -> None:
    found = name_vectors(["Road", "sky", "road"], [one()])
    assert found.dtype == torch.float32
    assert torch.allclose(found, torch.tensor([[0, 1], [0.6, 0.8], [0, 1]]))


def test_phrases_and_run_together_words() -> None:
    found = name_vectors(["skyroad", "SkyRoad", "sky road"], [one()])
    expected = torch.tensor([0.3, 0.9]) / 0.9**0.5
    assert torch.allclose(found, expected.expand(3, 2))


def test_several_embeddings_are_concatenated_with_equal_weight() -> None:
    found = name_vectors(["sky", "road"], [one(), other()])
    expected = torch.tensor([[0.6, 0.8, 1, 0, 0], [0, 1, 0, 1, 0]]) / 2**0.5
    assert torch.allclose(found, expected)


def test_any_embedding_is_accepted() -> None:
    found = name_vectors(["sky"], [ThirdParty(), one()])
    assert torch.allclose(found, torch.tensor([[0.6, 0.8, 0.6, 0.8]]) / 2**0.5)


def test_zeros_stay_zeros() -> None:
    assert name_vectors(["void"], [one()]).tolist() == [[0, 0]]
    assert name_vectors(["qqqqqq"], [one("zero")]).tolist() == [[0, 0]]
    assert name_vectors(["void"], [one(), other()]).tolist() == [[0, 0, 0, 0, 1]]


def test_all_unknown_names_are_reported() -> None:
    with pytest.raises(UnknownWordError) as caught:
        name_vectors(["raod", "sky", "qqqqqq"], [one()])
    assert str(caught.value) == (
        "class 'raod': 'raod' is not one of the 3 words. Did you mean 'road'?; "
        "class 'qqqqqq': 'qqqqqq' is not one of the 3 words."
    )


def test_first_of_many_unknown_names_are_reported_shortened() -> None:
    with pytest.raises(UnknownWordError) as caught:
        name_vectors([f"{'q' * 101}{i}" for i in range(1012)], [one()])
    first, *others, last = str(caught.value).split("; ")
    assert first == f"class '{'q' * 60}…': '{'q' * 60}…' is not one of the 3 words."
    assert (len(others), last) == (9, "and 1,002 others")


def test_no_names() -> None:
    assert name_vectors([], [one(), other()]).shape == (0, 5)


@given(st.lists(st.sampled_from(["sky", "road", "sky road", "ROAD-sky"]), max_size=5))
def test_vectors_have_unit_length(names: list[str]) -> None:
    found = name_vectors(names, [one(), other()])
    assert torch.allclose(found.norm(dim=1), torch.ones(len(names)))


def test_meta_as_default_device() -> None:
    with torch.device("meta"):
        found = name_vectors(["sky"], [ThirdParty()])
        empty = name_vectors([], [ThirdParty()])
    assert torch.allclose(found, torch.tensor([[0.6, 0.8]]))
    assert empty.device.type == "cpu"


@pytest.mark.usefixtures("fake_gpu")
def test_devices_may_differ() -> None:
    """With one embedding on a (fake) GPU, the result is in main memory."""
    with FakeTensorMode():
        found = name_vectors(["sky", "sky qqqqqq"], [one("zero", "cuda"), one("mean")])
        assert name_vectors(["sky"], [one(device="cuda"), other("cuda")]).device.type == "cpu"
    assert (found.device.type, tuple(found.shape)) == ("cpu", (2, 4))
