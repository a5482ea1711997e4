"""A run loads with a later version of a plugin that renamed or dropped parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pluxel import plugins
from pluxel.core import Factory, Loss, load_config
from pluxel.core.authoring import RenamedFrom
from pluxel.core.config._config import Config
from pluxel.core.config._schema import config_schema
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.registry import Component, Host, hookimpl

START = "backbone: vgg16\ndecoder: fcn32s\ndataset: shapes\n"


@dataclass
class OldOptions:
    a: int = 1
    b: int = 2


@dataclass
class NewOptions:
    a: int = 1


class Old:
    def __init__(
        self,
        *,
        size: int = 3,
        gone: float = 0.5,
        options: OldOptions = OldOptions(),  # noqa: B008
        inner: Factory[Loss] | None = None,
    ) -> None: ...

    def __call__(self, logits: object, target: object) -> None: ...


class New(Old):
    def __init__(
        self,
        *,
        width: Annotated[int, RenamedFrom("size", "extent")] = 4,
        options: NewOptions = NewOptions(),  # noqa: B008
        inner: Factory[Loss] | None = None,
    ) -> None: ...


class Plugin:
    @hookimpl
    def pluxel_losses(self) -> list[Component]:
        return [Component("grown", "grown_loss:Grown", "Grown.")]


Install = Callable[[type, str], Host]


@pytest.fixture
def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(target: type, version: str) -> Host:
        monkeypatch.setitem(sys.modules, "grown_loss", SimpleNamespace(Grown=target))
        host = Host({"pluxel": plugins, "acme": Plugin()})
        versions = {"acme": replace(host.providers["acme"], version=version)}
        host._providers |= versions  # pyright: ignore[reportPrivateUsage]
        return host

    return install


def recorded(install: Install, loss: str, *overrides: str) -> None:
    """Write ``run.yaml`` with the old version of the plugin."""
    Path("x.yaml").write_text(f"{START}loss: {loss}\n", encoding="utf-8")
    config = load_config("x.yaml", overrides, host=install(Old, "1.0"))
    Path("run.yaml").write_text(config.dump(), encoding="utf-8")


def params(config: Config) -> dict[str, Any]:
    return dict(config.pipeline.heads["semantic"].loss.params)


def test_parameters_that_nobody_set_are_recorded(install: Install) -> None:
    recorded(install, "{type: grown, size: 5, options: {a: 2}, inner: dice}", "loss.gone=1")
    text = Path("run.yaml").read_text(encoding="utf-8")
    tree = parse(text, lambda *_: Location("f"), Problems())
    assert tree
    defaults = plain(tree)["pluxel"]["defaults"]
    assert [one for one in defaults if one.startswith("loss")] == [
        "loss.inner.classes",
        "loss.inner.smooth",
        "loss.options.b",
    ]
    assert {"backbone.dropout", "decoder.dropout", "dataset.length"} <= {*defaults}
    again = load_config("run.yaml", host=install(Old, "1.0"))
    assert again.dump() == text
    Path("upper.yaml").write_text("base: run.yaml\nloss: {options: {b: 3}}\n", encoding="utf-8")
    upper = load_config("upper.yaml", ["loss.inner.smooth=2"], host=install(Old, "1.0")).dump()
    assert "loss.options.b" not in upper
    assert "loss.inner.smooth" not in upper
    assert "loss.inner.classes" in upper


def test_a_run_loads_without_a_dropped_default(install: Install, caplog: Any) -> None:
    recorded(install, "grown")
    config = load_config("run.yaml", host=install(New, "2.0"))
    assert params(config) == {"width": 3, "options": NewOptions(1), "inner": None}
    line = next(message for message in caplog.messages if "gone" in message)
    assert line.partition(": ")[2] == (
        "loss 'acme/grown' no longer has the parameter 'gone', which nobody set"
    )
    Path("upper.yaml").write_text("base: run.yaml\n", encoding="utf-8")
    assert load_config("upper.yaml", host=install(New, "2.0")).pipeline == config.pipeline


def test_components_within_components_are_upgraded(install: Install) -> None:
    recorded(install, "{type: weighted_sum, terms: [{loss: grown}]}")
    config = load_config("run.yaml", host=install(New, "2.0"))
    (term,) = params(config)["terms"]
    assert term.loss.params["width"] == 3


def test_a_dropped_parameter_that_was_set_is_an_error_with_both_versions(install: Install) -> None:
    recorded(install, "{type: grown, gone: 0.25}")
    with pytest.raises(ConfigError) as caught:
        load_config("run.yaml", host=install(New, "2.0"))
    first, note = str(caught.value).splitlines()
    assert first.endswith(
        ": loss 'acme/grown' has no parameter 'gone'. Known keys: inner, options, width"
    )
    assert note == (
        "  note: this file was written with acme 1.0; 2.0 is installed: pip install 'acme==1.0'"
    )


def test_an_override_of_a_dropped_default_is_an_error(install: Install) -> None:
    recorded(install, "grown")
    with pytest.raises(ConfigError, match="has no parameter 'gone'"):
        load_config("run.yaml", ["loss.gone=1"], host=install(New, "2.0"))


@pytest.mark.parametrize("old", ["size", "extent"])
def test_a_former_name_is_accepted(install: Install, old: str, caplog: Any) -> None:
    host = install(New, "2.0")
    Path("x.yaml").write_text(f"{START}loss: {{type: grown, {old}: 7}}\n", encoding="utf-8")
    config = load_config("x.yaml", host=host)
    assert params(config)["width"] == 7
    assert config.origin("loss", "width") == "x.yaml:4:" + ("27" if old == "size" else "29")
    assert f"loss 'grown': parameter '{old}' is now called 'width'" in caplog.messages
    schema = Draft202012Validator(config_schema(host))
    tree = {"backbone": "vgg16", "decoder": "fcn32s", "dataset": "shapes"}
    assert schema.is_valid({**tree, "loss": {"type": "grown", old: 7}})
    assert not schema.is_valid({**tree, "loss": {"type": "grown", old: "x"}})


@pytest.mark.parametrize(
    ("base", "upper", "overrides", "width"),
    [
        ("size: 1", "width: 2", [], 2),
        ("width: 1", "size: 2", [], 2),
        ("size: 1", "width: 2", ["loss.size=3"], 3),
        ("size: 1", "", ["loss.width=3"], 3),
    ],
)
def test_the_upper_layer_wins_under_either_name(
    install: Install, base: str, upper: str, overrides: list[str], width: int
) -> None:
    Path("low.yaml").write_text(f"{START}loss: {{type: grown, {base}}}\n", encoding="utf-8")
    Path("x.yaml").write_text(f"base: low.yaml\nloss: {{{upper}}}\n", encoding="utf-8")
    config = load_config("x.yaml", overrides, host=install(New, "2.0"))
    assert params(config)["width"] == width


def test_both_names_in_one_file_are_an_error(install: Install) -> None:
    Path("x.yaml").write_text(f"{START}loss: {{type: grown, size: 1, width: 2}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config("x.yaml", host=install(New, "2.0"))
    assert str(caught.value) == (
        "x.yaml:4:30: loss 'grown': parameter 'width' is also given under its former name"
    )
