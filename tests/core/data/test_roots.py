"""The folder of a dataset is found one level too high or too low, and the log says so."""

from __future__ import annotations

import pytest
from pluxel.core.data.roots import existing_folder, find_root
from pluxel.core.data.splits import BrokenData, MissingData


@pytest.fixture
def kit(tmp_path):
    """``outer/kit/data`` with the folders ``img`` and ``cls``."""
    folder = tmp_path / "outer" / "kit" / "data"
    (folder / "img").mkdir(parents=True)
    (folder / "cls").mkdir()
    return folder


def find(root, below=("data",), others=()):
    return find_root(root, "Kit", ("img", "cls"), below, others)


def test_usual_places_are_not_logged(kit, caplog) -> None:
    caplog.set_level("INFO", "pluxel")
    assert find(kit) == find(kit.parent) == kit
    assert not caplog.records


@pytest.mark.parametrize("place", ["", "kit/data/img", "kit/data/img/deep"])
def test_other_places_are_found_and_logged(kit, caplog, place) -> None:
    caplog.set_level("WARNING", "pluxel")  # as in  config check
    root = kit.parents[1] / place
    root.mkdir(exist_ok=True)
    assert find(root) == kit
    expected = f"Kit: root is {root}, but the dataset is in {kit}; using that"
    assert caplog.messages == [expected]


def test_nothing_is_found_further_away(kit, tmp_path) -> None:
    assert find(tmp_path) is None
    assert find(tmp_path / "nowhere") is None
    assert find(kit / "img" / "nowhere") is None  # a misspelled root
    assert find(kit.parents[1], others=["kit"]) is None


def test_every_marker_counts(kit) -> None:
    (kit / "cls").rmdir()
    assert find(kit) is None


def test_two_copies_are_an_error(kit) -> None:
    second = kit.parents[1] / "again"
    (second / "img").mkdir(parents=True)
    (second / "cls").mkdir()
    with pytest.raises(BrokenData) as caught:
        find(kit.parents[1])
    assert str(caught.value) == (
        f"Kit: {kit.parents[1]} contains several copies, such as {second} and {kit}: set root to "
        "one of them"
    )


@pytest.mark.parametrize(("name", "hint"), [("kit.tgz", "; unpack it"), ("kit.txt", "")])
def test_a_file_is_no_root(tmp_path, name, hint) -> None:
    path = tmp_path / name
    path.touch()
    with pytest.raises(BrokenData) as caught:
        find(path)
    expected = f"Kit: {path} is a file; expected the folder of the dataset{hint}"
    assert str(caught.value) == expected


def test_an_existing_folder(tmp_path) -> None:
    assert existing_folder(tmp_path, "Kit") == tmp_path
    with pytest.raises(MissingData) as caught:
        existing_folder(tmp_path / "a" / "b", "Kit")
    assert str(caught.value) == f"Kit not found: {tmp_path}/a/b (only {tmp_path} exists)"
    assert not isinstance(caught.value, BrokenData)
    with pytest.raises(BrokenData) as broken:
        existing_folder(tmp_path / "a" / "b", "Kit", is_part=True, advice=["unpack it again"])
    assert str(broken.value) == f"{caught.value}\n  note: unpack it again"
    (tmp_path / "a").touch()
    with pytest.raises(BrokenData, match=f"^Kit: {tmp_path}/a is a file; expected a folder$"):
        existing_folder(tmp_path / "a", "Kit")
