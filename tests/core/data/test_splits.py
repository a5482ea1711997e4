"""Split expressions such as ``name[from:to] + name``, for any dataset."""

import pytest
from pluxel.core.data.splits import SplitError, open_split


def names(split: str, make) -> list[int]:
    dataset = open_split(make, split)
    return [int(dataset[i].name.removeprefix("toy_")) for i in range(len(dataset))]


@pytest.fixture
def make(toy):
    def open_one(split: str):
        if split not in ("train", "val"):
            raise SplitError(f"no {split}")
        return toy(10 if split == "train" else 3)

    return open_one


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", range(10)),
        ("train[:3]", range(3)),
        ("train[3:]", range(3, 10)),
        ("train[-2:]", [8, 9]),
        ("train[2:4]", [2, 3]),
        ("train[::4]", [0, 4, 8]),
        ("train[:80%]", range(8)),
        ("train[80%:]", [8, 9]),
        ("train[33.3%:66.6%]", range(3, 7)),
        ("train[toy_2:toy_5]", [2, 3, 4]),
        ("train[toy_8:]", [8, 9]),
        ("train[:100%]", range(10)),
        ("train[0:3]", range(3)),
        (" train [ :2 ] + val[1:]", [0, 1, 1, 2]),
        ("train[:1]+val+train[9:]", [0, 0, 1, 2, 9]),
    ],
)
def test_parts(split, expected, make):
    assert names(split, make) == list(expected)


@pytest.mark.parametrize(
    ("bounds", "expected"), [(":003", [1, 2]), ("a+b:", ["a+b"]), ("1:3", [2, 3])]
)
def test_names_of_digits_and_signs(toy, bounds, expected):
    class Listed(toy):
        names = ["001", "002", "003", "a+b"]

    part = open_split(lambda split: Listed(4), f"all[{bounds}]")
    assert [Listed.names[i] for i in part._indices] == [
        n if isinstance(n, str) else f"{n:03}" for n in expected
    ]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ("'2':", [0, 1, 2, 3, 4]),
        ('"3":"12:30"', [1]),
        ("+2:", [2, 3, 4]),
        (":-1", [0, 1, 2, 3]),
        ("'a]b':", [3, 4]),
        ("4:", [4]),  # its position and its name
    ],
)
def test_quoted_bounds_are_names(toy, bounds, expected):
    class Listed(toy):
        names = ["2", "3", "12:30", "a]b", "4"]

    part = open_split(lambda split: Listed(5), f"all[{bounds}]")
    assert [*part._indices] == expected


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (
            "2:",
            r"2 is a position and also the name of sample 0: "
            r"write '2' in quotes for the name, \+2 for the position",
        ),
        (":7", "7 is a position and also the name of sample 2: write '7' in quotes for the name"),
        ("'5':", "no sample has the name '5'"),
        ("'twice':", "the samples 3 and 4 both have the name 'twice'"),
    ],
)
def test_bounds_with_two_meanings_raise(toy, bounds, message):
    class Listed(toy):
        names = ["2", "3", "7", "twice", "twice"]

    with pytest.raises(SplitError, match=message):
        open_split(lambda split: Listed(5), f"all[{bounds}]")


def test_name_bounds_use_listed_names_without_reading(toy):
    class Listed(toy):
        names = [f"toy_{i}" for i in range(10)]
        read = 0

        def __getitem__(self, index):
            self.read += 1
            return super().__getitem__(index)

    dataset = Listed()
    part = open_split(lambda split: dataset, "train[toy_3:toy_5]")
    assert dataset.read == 0
    assert [part[i].name for i in range(len(part))] == ["toy_3", "toy_4"]


def test_a_dataset_that_fails_while_a_name_is_sought_is_named(toy):
    class Fails(toy):
        def __getitem__(self, index):
            return {}[index]

    with pytest.raises(SplitError, match=r"^the names of Fails are not available \(KeyError: 0\)"):
        open_split(lambda split: Fails(), "train[toy_3:]")


@pytest.mark.parametrize("cut", ["37%", "4", "toy_7"])
def test_two_parts_make_the_whole(cut, make):
    assert names(f"train[:{cut}]", make) + names(f"train[{cut}:]", make) == list(range(10))


def test_parts_keep_labels_and_channels(make):
    for split in ("train[:3]", "train+val"):
        dataset = open_split(make, split)
        assert dataset.labels == make("train").labels
        assert dataset.channels == {"image": 3}


def test_an_open_part_of_an_endless_split_is_endless(toy):
    def make(split):
        endless = toy(10**12)
        endless.__class__ = type("Endless", (toy,), {"endless": True, "__len__": lambda self: 5})
        return endless

    rest = open_split(make, "train[100:]")
    assert rest.endless
    assert len(rest) == 5
    assert rest[10**9].name == "toy_1000000100"
    piece = open_split(make, "train[100:103]")
    assert not piece.endless
    assert [piece[i].name for i in range(len(piece))] == ["toy_100", "toy_101", "toy_102"]
    with pytest.raises(SplitError, match="endless split cannot be part of a sum"):
        open_split(make, "train + val")


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("nowhere", "no nowhere"),
        ("train[5:5]", r"split 'train\[5:5\]' is empty"),
        ("val[3:] + train[10:]", r"split 'val\[3:\] \+ train\[10:\]' is empty"),
        ("", "split '': write name, name"),
        ("train[1", r"write name, name\[from:to\]"),
        ("[1:2]", r"write name, name\[from:to\]"),
        ("train[1]", r"write a part as \[from:to\]"),
        ("train[1:2:3:4]", r"write a part as \[from:to\]"),
        ("train[:101%]", r"split 'train\[:101%\]': 101% is more than all samples"),
        ("train[007:]", r"no sample has the name '007'"),
        ("train[::0]", "the step '0' is not a positive number"),
        ("train[toy_11:]", r"no sample has the name 'toy_11'. Did you mean 'toy_1'\?"),
    ],
)
def test_invalid_expressions_raise(split, message, make):
    with pytest.raises(SplitError, match=message):
        open_split(make, split)


def test_an_index_beyond_a_part_raises(make):
    dataset = open_split(make, "train[:3]")
    with pytest.raises(IndexError):
        dataset[3]


class TestNamesWithSigns:
    """Paths and folders may contain the signs of the grammar."""

    @pytest.fixture
    def opened(self, toy):
        asked = []

        def make(split: str):
            asked.append(split)
            return toy(10)

        return lambda text: (len(open_split(make, text)), asked)

    @pytest.mark.parametrize(
        ("text", "length", "names"),
        [
            ("'lists/c++.txt'", 10, ["lists/c++.txt"]),
            ('"lists[2]/a.txt"[:3]', 3, ["lists[2]/a.txt"]),
            ("'a+b' [ :2 ] + val + 'c[1]'[1:]", 21, ["a+b", "val", "c[1]"]),
            ("'it is'", 10, ["it is"]),
        ],
    )
    def test_quotes(self, opened, text, length, names):
        assert opened(text) == (length, names)

    @pytest.mark.parametrize("name", ["c++.txt", "a[1].txt", "a[1:2].txt", "a+[b.txt"])
    def test_path_of_a_file(self, opened, tmp_path, name):
        (tmp_path / name).touch()
        path = str(tmp_path / name)
        assert opened(path) == (10, [path])

    @pytest.mark.parametrize("text", ["lists/c++", "a[b/c.txt", "x" * 500 + "["])
    def test_error_mentions_quotes(self, opened, text):
        message = r"put a name that contains '\+' or brackets in quotes$"
        with pytest.raises(SplitError, match=message):
            opened(text)
