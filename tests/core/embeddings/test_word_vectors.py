"""Word vectors in memory, and third-party embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.embeddings import Unknown, UnknownWordError, WordVectors
from pluxel.registry import PluxelError
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

WORDS = ["the", "traffic", "light", "sign", "symbol", "nothing", "New York", "Rome", "rome"]
VECTORS = torch.tensor(
    [[1, 0], [3, 4], [0, 2], [-5, 0], [6, 8], [0, 0], [7, 1], [2, 2], [9, 9]], dtype=torch.float32
)
TOKENS = st.sampled_from([*WORDS, "THE", "ROME", "new york"]) | st.text("Rome thexyz", max_size=6)


def words(unknown: Unknown = "error") -> WordVectors:
    return WordVectors(WORDS, VECTORS, unknown=unknown)


class ThirdParty:
    """The minimal embedding."""

    def __init__(self, vectors: Any, itos: Sequence[str] = ("sky", "road")) -> None:
        self.itos: Sequence[str] = itos
        self.stoi: Mapping[str, int] = {word: i for i, word in enumerate(itos)}
        self.vectors, self.dim = vectors, vectors.shape[1]


def test_attributes() -> None:
    found = words()
    assert (len(found), found.dim, found.unknown, found.has_subwords) == (9, 2, "error", False)
    assert [*found.itos] == WORDS
    assert found.stoi == {word: place for place, word in enumerate(WORDS)}
    assert "Rome" in found
    assert "ROME" not in found
    assert torch.equal(found.vectors, VECTORS)
    assert found.norms.tolist() == [1, 5, 2, 5, 10, 0, 50**0.5, 8**0.5, 162**0.5]
    assert torch.equal(found.mean, VECTORS.double().mean(0))


def test_stored_norms_and_mean_are_not_recomputed() -> None:
    norms, mean = torch.ones(9, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    found = WordVectors(WORDS, VECTORS, norms=norms, mean=mean)
    assert found.norms is found.index.norms is norms
    assert found.mean is mean


@pytest.mark.parametrize("shape", [(8, 2), (9,), (9, 2, 1)])
def test_misshapen_vectors_raise(shape: tuple[int, ...]) -> None:
    with pytest.raises(PluxelError, match=r"^9 words do not fit vectors \("):
        WordVectors(WORDS, torch.zeros(shape))
    with pytest.raises(PluxelError, match=r"vectors must be a tensor \(N, D\), not ndarray"):
        WordVectors(WORDS, np.zeros(shape))  # pyright: ignore[reportArgumentType]


class TestVector:
    @pytest.mark.parametrize("word", WORDS)
    def test_vector_of_a_word_is_its_row(self, word: str) -> None:
        found = words()
        assert found.vector(word).tolist() == found[word].tolist()
        assert found[word].tolist() == VECTORS[WORDS.index(word)].tolist()

    def test_capitals(self) -> None:
        assert words()["Traffic"].tolist() == [3, 4]
        assert words()["Rome"].tolist() == [2, 2]
        assert words()["ROME"].tolist() == [9, 9]

    @pytest.mark.parametrize(
        "text",
        ["traffic light", "traffic-light", "traffic_light", "TrafficLight", " Traffic  Light "],
    )
    def test_vector_of_a_phrase_is_the_mean_of_unit_vectors(self, text: str) -> None:
        found = words()[text]
        assert found.dtype == torch.float32
        assert torch.allclose(found, torch.tensor([0.3, 0.9]))

    def test_zeros_have_no_direction(self) -> None:
        assert torch.allclose(words()["sign nothing"], torch.tensor([-0.5, 0]))
        assert words()["nothing nothing"].tolist() == [0, 0]

    def test_huge_and_tiny_vectors_have_equal_weight(self) -> None:
        found = WordVectors(["big", "small"], torch.tensor([[3e38, 3e38], [0, 1e-45]]))
        assert torch.allclose(found["big small"], torch.tensor([0.5**1.5, 0.5**1.5 + 0.5]))

    def test_only_names_are_split_without_boundaries(self) -> None:
        expected = torch.tensor([-0.2, 0.4])
        assert torch.allclose(words().name_vector("signsymbol"), expected)
        assert torch.allclose(words().name_vector("Sign_Symbol"), expected)
        with pytest.raises(UnknownWordError, match="'signsymbol' is not one of the 9 words"):
            words()["signsymbol"]


class TestUnknown:
    def test_unknown_choice_raises(self) -> None:
        with pytest.raises(PluxelError) as caught:
            words("zer")
        assert str(caught.value) == (
            "unknown: 'zer' is not one of error, zero, mean, subword. Did you mean 'zero'?"
        )

    def test_error(self) -> None:
        with pytest.raises(UnknownWordError) as caught:
            words()["sing"]
        assert str(caught.value) == "'sing' is not one of the 9 words. Did you mean 'sign'?"
        with pytest.raises(UnknownWordError, match=r"^'qqqqqq' is not one of the 9 words\.$"):
            words()["qqqqqq"]

    def test_unknown_part_of_a_phrase_is_named(self) -> None:
        text = "^'lihgt' is not one of the 9 words. Did you mean 'light'?"
        with pytest.raises(UnknownWordError, match=text):
            words()["traffic lihgt"]

    @pytest.mark.parametrize("text", ["", "—", "...", " "])
    def test_text_without_words_raises(self, text: str) -> None:
        with pytest.raises(UnknownWordError, match=f"^'{text}' is not one of the 9 words"):
            words()[text]
        assert words("zero")[text].tolist() == [0, 0]

    def test_long_words_are_shown_in_part(self) -> None:
        with pytest.raises(UnknownWordError) as caught:
            words()["q" * 3000]
        assert str(caught.value) == f"'{'q' * 60}…' is not one of the 9 words."

    @pytest.mark.parametrize("text", [None, 3, b"sign", ["sign"]])
    def test_wrong_type_raises(self, text: object) -> None:
        with pytest.raises(
            PluxelError, match=f"a word must be a string, not {type(text).__name__}"
        ):
            words()[text]  # pyright: ignore[reportArgumentType]

    def test_zero_and_mean(self) -> None:
        assert words("zero")["qqqqqq"].tolist() == [0, 0]
        assert torch.equal(words("mean")["qqqqqq"], VECTORS.mean(0))
        assert torch.allclose(words("zero")["sign qqqqqq"], torch.tensor([-0.5, 0]))
        mean = VECTORS.mean(0)
        expected = (torch.tensor([-1, 0]) + mean / mean.norm()) / 2
        assert torch.allclose(words("mean")["sign qqqqqq"], expected)

    def test_subword(self) -> None:
        with pytest.raises(PluxelError) as caught:
            words("subword")
        assert str(caught.value) == (
            "unknown: subword needs a model with subword vectors, such as a fastText .bin; "
            "this embedding supports error, zero, mean"
        )

    def test_subword_model_is_used(self) -> None:
        class Parts(WordVectors):
            has_subwords = True

            def known(self, word: str) -> Tensor | None:
                return torch.full((2,), float(len(word)))

        found = Parts(WORDS, VECTORS, unknown="subword")
        assert found["traffic-light"].tolist() == [13, 13]
        assert torch.allclose(found["traffic lihgt"], torch.full((2,), 0.5**0.5))


class TestAsTorchtext:
    @given(st.lists(TOKENS, min_size=1, max_size=6), st.booleans())
    def test_the_same_vectors(self, tokens: list[str], lower: bool) -> None:
        def vector_of(token: str) -> Tensor:
            """As ``torchtext.vocab.Vectors.__getitem__``, which fills up with zeros."""
            return VECTORS[WORDS.index(token)] if token in WORDS else torch.zeros(2)

        asked = [one if one in WORDS or not lower else one.lower() for one in tokens]
        found = words("zero").get_vecs_by_tokens(tokens, lower_case_backup=lower)
        assert torch.equal(found, torch.stack([vector_of(one) for one in asked]))

    def test_a_string_is_one_word(self) -> None:
        assert words().get_vecs_by_tokens("New York").tolist() == [7, 1]
        assert words("zero").get_vecs_by_tokens("THE").tolist() == [0, 0]
        assert words("zero").get_vecs_by_tokens("THE", True).tolist() == [1, 0]

    def test_phrases_are_not_split(self) -> None:
        assert words("zero").get_vecs_by_tokens(["traffic light", "the"]).tolist() == [
            [0, 0],
            [1, 0],
        ]
        with pytest.raises(UnknownWordError, match="'traffic light' is not one of"):
            words().get_vecs_by_tokens("traffic light")

    @pytest.mark.parametrize("tokens", [[], (), iter(())])
    def test_no_words(self, tokens: Any) -> None:
        found = words().get_vecs_by_tokens(tokens)
        assert (found.dtype, tuple(found.shape)) == (torch.float32, (0, 2))


class TestThirdParty:
    def test_word_vectors_are_returned_unchanged(self) -> None:
        found = words()
        assert WordVectors.of(found) is found

    @pytest.mark.parametrize(
        "vectors",
        [
            torch.tensor([[3, 4], [0, 2.0]]),
            torch.tensor([[3, 0], [4, 2.0]]).T,
            torch.tensor([[3, 9, 4], [0, 9, 2.0]])[:, ::2],
            torch.tensor([[3, 4], [0, 2]], dtype=torch.float64),
            torch.tensor([[3, 4], [0, 2]], dtype=torch.bfloat16),
            torch.nn.Parameter(torch.tensor([[3, 4], [0, 2.0]])),
            np.array([[3, 4], [0, 2]], np.float32),
            np.array([[3, 4], [0, 2]]),
            np.array([[3, 4], [0, 2.0]])[:, ::-1][:, ::-1],
        ],
        ids=[
            "plain",
            "transposed",
            "strided",
            "float64",
            "bfloat16",
            "parameter",
            "numpy",
            "int",
            "view",
        ],
    )
    def test_any_numeric_type(self, vectors: Any) -> None:
        found = WordVectors.of(ThirdParty(vectors))
        assert found["sky"].tolist() == [3, 4]
        assert (found["sky"].dtype, found["sky"].requires_grad) == (torch.float32, False)
        assert torch.allclose(found["sky road"], torch.tensor([0.3, 0.9]))
        assert (found.norms.tolist(), found.mean.tolist()) == ([5, 2], [1.5, 3])
        assert found.index.search(found["sky"], 2).indices.tolist() == [0, 1]

    def test_float32_is_not_copied(self) -> None:
        vectors = torch.rand(2, 3)
        assert WordVectors.of(ThirdParty(vectors)).vectors.data_ptr() == vectors.data_ptr()

    @pytest.mark.parametrize("vectors", [torch.eye(2), np.eye(2)], ids=["torch", "numpy"])
    def test_on_a_default_device_without_memory(self, vectors: Any) -> None:
        with torch.device("meta"):
            found = WordVectors.of(ThirdParty(vectors))
            assert found["sky road"].tolist() == [0.5, 0.5]
            assert WordVectors.of(ThirdParty(vectors)).mean.tolist() == [0.5, 0.5]
            assert found.norms.tolist() == [1, 1]

    @pytest.mark.usefixtures("fake_gpu")
    @pytest.mark.parametrize("unknown", ["zero", "mean"])
    def test_devices_are_not_mixed(self, unknown: Unknown) -> None:
        """On a GPU that is not there."""
        with FakeTensorMode():
            found = WordVectors(["sky", "road"], torch.ones(2, 3, device="cuda"), unknown=unknown)
            for text in ("sky", "qqqqqq", "sky road", "sky qqqqqq"):
                assert found[text].device.type == "cuda"
            assert found.get_vecs_by_tokens(["sky", "qqqqqq"]).device.type == "cuda"
            assert found.get_vecs_by_tokens([]).device.type == "cuda"
            assert found.mean.device.type == "cuda"


def test_the_mean_of_many_rows_is_that_of_float64() -> None:
    rows = torch.full((100_000, 1), 0.1)
    words = WordVectors([str(i) for i in range(len(rows))], rows)
    assert words.mean.item() == pytest.approx(rows[0].item(), rel=1e-12)


def test_rows_belong_to_the_words_that_stoi_names() -> None:
    """The order of the words may differ from that of the rows, as in spaCy's tables."""
    third = ThirdParty(VECTORS[:4], ("sun", "moon", "sea"))
    third.stoi = {"sun": 2, "moon": 0, "sea": 3}
    found = WordVectors.of(third)
    assert [*found.itos] == ["sun", "moon", "sea"]
    assert torch.equal(found.vectors, VECTORS[[2, 0, 3]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 300}, r"^dim is 300, but the vectors are \(2, 2\)$"),
        ({"stoi": {"sky": 0}}, "^stoi gives no row of the vectors for the word 'road'$"),
        ({"stoi": {"sky": 0, "road": 2}}, "^stoi gives no row of the vectors for the word 'road'$"),
        ({"itos": ["sky", float("nan")]}, "^word 1 is nan, but words must be strings"),
        ({"itos": [b"sky", b"road"]}, "^word 0 is b'sky', but words must be strings"),
    ],
)
def test_embeddings_that_contradict_themselves_raise(
    change: Mapping[str, Any], message: str
) -> None:
    third = ThirdParty(VECTORS[:2])
    vars(third).update(change)
    with pytest.raises(PluxelError, match=message):
        WordVectors.of(third)


def test_norms_and_mean_follow_changes() -> None:
    found = WordVectors(WORDS, VECTORS.clone())
    assert found.norms[0] == 1
    assert torch.equal(found.mean, VECTORS.double().mean(0))
    found.vectors[0] = torch.tensor([0.0, 30.0])
    assert found.norms[0] == 30
    assert torch.equal(found.mean, found.vectors.double().mean(0))


def test_norms_of_earlier_values_are_not_used() -> None:
    """The vectors may change before the first search."""
    vectors = VECTORS.clone()
    norms, mean = vectors.double().norm(dim=1), vectors.double().mean(0)
    found = WordVectors(WORDS, vectors, norms=norms, mean=mean)
    found.vectors[0] = torch.tensor([0.0, 30.0])
    assert found.norms[0] == 30
    assert torch.equal(found.mean, found.vectors.double().mean(0))
