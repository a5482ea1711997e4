"""``${key.path}`` and ``${env:NAME}``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pluxel.core import load_config
from pluxel.core.config.tree.nodes import Location, MapNode, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.core.config.tree.references import escape, resolve_references
from pluxel.registry import Host

ENVIRONMENT = {
    "LONG": "9" * 5000,
    "BYTES": "\udcff",
    "NAME": "road",
    "COUNT": "4",
    "RATE": "1e-4",
    "EMPTY": "",
}


def resolved(text: str) -> Any:
    problems = Problems()
    tree = parse(text, lambda line, column: Location("f", line + 1, column + 1), problems)
    assert isinstance(tree, MapNode)
    result = plain(resolve_references(tree, ENVIRONMENT, problems))
    problems.stop_if_any()
    return result


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolved(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.n}", 3),
        ("${a.rate}", 1e-4),
        ("${a.flag}", True),
        ("${a.none}", None),
        ("${a.text}", "3"),
        ("${a.list}", [1, 2]),
        ("${a.list.1}", 2),
        ("${a.list[1]}", 2),
        ("${a.map}", {"x": 3}),
        ("${ a.n }", 3),
        ("${chain}", 3),
        ("${through.x}", 3),
        ('"${a.n}"', 3),
        ("n=${a.n}", "n=3"),
        ("${a.n}${a.n}", "33"),
        ("${a.rate}/x", "1e-4/x"),  # as it was written
        ("${a.flag}!", "true!"),
        ("$${a.n}", "${a.n}"),
        ("$$${a.n}", "$${a.n}"),
        ("a $${x} ${a.n}", "a ${x} 3"),
        ("$5 {a}", "$5 {a}"),
        ("${env:NAME}", "road"),
        ("${env:COUNT}", 4),
        ("${env:RATE}", 1e-4),
        ("${env:EMPTY}", ""),
        ("${env:NOPE,7}", 7),
        ("${env:NOPE, off }", "off"),
        ("${env:NOPE,}", None),
        ("${env:NAME,7}", "road"),
        ("/data/${env:NAME}/${env:NOPE,x}", "/data/road/x"),
        ("x${env:EMPTY}", "x"),
    ],
)
def test_references_resolve_to_values(text: str, value: Any) -> None:
    document = f"""\
a: {{n: 3, rate: 1e-4, flag: true, none: null, text: '3', list: [1, 2], map: {{x: "${{a.n}}"}}}}
chain: ${{link}}
link: ${{a.n}}
through: ${{a.map}}
value: {text}
"""
    assert resolved(document)["value"] == value
    assert type(resolved(document)["value"]) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: {lr: 1}\nb: ${a.lrr}",
            "f:2:4: unknown reference 'a.lrr': 'a' has no key 'lrr'. Did you mean 'lr'?",
        ),
        ("b: ${x.y}", "f:1:4: unknown reference 'x.y': the configuration has no key 'x'"),
        ("a: [1]\nb: ${a.1}", "f:2:4: unknown reference 'a.1': 'a' is a list of length 1"),
        ("a: 1\nb: ${a.b}", "f:2:4: unknown reference 'a.b': 'a' is a single value"),
        ("a: ${b}\nb: ${c}\nc: ${a}", "f:1:4: circular reference: b → c → a → b"),
        ("a: {b: '${a}'}", "f:1:8: circular reference: a → a"),
        ("a: ${a}", "f:1:4: circular reference: a → a"),
        ("a: x${b", "f:1:4: '${' is not closed by '}' ('$${' is a literal '${')"),
        ("a: ${}", "f:1:4: '' is not a path of keys such as training.optimizer.lr"),
        ("a: ${b..c}", "f:1:4: 'b..c' is not a path of keys such as training.optimizer.lr"),
        ("a: [1]\nb: x${a}", "f:2:4: '${a}' is a list, which cannot be part of text"),
        ("a: {}\nb: x${a}", "f:2:4: '${a}' is a mapping, which cannot be part of text"),
        ("a: null\nb: x${a}", "f:2:4: '${a}' is null, which cannot be part of text"),
        (
            "a: ${env:NOPE}",
            "f:1:4: environment variable 'NOPE' is not set; ${env:NOPE,VALUE} sets a default",
        ),
        ("a: ${env:LONG}", "f:1:4: environment variable 'LONG' is too large a number"),
        ("a: ${env:BYTES}", "f:1:4: environment variable 'BYTES' is not UTF-8 text"),
    ],
)
def test_unresolvable_references_are_reported(text: str, message: str) -> None:
    assert complaint(text) == message


def test_references_are_resolved_only_once() -> None:
    tree = resolved(
        "low: {x: '$${seed}'}\nhigh: ${low}\na: ${high.x}\nb: ${high}\nc: 'v${high.x}'\n"
    )
    assert (tree["a"], tree["b"], tree["c"]) == ("${seed}", {"x": "${seed}"}, "v${seed}")


def test_reference_expansion_is_limited() -> None:
    levels = [f"a{i}: ['${{a{i - 1}}}', '${{a{i - 1}}}']" for i in range(1, 40)]
    assert complaint("\n".join(["a0: x", *levels])) == (
        "f:1:1: references expand this to more than 100,000 values"
    )
    levels = [f"a{i}: '${{a{i - 1}}}${{a{i - 1}}}'" for i in range(1, 40)]
    assert complaint("\n".join(["a0: x", *levels])) == (
        "f:18:6: references make this text longer than 65,536 characters"
    )


@given(st.text(alphabet="a${}:.", max_size=12))
def test_escaped_text_is_unchanged(text: str) -> None:
    document = f"a: {{n: 3}}\nvalue: '{escape(text)}'\n"
    assert resolved(document)["value"] == text


def test_references_see_overrides_and_bases(write: Any, load: Any, small: str) -> None:
    """In another framework, the reference keeps the value of the base."""
    write(
        "low.yaml",
        small + "seed: 1\ntraining: {steps: '${seed}', workers: '${evaluation.workers}'}\n",
    )
    config = load("base: low.yaml\nevaluation: {workers: 3}\n", "seed=7")
    assert config.pipeline.training.steps == 7
    assert config.pipeline.training.workers == 3
    assert config.origin("training", "steps") == "low.yaml:7:19"


def test_references_accept_the_short_form(load: Any, small: str) -> None:
    config = load(small + "seed: ${backbone.depth}\n", "backbone.depth=5")
    assert config.pipeline.seed == 5


def test_a_component_may_be_a_reference(load: Any, small: str) -> None:
    text = small.replace("loss: cross_entropy", "loss: {type: sum, terms: [dice, '${extra.0}']}")
    with pytest.raises(ConfigError, match="the configuration has no key 'extra'"):
        load(text)
    text = text.replace("${extra.0}", "${loss.terms.0}")
    terms = load(text).pipeline.heads["semantic"].loss.params["terms"]
    assert [term.component.name for term in terms] == ["dice", "dice"]


def test_one_broken_reference_is_one_problem(load: Any, small: str) -> None:
    """Consequences are not reported: neither a wrong type nor an unknown loss."""
    text = small.replace("cross_entropy", "{type: '${a}'}") + "seed: ${b}\ndevice: ${seed}\n"
    with pytest.raises(ConfigError) as caught:
        load(text, "decoder.dropout=${seed}", "training.stepz=1")
    assert str(caught.value).splitlines() == [
        "x.yaml:4:14: unknown reference 'a': the configuration has no key 'a'",
        "x.yaml:6:7: unknown reference 'b': the configuration has no key 'b'",
        "override 'training.stepz=1': unknown key 'stepz' in training. Did you mean 'steps'?",
    ]


def test_environment_variables(write: Any, host: Host, small: str, monkeypatch: Any) -> None:
    path = write("x.yaml", small + "seed: ${env:PLUXEL_SEED}\n")
    monkeypatch.setenv("PLUXEL_SEED", "12")
    assert load_config(path, host=host).pipeline.seed == 12
