"""Names of classes that list alternatives, and matches that a person has to decide about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pluxel.core.embeddings import UnknownWordError, name_vectors
from pluxel.core.embeddings.matching import ClassMatch, align
from pluxel.registry import Host
from torch import Tensor

WORDS = Path(__file__).parents[1] / "street_words.py"
Vectors = Callable[[Sequence[str]], Tensor]


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    host = Host(files=[WORDS])
    words = host.load(host.get("embedding", "street_words"))()
    return lambda names: name_vectors(names, [words])


def targets_of(matches: Sequence[ClassMatch]) -> dict[str, str | None]:
    return {match.source: match.target for match in matches}


CAR = "car, auto, automobile"


class TestAlternatives:
    @pytest.mark.parametrize(
        ("source", "target"),
        [
            (CAR, "car"),
            (CAR, "Automobile"),
            ("automobile", CAR),
            ("auto/car", CAR),
            ("motor;auto", CAR),
            (CAR, CAR),
            ("traffic light, stop-light", "StopLight / semaphore"),
            ("Zu\u0308rich, town", "city / z\u00fcrich"),
            ("z\u00fcrich", "Zu\u0308rich"),
        ],
    )
    def test_one_equal_alternative_is_an_equal_name(self, source: str, target: str) -> None:
        (match,) = align([source], [target], None)
        assert (match.target, match.by_name, match.is_doubtful) == (target, True, False)

    def test_whole_names_and_first_alternatives_come_first(self) -> None:
        targets = ["seat, chair", "chair, armchair", "armchair"]
        assert targets_of(align(["chair", "armchair", "stool/seat"], targets, None)) == {
            "chair": "chair, armchair",
            "armchair": "armchair",
            "stool/seat": "seat, chair",
        }
        once = align(["chair", "chair, seat"], targets, None, one_to_one=True)
        assert [match.target for match in once] == ["chair, armchair", "seat, chair"]
        once = align(["chair", "chair/stool"], ["chair, seat"], None, one_to_one=True)
        assert [match.target for match in once] == ["chair, seat", None]

    def test_the_nearest_alternative_counts(self, vectors: Vectors) -> None:
        found = align(["heaven/zorblax, truck"], ["sign; car", "road, symbol"], vectors)
        assert (found[0].target, found[0].by_name) == ("sign; car", False)
        truck, car = vectors(["truck", "car"]).double()
        assert found[0].score == pytest.approx(float(truck @ car), abs=1e-6)

    def test_names_of_which_no_alternative_has_a_vector_raise(self, vectors: Vectors) -> None:
        with pytest.raises(UnknownWordError, match=r"class 'zorblax, quux': '"):
            align(["zorblax, quux"], ["car"], vectors)

    def test_generic_alternatives(self, vectors: Vectors) -> None:
        assert align(["background/other"], ["car"], vectors, threshold=-1)[0].target is None
        assert align(["other, truck"], ["car"], vectors)[0].target == "car"


class TestDoubts:
    def match(self, target: str | None, score: float | None, margin: float | None) -> ClassMatch:
        return ClassMatch("truck", target, score, margin)

    def test_matches_that_are_weak_by_either_measure(self) -> None:
        assert not self.match("car", 0.8, 0.15).is_doubtful
        assert self.match("car", 0.79, 0.5).is_doubtful
        assert self.match("car", 0.95, 0.14).is_doubtful
        assert ClassMatch("truck", "car", 0.9, 0.3, (("bus", 0.86),)).is_doubtful
        assert not ClassMatch("truck", "car", 0.9, 0.3, (("bus", 0.84),)).is_doubtful
        assert not ClassMatch("truck", "Truck", 1.0).is_doubtful

    def test_a_class_without_a_match_but_with_one_that_stands_out(self) -> None:
        assert self.match(None, None, 0.15).is_doubtful
        assert not self.match(None, None, 0.14).is_doubtful
        assert not self.match(None, None, None).is_doubtful

    def test_a_lower_threshold_marks_what_it_adds(self, vectors: Vectors) -> None:
        sources, targets = ["street"], ["sign", "car"]
        assert align(sources, targets, vectors)[0].target is None
        (match,) = align(sources, targets, vectors, threshold=0.1)
        assert (match.target, match.is_doubtful) == ("sign", True)
