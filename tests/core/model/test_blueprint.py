"""What a model takes from its data: errors with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pluxel.core import load_config
from pluxel.core.config.tree.problems import ConfigError
from pluxel.core.contracts.labels import LabelMap
from pluxel.core.model.blueprint import make_blueprint
from pluxel.registry import Host

HOST = Host(files=[Path(__file__).parents[1] / "engine" / "toys.py"])
BASE = "backbone: {type: toy}\ndataset: squares\n"


class Scenes:
    channels = {"image": 3}
    labels = {"semantic": LabelMap({0: "ground", 7: "square"})}


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("decoder: fcn32s\nloss: dice\nlabels: {map: {0: ignore, 7: ignore}}", "5:9"),
        (
            "heads:\n  semantic:\n    decoder: fcn32s\n    loss: dice\n"
            "    labels: {map: {0: ignore, 7: ignore}}",
            "7:13",
        ),
    ],
)
def test_a_label_map_without_classes_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(BASE + section)
    config = load_config("a.yaml", host=HOST)
    with pytest.raises(ConfigError) as caught:
        make_blueprint(config, Scenes())  # pyright: ignore[reportArgumentType]
    assert str(caught.value) == (
        f"a.yaml:{place}: a label map needs 1 to 65535 classes, but this one has 0: map at least "
        "one id to the name of a class, not to 'ignore'"
    )
