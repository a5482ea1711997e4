"""A dumped configuration has the same meaning wherever it is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pluxel.core import load_config
from pluxel.core.config.tree.emit import emit, inline
from pluxel.core.config.tree.nodes import Location, MapNode, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import Problems
from pluxel.core.config.tree.references import resolve_references
from pluxel.registry import Host


def read(text: str) -> Any:
    problems = Problems()
    tree = parse(text, lambda line, column: Location("f", line + 1, column + 1), problems)
    assert isinstance(tree, MapNode)
    resolved = resolve_references(tree, {}, problems)
    problems.stop_if_any()
    return plain(resolved)


def unescaped(value: Any) -> Any:
    """Return what PyYAML reads with ``$${`` as ``${`` in values; keys have no references."""
    if isinstance(value, dict):
        return {key: unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unescaped(inner) for inner in value]
    return value.replace("$${", "${") if isinstance(value, str) else value


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.sampled_from(
        ["1", "1.5", "true", "null", "~", "no", "", "-", "- a", "a: b", "a #b", "${x}"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.dictionaries(st.text(max_size=3), values, max_size=3))
def test_emitted_yaml_is_read_back(tree: dict[str, Any]) -> None:
    assert read(emit(tree)) == tree
    assert read(emit(tree, lambda path: "default")) == tree
    assert read(inline(tree)) == tree


def test_keys_in_one_line_are_quoted_as_in_blocks() -> None:
    tree = {"#ff0000": "road", "a: b": {"yes": 1}, "plain": [{3: "x"}]}
    assert inline(tree) == '{"#ff0000": road, "a: b": {"yes": 1}, plain: [{3: x}]}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain/path-1.png", "plain/path-1.png"),
        ("two words", "two words"),
        ("1.2", '"1.2"'),
        ("1.2.3", "1.2.3"),
        ("no", '"no"'),
        ("true", '"true"'),
        ("", '""'),
        ("-x", '"-x"'),
        ("a: b", '"a: b"'),
        (" a", '" a"'),
        ("${x}", '"$${x}"'),
        ("tab\t", '"tab\\t"'),
        ("\x85\u2028", '"\\u0085\\u2028"'),
        ("grün", '"grün"'),
        (1e-05, "1.0e-05"),
        (1.0, "1.0"),
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (math.nan, ".nan"),
        (None, "null"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
        ([1, "a"], "[1, a]"),
    ],
)
def test_emitted_text_of_values(value: Any, text: str) -> None:
    assert emit({"a": value}) == f"a: {text}\n"


@pytest.mark.slow
@settings(max_examples=300)
@given(st.dictionaries(st.text(max_size=3), values, max_size=3))
@example({"a": 1e-08, "b": 1e16, "yes": "yes", "c": "12:30", "d": "2024-01-01", "e": "1_000"})
@example({"$${": "$${", "${": {"$$${": ["$$${"]}})
@example({"off": "On", "a": "0b1", "b": "010", "c": "=", "d": "1e5", "e": -2.5e-300, "f": "y"})
def test_pyyaml_reads_the_same(tree: dict[str, Any]) -> None:
    assert unescaped(yaml.safe_load(emit(tree))) == tree


def test_nested_lists() -> None:
    tree = {"a": [[1, 2], {"b": 1, "c": [{"d": 2}]}, [{"e": 3}]]}
    assert emit(tree) == ("a:\n  - [1, 2]\n  - b: 1\n    c:\n      - d: 2\n  - - e: 3\n")


RICH = """\
backbone: {type: vgg, pretrained: weights/vgg.pt}
decoder: {type: wrap, inner: {type: fcn8s, scales: [1, 0.1]}}
loss:
  type: typed
  color: blue
  pair: [3, 4]
  names: [y, x]
  options: {alpha: 0.1, beta-decay: 7}
  term: {loss: {type: dice, smooth: 3}, weight: 2}
  table: {a: [1, 2]}
  anything: {"x": [1, {"y": null}], "text": "$${env:HOME}"}
  inner: {type: sum, terms: [dice, {loss: cross_entropy}]}
  size: [1, 2]
  text: "007"
labels: {map: {0: road, 7: ignore, "#ff00ff": sky}, palette: {road: [1, 2, 3], sky: "#0000ff"}}
dataset: {type: folder, root: ../data}
augment: {train: [HorizontalFlip, {RandomCrop: {height: 8, width: 8}}]}
init_from: runs/first
training:
  epochs: 3
  optimizer: {type: sgd, lr: 1e-10, momentum: 0.99}
  groups: [{match: "^heads\\\\.", lr_factor: 10, frozen: false}]
  schedule: {type: poly, warmup_steps: 3}
  ema: null
  early_stop: {patience: 2}
"""


def test_a_dump_loads_as_the_same_configuration(
    load: Any, write: Any, host: Host, folder: Path
) -> None:
    absolute = {"weights/": f"{folder}/weights/", "../data": "/data", "runs/": f"{folder}/runs/"}
    text = RICH
    for relative, full in absolute.items():
        text = text.replace(relative, full)
    first = load(text, "seed=5")
    path = write("y.yaml", first.dump())
    second = load_config(path, host=host)
    assert second.dump() == first.dump()
    assert second.pipeline.model_copy(update={"heads": {}}) == first.pipeline.model_copy(
        update={"heads": {}}
    )
    third = load_config(write("z.yaml", second.dump()), host=host)
    assert third.pipeline == second.pipeline


def test_a_dump_does_not_depend_on_the_working_folder(
    load: Any, host: Host, folder: Path, monkeypatch: Any
) -> None:
    config = load(RICH)
    assert config.pipeline.dataset.params["root"] == Path("../data")
    text = config.dump()
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    Path("y.yaml").write_text(text)
    again = load_config("y.yaml", host=host)
    assert again.pipeline.dataset.params["root"] == folder / "../data"
    assert again.pipeline.init_from == folder / "runs/first"
    assert again.dump() == text


def test_a_dump_lists_all_defaults(load: Any, small: str) -> None:
    text = load(small).dump()
    assert text.startswith("# Written by Pluxel ")
    assert "\npluxel:\n  version: " in text
    assert "\n  providers:\n    acme-seg: null\n" in text
    assert "\nbackbone:\n  type: acme-seg/vgg\n  pretrained: false\n  depth: 16\n" in text
    assert "  optimizer:\n    type: adamw\n    lr: 0.0001\n" in text


@pytest.mark.parametrize(
    "more",
    [
        "heads.semantic.weight=2",
        "heads.semantic.target=x",
        "heads.geometric={decoder: fcn8s, loss: dice}",
        "streams.image.input=[image, depth]",
        "streams.depth={backbone: vgg}",
    ],
)
def test_the_long_form_is_dumped_if_necessary(
    load: Any, write: Any, host: Host, small: str, more: str
) -> None:
    config = load(small, more)
    text = config.dump()
    assert "\nstreams:\n" in text
    assert "\nbackbone:\n" not in text
    assert load_config(write("y.yaml", text), host=host).pipeline == config.pipeline


number = st.floats(0.001, 1000).map(lambda x: f"{x!r}")
settings_of_people = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**62).map(str),
        "device": st.sampled_from(["cpu", "cuda:1"]),
        "splits.test": st.text("abc :#'0-\\${}\u00e9", min_size=1).map(
            lambda text: "'" + text.replace("'", "''").replace("${", "$${") + "'"
        ),
        "decoder.dropout": st.floats(0, 0.99).map(repr),
        "training.steps": st.integers(1, 10**9).map(str),
        "training.clip_norm": number,
        "training.optimizer": number.map(lambda lr: f"{{type: sgd, lr: {lr}}}"),
        "training.schedule": st.sampled_from(["poly", "cosine", "{warmup_steps: 7}"]),
        "loss": number.map(lambda smooth: f"{{type: dice, smooth: {smooth}}}"),
        "labels.map": st.dictionaries(st.integers(0, 99), st.sampled_from(["road", "ignore"])).map(
            lambda ids: "{" + ", ".join(f"{k}: {v}" for k, v in ids.items()) + "}"
        ),
        "heads.semantic.weight": number,
    },
)


@pytest.mark.slow
@settings(max_examples=50)
@given(chosen=settings_of_people)
def test_load_after_dump_changes_nothing(
    chosen: dict[str, str], host: Host, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("dump")
    (folder / "x.yaml").write_text("backbone: vgg\ndecoder: fcn8s\nloss: dice\ndataset: shapes\n")
    first = load_config(folder / "x.yaml", [f"{k}={v}" for k, v in chosen.items()], host=host)
    (folder / "y.yaml").write_text(first.dump(), encoding="utf-8")
    second = load_config(folder / "y.yaml", host=host)
    assert second.pipeline == first.pipeline
    assert second.dump() == first.dump()
    (folder / "z.yaml").write_text(first.show(origin=True), encoding="utf-8")
    assert load_config(folder / "z.yaml", host=host).pipeline == first.pipeline
