"""``key.path=value`` on the command line."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core.config.sections.places import root_place
from pluxel.core.config.tree.nodes import Location, MapNode, plain
from pluxel.core.config.tree.overrides import parse_overrides
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.registry import Host


def layer(*overrides: str) -> Any:
    problems = Problems()
    nothing = MapNode({}, Location("f"))
    tree = plain(parse_overrides(overrides, nothing, root_place(Host([])), problems))
    problems.stop_if_any()
    return tree


@pytest.mark.parametrize(
    ("override", "tree"),
    [
        ("training.steps=4", {"training": {"steps": 4}}),
        ("training.optimizer.lr=1e-4", {"training": {"optimizer": {"lr": 1e-4}}}),
        ("device=off", {"device": "off"}),
        ("device='1'", {"device": "1"}),
        ("device=", {"device": None}),
        ("init_from=a=b", {"init_from": "a=b"}),
        ("training.groups=[{match: x}]", {"training": {"groups": [{"match": "x"}]}}),
        ("training.groups[0].match=x", {"training": {"groups": {"0": {"match": "x"}}}}),
        ("decoder=fcn8s", {"heads": {"semantic": {"decoder": "fcn8s"}}}),
        (
            'labels.map."#ff0000"=road',
            {"heads": {"semantic": {"labels": {"map": {"#ff0000": "road"}}}}},
        ),
        (" seed =3", {"seed": 3}),
        ("init_from=runs/my dir #2/w", {"init_from": "runs/my dir #2/w"}),
        ("init_from=#x", {"init_from": "#x"}),
        ("init_from=a#b", {"init_from": "a#b"}),
        ("init_from='a #b'", {"init_from": "a #b"}),
        ("splits={train: 'a #b'}", {"splits": {"train": "a #b"}}),
        ("seed=3 # three", {"seed": "3 # three"}),
    ],
)
def test_an_override_becomes_a_tree(override: str, tree: Any) -> None:
    assert layer(override) == tree


@pytest.mark.parametrize(
    "overrides",
    [
        ("training.optimizer.type=sgd", "training.optimizer.lr=1", "seed=3"),
        ("decoder=fcn16s", "decoder.dropout=0.1", "decoder.scales=[1]"),
        ("training.optimizer={type: sgd, lr: 1}", "training.optimizer.momentum=0", "seed=1"),
    ],
)
def test_overrides_combine_in_any_order(overrides: tuple[str, ...]) -> None:
    trees = [layer(*several) for several in permutations(overrides)]
    assert all(tree == trees[0] for tree in trees)


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)


@given(st.lists(st.tuples(paths, st.integers(0, 2)), max_size=6), st.randoms())
def test_order_of_overrides_does_not_matter(overrides: list[tuple[str, int]], random: Any) -> None:
    texts = [f"{path}={value}" for path, value in overrides]
    shuffled = random.sample(texts, len(texts))
    try:
        tree = layer(*texts)
    except ConfigError:
        with pytest.raises(ConfigError):
            layer(*shuffled)
    else:
        assert layer(*shuffled) == tree


def test_equal_overrides_do_not_conflict() -> None:
    assert layer("seed=3", "seed=3") == {"seed": 3}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["training.steps"],
            "override 'training.steps': an override has the form key.path=value",
        ),
        (
            ["training..steps=4"],
            "override 'training..steps=4': 'training..steps' is not a path of keys such as "
            "training.optimizer.lr",
        ),
        (["=4"], "override '=4': '' is not a path of keys such as training.optimizer.lr"),
        (["seed=[1"], "override 'seed=[1': this bracket is never closed"),
        (
            ["seed=!x 1"],
            "override 'seed=!x 1': tag '!x' is not supported: write plain values, "
            "and quote text that looks like a number",
        ),
        (["seed=1", "seed=2"], "override 'seed=2': contradicts override 'seed=1'"),
        (["seed=1", "seed.x=2"], "override 'seed.x=2': contradicts override 'seed=1'"),
        (
            ["loss={type: dice, smooth: 1}", "loss.smooth=2"],
            "override 'loss.smooth=2': contradicts override 'loss={type: dice, smooth: 1}'",
        ),
        (
            ["splits={train: a} #b"],
            "override 'splits={train: a} #b': '#' begins a comment here: put the text that "
            "contains it in quotes",
        ),
        (
            ["training.groups=[{match: a #b}]"],
            "override 'training.groups=[{match: a #b}]': '#' begins a comment here: put the text "
            "that contains it in quotes",
        ),
        (
            ["init_from='a' #b"],
            "override 'init_from='a' #b': '#' begins a comment here: put the text that "
            "contains it in quotes",
        ),
        (
            ["base=x.yaml"],
            "override 'base=x.yaml': 'base' belongs in a file, not in an override",
        ),
    ],
)
def test_invalid_input_is_reported(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layer(*overrides)
    assert str(caught.value) == message


def test_overrides_replace_values_of_the_file(load: Any, small: str) -> None:
    config = load(
        small + "training: {optimizer: {type: sgd, lr: 1, momentum: 0.5}, batch_size: 8}\n",
        "training.optimizer.lr=2",
        "decoder=fcn16s",
        "training.batch_size=",
    )
    training = config.pipeline.training
    assert (training.optimizer.lr, training.optimizer.momentum) == (2, 0.5)
    assert training.batch_size == 4  # null: the default
    decoder = config.pipeline.heads["semantic"].decoder
    assert decoder.component.name == "fcn16s"
    assert config.origin("decoder", "type") == "override 'decoder=fcn16s'"


def test_an_index_overrides_a_list_item(load: Any, small: str) -> None:
    text = small + "training: {groups: [{match: a}, {match: b, lr_factor: 2}]}\n"
    groups = load(text, "training.groups.1.lr_factor=3").pipeline.training.groups
    assert [(group.match, group.lr_factor) for group in groups] == [("a", 1), ("b", 3)]
    with pytest.raises(ConfigError) as caught:
        load(text, "training.groups.2.lr_factor=3")
    assert str(caught.value) == (
        "override 'training.groups.2.lr_factor=3': there is no item 2: the list at "
        "x.yaml:6:20 has items 0 to 1"
    )


def test_errors_quote_the_override_as_typed(load: Any, small: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(small + "sede: 1\n", "training.stepz=4", "decoder.dropuot=0.1", "seed=x")
    assert str(caught.value).splitlines() == [
        "x.yaml:6:1: unknown key 'sede'. Did you mean 'seed'?",
        "override 'training.stepz=4': unknown key 'stepz' in training. Did you mean 'steps'?",
        "override 'decoder.dropuot=0.1': decoder 'fcn8s' has no parameter 'dropuot'. "
        "Did you mean 'dropout'?",
        "override 'seed=x': seed: expected a whole number, not 'x'",
    ]
