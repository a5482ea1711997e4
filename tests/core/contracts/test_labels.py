"""Raw ids to classes and back, without shifting, wrapping or guessing."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.sections.labels import LabelsConfig
from pluxel.core.contracts.labels import (
    LabelError,
    LabelMap,
    LabelSpace,
)
from pluxel.core.model.blueprint import merge_labels
from pydantic import ValidationError

STREET = LabelMap({7: "road", 0: "sky", 8: "pavement", 11: "ignore"}, {"sky": (70, 130, 180)})


def space(**changes) -> LabelSpace:
    return LabelSpace(merge_labels(STREET, LabelsConfig(**changes)))


label_maps = st.builds(
    LabelMap,
    ids=st.dictionaries(
        st.integers(0, 70_000),
        st.sampled_from(["sky", "road", "car", "tree", "ignore"]),
        min_size=1,
        max_size=12,
    ).filter(lambda ids: set(ids.values()) != {"ignore"}),
)


class TestEncode:
    def test_classes_are_numbered_by_first_occurrence(self):
        assert space().class_names == ("road", "sky", "pavement")
        assert space().encode(np.array([[0, 7], [8, 11]], np.uint8)).tolist() == [[1, 0], [2, 255]]

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.int64])
    def test_accepts_every_integer_type(self, dtype):
        assert space().encode(np.array([[0, 7]], dtype)).dtype == np.uint8
        assert space().encode(np.array([[0, 7]], dtype)).tolist() == [[1, 0]]

    def test_accepts_one_bit_masks(self):
        binary = LabelSpace(LabelMap({0: "no", 1: "yes"}))
        assert binary.encode(np.array([[True, False]])).tolist() == [[1, 0]]

    def test_rejects_floats(self):
        with pytest.raises(LabelError, match=r"m.npy: label ids must be integers, not float32"):
            space().encode(np.zeros((2, 2), np.float32), "m.npy")

    @given(label_maps, st.data())
    def test_decode_reverses_encode(self, label_map, data):
        """decode(encode(raw)) returns the first listed id of the class."""
        labels = LabelSpace(label_map)
        ids = list(label_map.ids)
        raw = np.array(data.draw(st.lists(st.sampled_from(ids), min_size=1)), np.uint32)[None]
        first = {}
        for one, name in label_map.ids.items():
            first.setdefault(name, one)
        expected = [[first[label_map.ids[int(one)]] for one in raw[0]]]
        assert labels.decode(labels.encode(raw)).tolist() == expected

    @given(label_maps)
    def test_encode_reverses_decode(self, label_map):
        labels = LabelSpace(label_map)
        classes = np.arange(labels.num_classes, dtype=labels.dtype)[None]
        assert (labels.encode(labels.decode(classes)) == classes).all()

    @pytest.mark.parametrize("dtype", [np.uint8, np.int32])
    def test_reports_file_id_place_count_and_fix_of_an_unlisted_id(self, dtype):
        raw = np.zeros((4, 5), dtype)
        raw[1, 3] = raw[2, 0] = raw[3, 4] = 37
        raw[3, 1] = 38
        with pytest.raises(LabelError) as caught:
            space().encode(raw, Path("masks/a.png"))
        assert str(caught.value) == (
            "masks/a.png: label id 37 is not in the label map: first at row 1, column 3, "
            "3 pixels in total (also 38). Add it to the label map, for example "
            "labels: {map: {37: ignore, 38: ignore}}"
        )

    def test_reports_an_unlisted_color_in_the_spelling_of_yaml(self):
        colors = LabelSpace(LabelMap({0xFF0000: "roof"}, packed_rgb=True))
        with pytest.raises(LabelError, match=re.escape('{map: {"#00ff01": ignore}}')):
            colors.encode(np.array([[0x00FF01]], np.uint32), "a.png")

    def test_accepts_listed_negative_ids(self):
        labels = space(map={-1: "ignore"})
        assert labels.encode(np.array([[-1, 0]], np.int32)).tolist() == [[255, 1]]
        with pytest.raises(LabelError, match="label id -2"):
            labels.encode(np.array([[-2, 0]], np.int32))

    def test_does_not_wrap_wide_ids(self):
        """Read as uint8, 256 becomes 0 and 300 becomes 44: a classic source of wrong labels."""
        labels = LabelSpace(LabelMap({0: "a", 44: "b", 300: "c"}))
        assert labels.encode(np.array([[300, 44]], np.uint16)).tolist() == [[2, 1]]
        with pytest.raises(LabelError, match="label id 256"):
            labels.encode(np.array([[256]], np.uint16))


class TestManyClasses:
    @pytest.mark.parametrize(("count", "ignore", "dtype"), [(255, 255, "u1"), (256, 65535, "u2")])
    def test_many_classes_widen_the_type(self, count, ignore, dtype):
        labels = LabelSpace(LabelMap({i: f"class {i}" for i in range(count)} | {count: "ignore"}))
        assert labels.ignore_index == ignore
        raw = np.arange(count + 1, dtype=np.uint16)[None]
        classes = labels.encode(raw)
        assert classes.dtype == np.dtype(dtype)
        assert classes[0, -1] == ignore
        assert (labels.decode(classes) == raw).all()

    @pytest.mark.parametrize("count", [1, 254, 255, 256, 65534, 65535])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
    def test_no_class_is_taken_for_an_unlisted_id(self, count, dtype):
        """With 255 and 65535 classes, every class index and the ignored one are in use."""
        gap = min(count // 2, 100)
        listed = [raw for raw in range(count + 1) if raw != gap]
        labels = LabelSpace(LabelMap({raw: f"class {raw}" for raw in listed} | {70_000: "ignore"}))
        raw = np.array([[one for one in listed if one <= np.iinfo(dtype).max]], dtype)
        assert labels.encode(raw).tolist() == [list(range(raw.size))]
        raw[0, -1] = gap
        with pytest.raises(LabelError, match=rf"label id {gap} is not in the label map"):
            labels.encode(raw)

    def test_the_number_of_classes_is_limited(self):
        with pytest.raises(
            LabelError,
            match=r"^a label map needs 1 to 65535 classes, but this one has 0: map at least one id "
            r"to the name of a class, not to 'ignore'$",
        ):
            LabelSpace(LabelMap({0: "ignore"}))
        with pytest.raises(
            LabelError,
            match=r"^a label map needs 1 to 65535 classes, but this one has 65,536: map several "
            r"ids to the same class, or to 'ignore'$",
        ):
            LabelSpace(LabelMap({n: f"class {n}" for n in range(65536)}))


class TestDecode:
    @pytest.mark.parametrize(
        ("raw", "dtype"), [(255, np.uint8), (256, np.uint16), (0xFF0000, np.uint32)]
    )
    def test_returns_the_smallest_type_that_fits(self, raw, dtype):
        labels = LabelSpace(LabelMap({raw: "thing"}))
        assert labels.decode(np.zeros((2, 2), np.uint8)).dtype == dtype

    def test_prefers_ids_that_a_file_can_hold(self):
        labels = LabelSpace(LabelMap({-1: "a", 5: "a", 0: "b", -2: "ignore", 9: "ignore"}))
        assert labels.decode(np.array([[0, 1, 255]], np.uint8)).tolist() == [[5, 0, 9]]

    def test_gives_ignored_pixels_an_id_that_means_ignore(self):
        assert space().decode(np.array([[255]], np.uint8)) == 11

    def test_gives_ignored_pixels_an_unlisted_id_if_no_id_means_ignore(self):
        taken = LabelSpace(LabelMap({255: "a", 65535: "b"}))
        assert taken.decode(np.array([[255]], np.uint8)) not in (255, 65535)


class TestMerged:
    def test_overrides_ids(self):
        labels = space(map={8: "road", 9: "car"})
        assert labels.class_names == ("road", "sky", "car")
        assert labels.encode(np.array([[8, 9]], np.uint8)).tolist() == [[0, 2]]

    def test_renames_in_place(self):
        assert space(map={0: "heaven"}).class_names == ("road", "heaven", "pavement")

    def test_ignores_a_class(self):
        assert space(map={0: "ignore"}).class_names == ("road", "pavement")

    @pytest.mark.parametrize(
        ("name", "meant"), [("raod", "road"), ("Road", "road"), ("Ignore", "ignore")]
    )
    def test_rejects_a_name_that_resembles_another(self, name, meant):
        with pytest.raises(LabelError, match=rf"unknown class '{name}'\. Did you mean '{meant}'\?"):
            space(map={8: name})

    def test_accepts_a_similar_name_listed_as_new(self):
        labels = space(map={8: "roads"}, new_classes=["roads"])
        assert labels.class_names == ("road", "sky", "roads")

    def test_a_color_does_not_permit_a_misspelled_name(self):
        with pytest.raises(LabelError) as caught:
            space(map={8: "raod"}, palette={"raod": "#010203"})
        assert str(caught.value) == (
            "the label map has an unknown class 'raod'. Did you mean 'road'? "
            "(If the name is correct, list it in labels.new_classes.)"
        )

    def test_rejects_a_new_class_without_ids(self):
        with pytest.raises(LabelError) as caught:
            space(map={8: "roads"}, new_classes=["roads", "heavn"])
        assert str(caught.value) == "new_classes has an unknown class 'heavn'."

    def test_accepts_a_similar_new_name_for_a_class(self):
        assert space(map={8: "pavements"}).class_names == ("road", "sky", "pavements")

    def test_rejects_a_color_for_an_unknown_class(self):
        with pytest.raises(LabelError, match=r"unknown class 'raod'\. Did you mean 'road'\?"):
            space(palette={"raod": "#010203"})

    def test_rejects_colors_as_ids_of_index_masks(self):
        with pytest.raises(
            LabelError, match="'#ff0000' is not a label id: the masks of this dataset"
        ):
            space(map={"#ff0000": "road"})

    def test_accepts_colors_as_ids_of_color_masks(self):
        colored = LabelMap({0xFF0000: "roof"}, packed_rgb=True)
        labels = LabelSpace(merge_labels(colored, LabelsConfig(map={"#00FF00": "tree"})))
        assert labels.encode(np.array([[0x00FF00]], np.uint32)).tolist() == [[1]]


class TestLabelsConfig:
    def test_reads_json_strictly(self):
        text = json.dumps({"map": {"37": "ignore", "#ff0000": "road"}, "palette": {"a": [1, 2, 3]}})
        config = LabelsConfig.model_validate_json(text, strict=True)
        assert config.map == {37: "ignore", "#ff0000": "road"}
        assert config.palette == {"a": (1, 2, 3)}

    @pytest.mark.parametrize(
        "data",
        [
            {"map": {"road": "road"}},
            {"map": {"#ff00": "road"}},
            {"palette": {"a": "red"}},
            {"palette": {"a": [1, 2]}},
            {"palette": {"a": [1, 2, 256]}},
            {"mapp": {}},
        ],
    )
    def test_rejects_invalid_entries(self, data):
        with pytest.raises(ValidationError):
            LabelsConfig.model_validate_json(json.dumps(data), strict=True)


class TestPalette:
    @given(st.integers(1, 300), st.data())
    def test_default_colors_differ(self, count, data):
        given_one = data.draw(st.integers(0, count - 1))
        labels = LabelSpace(
            LabelMap({i: f"c{i}" for i in range(count)}, {f"c{given_one}": (128, 0, 0)})
        )
        assert len({tuple(color) for color in labels.palette.tolist()}) == count
        assert labels.palette[given_one].tolist() == [128, 0, 0]

    def test_colorize_uses_the_palette(self):
        labels = space(palette={"ignore": "#ffffff"})
        picture = labels.colorize(np.array([[1, 255]], np.uint8))
        assert picture.dtype == np.uint8
        assert picture.tolist() == [[[70, 130, 180], [255, 255, 255]]]
        assert space().colorize(np.array([[255]], np.uint8)).tolist() == [[[0, 0, 0]]]


class TestEquality:
    @pytest.mark.parametrize(
        "other",
        [
            {1: "b", 0: "a", 2: "b"},  # a and b swap indices
            {0: "a", 2: "b", 1: "b"},  # b is written as 2
            {0: "a", 1: "b"},
            {0: "a", 1: "b", 2: "c"},
        ],
    )
    def test_maps_that_behave_differently_differ(self, other):
        one = {0: "a", 1: "b", 2: "b"}
        assert LabelSpace(LabelMap(one)) == LabelSpace(LabelMap(dict(one)))
        assert LabelSpace(LabelMap(one)) != LabelSpace(LabelMap(other))

    @given(label_maps, st.randoms())
    def test_equal_spaces_have_equal_hashes(self, label_map, random):
        entries = list(label_map.ids.items())
        random.shuffle(entries)
        one, other = LabelSpace(label_map), LabelSpace(LabelMap(dict(entries)))
        assert one != other or hash(one) == hash(other)


@given(label_maps)
def test_json_round_trip(label_map):
    text = json.dumps(label_map.to_json())
    again = LabelMap.from_json(json.loads(text))
    assert LabelSpace(again) == LabelSpace(label_map)
    assert LabelSpace(again).class_names == LabelSpace(label_map).class_names
