"""Match classes by name and by meaning: checks by definition, brute force, and real vectors."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pluxel.core.config.sections.labels import AlignConfig, LabelsConfig
from pluxel.core.contracts.labels import IGNORE, LabelError, LabelMap, LabelSpace
from pluxel.core.embeddings import UnknownWordError, WordVectors, name_vectors
from pluxel.core.embeddings.class_names import plain_name
from pluxel.core.embeddings.matching import (
    ClassMatch,
    align,
    best_matches,
    best_pairs,
    margins,
    vectors_of,
)
from pluxel.core.model.alignment import aligned, log_matches, resolved_labels
from pluxel.core.model.blueprint import merge_labels
from pluxel.plugins.datasets.voc import LABELS as VOC
from pluxel.registry import Host, PluxelError

WORDS = Path(__file__).parents[1] / "street_words.py"


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(files=[WORDS])


@pytest.fixture(scope="module")
def words(host: Host) -> WordVectors:
    return host.load(host.get("embedding", "street_words"))()


@pytest.fixture(scope="module")
def vectors(words):
    return lambda names: name_vectors(names, [words])


@pytest.fixture(scope="module")
def config(host):
    """What a configuration says under ``align``."""

    def config(**changes: object) -> AlignConfig:
        section = {"embedding": "street_words"} | changes
        return AlignConfig.model_validate(section, context={"host": host})

    return config


@pytest.fixture(scope="module")
def resolve(host):
    """Resolve the labels of a configuration that has ``align``."""

    def resolve(label_map: LabelMap, to: list[str], **changes: Any) -> LabelsConfig:
        ours = {key: changes.pop(key) for key in ("map", "palette") if key in changes}
        section = ours | {"align": {"embedding": "street_words", "to": to} | changes}
        labels = LabelsConfig.model_validate(section, context={"host": host})
        return resolved_labels(label_map, labels)

    return resolve


def targets_of(matches):
    return {match.source: match.target for match in matches}


cosines = arrays(
    np.float64,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.floats(-1, 1).map(lambda x: round(x, 3)),
)


class TestMargins:
    @given(cosines)
    def test_values_follow_the_definition(self, matrix):
        found = margins(matrix)
        for i, j in np.ndindex(matrix.shape):
            rivals = [
                np.sort(np.delete(line, place))[::-1][:5]
                for line, place in ((matrix[i], j), (matrix[:, j], i))
            ]
            means = [side.mean() if len(side) else 0.0 for side in rivals]
            assert found[i, j] == pytest.approx(matrix[i, j] - sum(means) / 2, abs=1e-12)

    def test_a_name_close_to_every_name_does_not_match(self):
        hub = np.array([[0.7, 0.5, 0.1], [0.7, 0.1, 0.1], [0.7, 0.1, 0.1]])
        assert hub[0].argmax() == 0
        assert margins(hub)[0].argmax() == 1


class TestPairs:
    @given(cosines, st.floats(-1, 1))
    def test_no_sum_above_the_threshold_is_greater(self, scores, threshold):
        chosen = best_pairs(scores, threshold)
        pairs = [(i, j) for i, j in enumerate(chosen) if j is not None]
        assert len({j for _, j in pairs}) == len(pairs)
        assert all(scores[pair] >= threshold for pair in pairs)
        if max(scores.shape) <= 6:
            total = sum(scores[pair] - threshold for pair in pairs)
            assert total == pytest.approx(_greatest(scores - threshold), abs=1e-6)

    @given(cosines, st.floats(-1, 1))
    def test_each_name_gets_its_best_match_or_none(self, scores, threshold):
        for row, j in zip(scores, best_matches(scores, threshold), strict=True):
            assert j == (row.argmax() if row.max() >= threshold else None)

    def test_a_pair_at_the_threshold_is_kept(self):
        scores = np.array([[0.3, 0.0], [0.0, 0.3]])[::-1]
        assert best_pairs(scores, 0.3) == [1, 0]
        assert best_pairs(scores, np.nextafter(0.3, 1)) == [None, None]

    def test_two_poor_pairs_do_not_replace_a_good_pair(self):
        scores = np.array([[0.9, 0.3], [0.3, -1.0]])
        assert best_pairs(scores, 0.25) == [0, None]

    def test_one_to_one_prefers_the_greater_sum(self):
        scores = np.array([[0.9, 0.8], [0.85, 0.2]])
        assert best_pairs(scores, 0.1) == [1, 0]
        assert best_matches(scores, 0.1) == [0, 0]


def _greatest(gains: np.ndarray) -> float:
    small = gains if gains.shape[0] <= gains.shape[1] else gains.T
    ways = itertools.permutations(range(small.shape[1]), small.shape[0])
    return max(sum(max(0.0, small[i, j]) for i, j in enumerate(way)) for way in ways)


class TestEqualNames:
    @pytest.mark.parametrize(
        "spelling", ["traffic light", "traffic-light", "TrafficLight", "trafficlight"]
    )
    def test_names_are_equal_in_any_spelling(self, spelling):
        assert plain_name(spelling) == "trafficlight"
        match = ClassMatch(spelling, "Traffic_Light", 1.0)
        assert align([spelling], ["Traffic_Light"], None) == [match]
        assert match.by_name

    def test_punctuation_alone_is_unchanged(self):
        assert (plain_name("+"), plain_name("-")) == ("+", "-")

    def test_equal_names_match_regardless_of_vectors(self, vectors):
        """The vectors would swap sky and road; zorblax has no vector."""
        swapped = {"sky": "road", "road": "sky"}
        found = align(
            ["sky", "road", "zorblax", "truck"],
            ["road", "sky", "zorblax", "car"],
            lambda names: vectors([swapped.get(name, name) for name in names]),
        )
        expected = {"sky": "sky", "road": "road", "zorblax": "zorblax", "truck": "car"}
        assert targets_of(found) == expected

    def test_two_spellings_match_one_class(self, vectors):
        spellings = ["Car", "car", "CAR"]
        assert {m.target for m in align(spellings, ["car"], vectors)} == {"car"}
        one_to_one = targets_of(align(spellings, ["car"], vectors, one_to_one=True))
        assert one_to_one == {"Car": None, "car": "car", "CAR": None}

    def test_without_vectors_only_equal_names_match(self):
        found = align(["sky", "heaven"], ["Sky", "road"], None)
        assert targets_of(found) == {"sky": "Sky", "heaven": None}


class TestMeaning:
    def test_many_to_one(self, vectors):
        sources, targets = ["car", "truck", "street", "signsymbol"], ["car", "road", "sign"]
        found = align(sources, targets, vectors)
        assert targets_of(found) == {
            "car": "car",
            "truck": "car",
            "street": "road",
            "signsymbol": "sign",
        }
        rows, columns = (vectors(names).double().numpy() for names in (sources, targets))
        assert found[1].score == pytest.approx(rows[1] @ columns[0], abs=1e-6)
        assert found[1].margin == pytest.approx(margins(rows @ columns.T)[1, 0], abs=1e-6)
        assert (found[0].score, found[0].margin) == (1.0, None)
        assert [name for name, _ in found[2].nearest] == ["sign", "car"]

    def test_one_to_one(self, vectors):
        found = align(["car", "truck", "street"], ["car", "road"], vectors, one_to_one=True)
        assert targets_of(found) == {"car": "car", "truck": None, "street": "road"}

    def test_the_threshold_excludes_poor_matches(self, vectors):
        assert align(["street"], ["road", "car"], vectors, threshold=0.99)[0].target is None

    def test_leftover_names_have_no_match(self, vectors):
        found = align(["background", "truck"], ["car", "Background", "sky"], vectors)
        assert targets_of(found) == {"background": "Background", "truck": "car"}
        found = align(["background"], ["car", "sky"], vectors, threshold=-1)
        assert targets_of(found) == {"background": None}
        found = align(["truck"], ["background"], vectors, threshold=-1)
        assert targets_of(found) == {"truck": None}

    def test_all_names_without_a_vector_are_reported_at_once(self, vectors):
        with pytest.raises(UnknownWordError) as caught:
            align(["roda", "sky"], ["truc", "car"], vectors)
        assert caught.value.message == (
            "class 'roda': 'roda' is not one of the 9 words. Did you mean 'road'?; "
            "class 'truc': 'truc' is not one of the 9 words. Did you mean 'truck'?"
        )

    def test_the_words_are_loaded_once_and_only_if_needed(self, config, words):
        lazy, before = vectors_of(lambda: [make() for make in config().embedding]), type(words).made
        align(["sky"], ["sky"], lazy)
        assert type(words).made == before
        align(["sky", "street"], ["sky", "road"], lazy)
        assert type(words).made == before + 1

    def test_the_error_suggests_a_fix(self, config):
        with pytest.raises(UnknownWordError) as caught:
            aligned(LabelMap({0: "zorblax"}), ["car"], config())
        assert caught.value.notes == (
            "map the class by name, or set 'unknown: zero' for the embedding",
        )


STREET = LabelMap({0: "heaven", 5: "truck", 9: "street", 7: "background", 11: IGNORE, 12: "car"})


class TestAligned:
    def test_every_id_gets_a_meaning(self, config):
        ids, matches = aligned(STREET, ["car", "sky", "road"], config())
        assert ids == {0: "sky", 5: "car", 9: "road", 7: IGNORE, 11: IGNORE, 12: "car"}
        assert [match.source for match in matches] == [
            "heaven",
            "truck",
            "street",
            "background",
            "car",
        ]

    def test_given_entries_are_kept(self, config):
        given = {0: IGNORE, 5: "road", 40: "sky"}
        ids, matches = aligned(STREET, ["car", "sky", "road"], config(), given)
        assert ids[0] == IGNORE
        assert ids[5] == "road"
        assert ids[40] == "sky"
        assert "truck" not in [match.source for match in matches]

    def test_one_to_one_does_not_reassign_given_targets(self, config):
        wanted = config(matching="one_to_one")
        assert aligned(STREET, ["sky", "road"], wanted)[0][9] == "road"
        assert aligned(STREET, ["sky", "road"], wanted, {5: "road"})[0][9] == IGNORE

    def test_a_class_outside_the_targets_raises(self, config):
        with pytest.raises(PluxelError, match="no class is called 'rood'. Did you mean 'road'?"):
            aligned(STREET, ["car", "road"], config(), {5: "rood"})

    def test_a_color_as_key_of_an_id_mask_raises(self, config):
        with pytest.raises(LabelError, match="'#ff0000' is not a label id"):
            aligned(STREET, ["car"], config(), {"#ff0000": "car"})


class TestResolved:
    def test_the_result_needs_no_words(self, resolve):
        labels = resolve(STREET, ["car", "sky", "road"])
        assert labels.align is None
        assert labels.map == {0: "sky", 5: "car", 9: "road", 7: IGNORE, 11: IGNORE, 12: "car"}
        space = LabelSpace(merge_labels(STREET, labels))
        assert space.class_names == ("sky", "car", "road")
        assert resolved_labels(STREET, labels) is labels

    def test_new_names_similar_to_existing_ones_are_accepted(self, resolve):
        """'signs' beside 'sign' would count as a typo if it were not listed as new."""
        dataset = LabelMap({1: "sign", 2: "car"})
        with pytest.raises(LabelError, match="unknown class 'signs'. Did you mean 'sign'?"):
            LabelSpace(merge_labels(dataset, LabelsConfig(map={2: "signs"})))
        nothing = {"type": "street_words", "unknown": "zero"}
        labels = resolve(dataset, ["sign", "signs"], map={2: "signs"}, embedding=nothing)
        assert labels.new_classes == ["signs"]
        assert LabelSpace(merge_labels(dataset, labels)).class_names == ("sign", "signs")

    def test_colors_come_from_the_configuration(self, resolve):
        labels = resolve(STREET, ["car", "sky", "road"], palette={"sky": (1, 2, 3)})
        assert labels.palette == {"sky": (1, 2, 3)}
        space = LabelSpace(merge_labels(STREET, labels))
        assert space.palette[space.class_names.index("sky")].tolist() == [1, 2, 3]

    def test_color_masks_keep_colors_as_keys(self, resolve):
        colored = LabelMap({0xFF0000: "truck", 0x0000FF: "street"}, packed_rgb=True)
        labels = resolve(colored, ["car", "road"])
        assert labels.map == {"#ff0000": "car", "#0000ff": "road"}
        assert LabelSpace(merge_labels(colored, labels)).class_names == ("car", "road")

    def test_a_class_without_a_source_raises(self, resolve):
        with pytest.raises(PluxelError) as caught:
            resolve(STREET, ["car", "sky", "road", "symbol"])
        assert str(caught.value) == (
            "no class of the dataset matches 'symbol': lower 'threshold', assign classes in 'map', "
            "or allow missing classes with 'partial: true'\n"
            "  note: ignored because nothing matched: background"
        )
        labels = resolve(STREET, ["car", "sky", "road", "symbol"], partial=True)
        assert "symbol" not in labels.map.values()
        assert (
            resolve(STREET, ["car", "sky", "road", "symbol"], map={7: "symbol"}).map[7] == "symbol"
        )

    def test_no_match_at_all_raises_even_if_partial(self, resolve):
        with pytest.raises(PluxelError, match="no class of the dataset matches 'symbol'"):
            resolve(LabelMap({0: "sky"}), ["symbol"], partial=True, threshold=0.9)

    def test_matches_are_logged(self, caplog, vectors):
        caplog.set_level("INFO", "pluxel")
        log_matches(align(["truck", "sky", "background"], ["car", "sky", "road"], vectors))
        assert caplog.messages[0].startswith("classes: truck → car (0.")
        assert caplog.messages[0].endswith("; ignored: background")


def names(text: str) -> list[str]:
    return text.split(", ")


CAMVID = names("sky, building, pole, road, pavement, tree, sign, fence, car, pedestrian, bicyclist")
CITYSCAPES = names(
    "road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, "
    "terrain, sky, person, rider, car, truck, bus, train, motorcycle, bicycle"
)


class TestRealWords:
    """GloVe 6B in 50 dimensions; its mistakes are pinned too, because docs/data.md lists them."""

    @pytest.mark.parametrize(
        ("sources", "targets", "matched", "doubtful"),
        [
            (CAMVID, CITYSCAPES, {"sign": "traffic sign"}, {"pavement", "tree"}),
            (
                CITYSCAPES,
                CAMVID,
                {"traffic sign": "sign", "truck": "car", "bus": "car"},
                {"sidewalk", "vegetation", "motorcycle", "rider", "bus"},
            ),
            (CAMVID, VOC.class_names, {}, {"sky", "tree", "bicyclist"}),
            (VOC.class_names, CAMVID, {"bus": "car"}, {"pottedplant", "tvmonitor"}),
            (VOC.class_names, CITYSCAPES, {"motorbike": "motorcycle"}, {"pottedplant"}),
        ],
        ids=range(5),
    )
    def test_only_sure_matches_by_default(self, glove, sources, targets, matched, doubtful):
        found = align(sources, targets, lambda n: name_vectors(n, [glove]))
        assert {m.source: m.target for m in found if m.target and not m.by_name} == matched
        assert {m.source for m in found if m.is_doubtful} == doubtful

    def test_cosines_alone_match_a_rider_with_a_pole(self, glove):
        rider, *others = name_vectors(["rider", "pole", "bicyclist"], [glove])
        assert [round(float(rider @ other), 2) for other in others] == [0.71, 0.42]

    def test_one_to_one_leaves_equal_names_alone(self, glove):
        found = targets_of(
            align(CITYSCAPES, CAMVID, lambda n: name_vectors(n, [glove]), one_to_one=True)
        )
        taken = [target for target in found.values() if target]
        assert len(set(taken)) == len(taken)
        assert found["pole"] == "pole"
        assert found["rider"] != "pole"
