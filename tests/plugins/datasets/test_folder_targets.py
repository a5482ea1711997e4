"""Further label maps of the user's own data, such as surfaces beside classes."""

from pathlib import Path

import numpy as np
import pytest
from pluxel.core.authoring import SplitError
from pluxel.core.data.splits import MissingData
from pluxel.plugins.datasets.folder import Folder, FolderError, FolderInput, FolderTarget
from pluxel.registry import PluxelError

from .conftest import photograph, save

SURFACE = FolderTarget(masks=Path("surfaces"), classes=["wet", "dry"])


def dataset(root: Path, split: str = "all", **parameters) -> Folder:
    usual = {"images": Path("photos"), "masks": Path("masks"), "classes": ["ground", "car"]}
    return Folder(split, root=root, **(usual | {"targets": {"surface": SURFACE}} | parameters))


def fill(root: Path, *names: str, surface="surfaces/{}.png") -> Path:
    for number, name in enumerate(names):
        save(root / "photos" / f"{name}.jpg", photograph(4, 6))
        save(root / "masks" / f"{name}.png", np.zeros((4, 6), np.uint8))
        save(root / surface.format(name), np.full((4, 6), number % 2, np.uint8))
    return root


def test_a_target_is_a_label_map_of_its_own(tmp_path):
    data = dataset(fill(tmp_path, "a", "b"))
    assert [*data.labels] == ["semantic", "surface"]
    assert data.labels["surface"].ids == {0: "wet", 1: "dry"}
    sample = data[1]
    assert (sample.labels["semantic"] == 0).all()
    assert (sample.labels["surface"] == 1).all()
    assert sample.paths["surface"] == tmp_path / "surfaces" / "b.png"
    assert data.unpaired == ()


def test_splits_apply_to_all_label_maps(tmp_path):
    fill(tmp_path, "train/a", "val/b")
    assert (dataset(tmp_path, "val")[0].labels["surface"] == 1).all()
    shares = dataset(tmp_path, "val", fractions={"val": 1})
    assert [int(one.labels["surface"][0, 0]) for one in (shares[0], shares[1])] == [0, 1]


def test_formats_and_suffixes_are_those_of_the_target(tmp_path):
    fill(tmp_path, "a", "b", surface="masks/{}_wet.png")
    for name, value in (("a", 0), ("b", 255)):
        save(tmp_path / "masks" / f"{name}_wet.png", np.full((4, 6), value, np.uint8))
    wet = FolderTarget(
        masks=Path("masks"), mask_suffix="_wet", mask_format="binary", classes=["dry", "wet"]
    )
    data = dataset(tmp_path, targets={"wet": wet})
    assert [int(data[i].labels["wet"].max()) for i in (0, 1)] == [0, 1]
    colors = FolderTarget(masks=Path("colors"), classes={"#ff0000": "lane", "#000000": "ignore"})
    for name in "ab":
        save(tmp_path / "colors" / f"{name}.png", np.full((4, 6, 3), (255, 0, 0), np.uint8))
    data = dataset(tmp_path, targets={"wet": wet, "lanes": colors})
    assert (data[0].labels["lanes"] == 0xFF0000).all()


@pytest.mark.parametrize(
    ("parameters", "kind", "message"),
    [
        (
            {"targets": {"semantic": SURFACE}},
            FolderError,
            "targets: 'semantic' is the name of 'masks'; choose another name",
        ),
        (
            {"targets": {"surface": FolderTarget(masks=Path("walls"), classes=["a"])}},
            MissingData,
            "the masks of target 'surface'",
        ),
        (
            {"targets": {"surface": FolderTarget(masks=Path("few"), classes=["a"])}},
            SplitError,
            r"target 'surface': \S+few has no file 'b' for \S+b\.jpg\.",
        ),
        (
            {"inputs": {"surface": FolderInput(folder=Path("masks"), kind="map")}},
            PluxelError,
            "'surface' is the name of an input and of a label map: rename the input",
        ),
    ],
)
def test_mistakes_name_the_target(tmp_path, parameters, kind, message):
    fill(tmp_path, "a", "b")
    save(tmp_path / "few" / "a.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(kind, match=message):
        dataset(tmp_path, **parameters)


def test_unknown_keys_of_a_target_are_refused():
    with pytest.raises(ValueError, match="mask_sufix"):
        FolderTarget(masks=Path("m"), classes=["a"], mask_sufix="_gt")
