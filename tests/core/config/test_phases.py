"""``training.phases``: layers over the rest of the configuration, each a whole pipeline."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from pluxel.core import load_config
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.registry import Host, PluxelError

from .conftest import Load, Write

PHASES = """
backbone: vgg
decoder: fcn8s
loss: dice
dataset: shapes
augment: {train: [HorizontalFlip]}
training:
  steps: 7
  optimizer: {type: sgd, lr: 1e-3}
  phases:
    - {name: coarse, decoder: bare}
    - {steps: 5, optimizer: {lr: 1e-5}, loss: {type: dice, smooth: 3}}
    - {name: fine, augment: {train: []}}
"""


def test_a_phase_is_merged_over_the_rest(load: Load) -> None:
    config = load(PHASES)
    assert [each.phase for each in config.phases] == ["coarse", "2", "fine"]
    heads = [each.pipeline.heads["semantic"] for each in config.phases]
    assert [head.decoder.component.name for head in heads] == ["bare", "fcn8s", "fcn8s"]
    assert [head.loss.params["smooth"] for head in heads] == [1.0, 3.0, 1.0]
    trainings = [each.pipeline.training for each in config.phases]
    assert [training.steps for training in trainings] == [7, 5, 7]
    assert [(t.optimizer.type, t.optimizer.lr) for t in trainings] == [
        ("sgd", 1e-3),
        ("sgd", 1e-5),
        ("sgd", 1e-3),
    ]
    augment = [each.pipeline.augment for each in config.phases]
    assert augment == [{"train": ["HorizontalFlip"]}] * 2 + [{"train": []}]
    assert not any(training.phases for training in trainings)


def test_the_configuration_is_the_last_phase(load: Load) -> None:
    config = load(PHASES)
    assert config.phase == "fine"
    assert config.pipeline == config.phases[-1].pipeline
    assert [each.earlier for each in config.phases] == [(), (), ()]


@pytest.mark.parametrize("phases", ["null", "[]"])
def test_without_phases_a_configuration_is_its_only_one(load: Load, phases: str) -> None:
    config = load(PHASES.partition("  phases:")[0] + f"  phases: {phases}\n")
    assert config.phase == ""
    assert config.phases == (config,)


def test_a_phase_can_supply_what_the_rest_lacks(load: Load) -> None:
    text = PHASES.replace("decoder: fcn8s\n", "").replace("{name: fine,", "{decoder: fcn16s,")
    text = text.replace("{steps: 5,", "{decoder: fcn8s, steps: 5,")
    heads = [each.pipeline.heads["semantic"] for each in load(text).phases]
    assert [head.decoder.component.name for head in heads] == ["bare", "fcn8s", "fcn16s"]


def test_phases_of_several_heads(load: Load) -> None:
    config = load(
        """
        backbone: vgg
        heads:
          a: {decoder: bare, loss: dice}
          b: {decoder: bare, loss: dice, weight: 2}
        dataset: shapes
        training:
          phases:
            - {heads: {b: {weight: 0}}}
            - {heads: {a: {decoder: fcn8s}}}
        """
    )
    weights = [{n: h.weight for n, h in c.pipeline.heads.items()} for c in config.phases]
    assert weights == [{"a": 1, "b": 0}, {"a": 1, "b": 2}]
    again = load(config.dump())
    assert [each.pipeline for each in again.phases] == [each.pipeline for each in config.phases]


def test_a_dump_writes_what_phases_share_once_and_is_read_back(load: Load) -> None:
    config = load(PHASES)
    dump = config.dump()
    assert dump.count("batch_size: 4") == 1  # of training
    assert dump.count("steps:") - dump.count("warmup_steps:") == 3
    again = load(dump)
    assert [each.pipeline for each in again.phases] == [each.pipeline for each in config.phases]
    assert again.dump() == dump


def test_a_dump_records_the_defaults_of_each_phase(load: Load) -> None:
    defaults = load(PHASES).dump().partition("backbone:")[0]
    assert "training.phases.0.loss.smooth" in defaults
    assert "training.phases.1.loss.smooth" not in defaults


def test_the_origin_of_a_value_is_that_of_its_phase(load: Load) -> None:
    shown = load(PHASES).show(origin=True)
    lines = [line.split("#") for line in shown.splitlines() if "lr: " in line]
    assert [note.strip() for _, note in lines] == ["x.yaml:9:30", "x.yaml:12:34", "x.yaml:9:30"]
    assert not [line for line in shown.splitlines() if "name:" in line and "#" in line]


def test_a_selected_phase_takes_the_overrides(write: Write, host: Host) -> None:
    path = write("x.yaml", PHASES)
    config = load_config(path, ["decoder=fcn16s", "training.steps=2"], host=host, phase="coarse")
    assert config.phases == (config,)
    assert config.pipeline.heads["semantic"].decoder.component.name == "fcn16s"
    assert config.pipeline.training.steps == 2
    with pytest.raises(PluxelError, match=r"no phase 'corse'; it has coarse, 2, fine"):
        load_config(path, host=host, phase="corse")


def test_overrides_reach_phases(load: Load) -> None:
    config = load(PHASES, "training.steps=3", "training.phases.2.optimizer=adamw")
    assert [each.pipeline.training.steps for each in config.phases] == [3, 5, 3]
    assert config.pipeline.training.optimizer.type == "adamw"


def test_an_override_that_every_phase_replaces_is_an_error(load: Load) -> None:
    given = [f"training.phases.{index}.steps=1" for index in range(3)]
    with pytest.raises(ConfigError) as error:
        load(PHASES, *given, "training.steps=3")
    assert str(error.value) == (
        "override 'training.steps=3': has no effect, because every phase sets this value: "
        "override it in a phase, as in training.phases.0.steps=100"
    )


def test_an_override_beside_a_single_phase_is_not_lost_in_silence(load: Load) -> None:
    single = PHASES.partition("    - ")[0] + "    - {steps: 5}\n"
    with pytest.raises(ConfigError, match="has no effect, because every phase sets this value"):
        load(single, "training.steps=3")


def test_an_override_can_rename_a_phase(load: Load) -> None:
    config = load(PHASES, "training.phases.0.name=first")
    assert [each.phase for each in config.phases] == ["first", "2", "fine"]


PROBLEMS = {
    "7": "a phase is a mapping, such as {steps: 100}",
    "{decodr: bare}": "a phase has no key 'decodr'. Did you mean 'decoder'?",
    **{
        f"{{{setting}}}": (
            f"a phase cannot set '{setting.partition(':')[0]}', which is the same throughout a run"
        )
        for setting in (
            *("dataset: shapes", "backbone: vgg", "streams: {image: {backbone: vgg}}"),
            *("labels: {map: {0: x}}", "splits: {train: train}", "init_from: run", "seed: 3"),
            *("device: cpu", "evaluation: {batch_size: 2}", "pluxel: {}"),
        )
    },
    "{training: {steps: 9}}": (
        "a phase contains the keys of 'training' themselves, such as {steps: 100}"
    ),
    "{name: 8 S}": (
        "'8 S' is not a valid name of a phase: use lowercase letters, digits, '_' and '-'"
    ),
    "{name: true}": (
        "'' is not a valid name of a phase: use lowercase letters, digits, '_' and '-'"
    ),
    "{name: '1'}": "two phases are called '1'",
    "{steps: nine}": "training.steps: expected a whole number, not 'nine'",
    "{heads: {geo: {loss: dice}}}": "a phase cannot add a head: there is no head 'geo'.",
    "{heads: {semantic: {target: x}}}": (
        "a phase sets decoder, loss, weight of a head, not 'target'"
    ),
    "{heads: {}, decoder: bare}": (
        "'decoder' is short for heads.semantic.decoder: give 'heads' or the short keys, not both"
    ),
    "{optimizer: {lrr: 1}}": "optimizer 'sgd' has no parameter 'lrr'. Did you mean 'lr'?",
    "{loss: dicee}": "unknown loss 'dicee'. Did you mean 'dice'?",
}


@pytest.mark.parametrize("phase", PROBLEMS)
def test_a_mistake_in_a_phase_is_reported_once(load: Load, phase: str) -> None:
    text = PHASES.partition("    - ")[0] + f"    - {{steps: 3}}\n    - {phase}\n"
    with pytest.raises(ConfigError) as error:
        load(text)
    (problem,) = error.value.problems
    assert problem.message == PROBLEMS[phase]
    assert problem.location is not None
    assert problem.location.line == 12


def test_a_default_name_may_be_taken(load: Load) -> None:
    with pytest.raises(ConfigError) as error:
        load(PHASES.replace("name: coarse", "name: 2"))
    (problem,) = error.value.problems
    assert problem.message == (
        "two phases are called '2'; a phase without a name is called by its number"
    )
    assert problem.location is not None
    assert problem.location.line == 12


def test_a_number_is_a_name(load: Load, accepts: Draft202012Validator) -> None:
    text = PHASES.replace("name: coarse", "name: 16")
    assert [each.phase for each in load(text).phases] == ["16", "2", "fine"]
    tree = parse(text, lambda *_: Location("f"), Problems())
    assert tree
    assert accepts.is_valid(plain(tree))


def test_the_schema_shows_no_default_of_what_a_phase_inherits(host: Host) -> None:
    definitions = config_schema(host)["$defs"]
    for prefix in ("", "partial."):
        for name in ("PhaseConfig", "PhaseHeadConfig"):
            found = definitions[prefix + name]["properties"]
            assert not [key for key, value in found.items() if "default" in value]


def test_a_mistake_outside_of_phases_is_reported_once(load: Load) -> None:
    with pytest.raises(ConfigError) as error:
        load(PHASES.replace("dataset: shapes", "dataset: shaped"))
    assert [problem.message for problem in error.value.problems] == [
        "unknown dataset 'shaped'. Did you mean 'shapes'?"
    ]


def test_phases_are_a_list(load: Load) -> None:
    with pytest.raises(ConfigError, match=r"training\.phases is a list of phases, such as - "):
        load(PHASES.partition("    - ")[0] + "    {decoder: bare}\n")


@pytest.mark.parametrize(
    "phase",
    [
        *("{decodr: bare}", "{steps: nine}", "{loss: dicee}", "{optimizer: {lrr: 1}}", "7"),
        *("{name: 8 S}", "{name: true}", "{name: -1}", "{seed: 3}"),
    ],
)
def test_the_schema_refuses_mistakes_in_phases(accepts: Draft202012Validator, phase: str) -> None:
    text = PHASES.partition("    - ")[0] + f"    - {phase}\n"
    tree = parse(text, lambda *_: Location("f"), Problems())
    assert tree
    assert not accepts.is_valid(plain(tree))
