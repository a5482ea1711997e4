"""Parameters as plugin authors declare them: defaults, types, records and builds."""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Callable, Generator, Iterable
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType

import numpy as np
import pytest
from pluxel import plugins
from pluxel.core import Factory, Loss, load_config
from pluxel.core.config._config import Config
from pluxel.core.config._load import check_record
from pluxel.core.config.sections.parameters import check_defaults
from pluxel.core.config.tree.nodes import Location, plain
from pluxel.core.config.tree.parse import parse
from pluxel.core.config.tree.problems import ConfigError, Problems
from pluxel.core.engine.preparation import prepare
from pluxel.registry import Component, Host, PluginError, hookimpl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator


class Mode(enum.Enum):
    A = "alpha"
    B = "beta"


class Shape(enum.Enum):
    SMALL = (1, 2)
    LARGE = (3, 4)


class Size(NamedTuple):
    height: int
    width: int = 3


@dataclass
class Scaled:
    a: int = 1
    scale: InitVar[float] = 2.0

    def __post_init__(self, scale: float) -> None:
        self.product = self.a * scale


@dataclass
class Counted:
    a: int = 1
    count: int = field(init=False, default=7)


@dataclass
class Where:
    file: Path
    more: list[Path] = field(default_factory=list)


@dataclass
class Streaming:
    values: Iterable[int]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1


class Aliased(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int = Field(1, validation_alias="alpha")


class Before(BaseModel):
    pair: tuple[int, int] = (1, 2)

    @model_validator(mode="before")
    @classmethod
    def _unchanged(cls, values: Any) -> Any:
        return values


@dataclass
class Forgetful:
    """Does not keep what it was given."""

    a: InitVar[int] = 1
    b: int = field(init=False, default=0)

    def __post_init__(self, a: int) -> None:
        self.b = a


Twice = Annotated[
    tuple[int, int], BeforeValidator(lambda value: (value, value) if type(value) is int else value)
]
Maybe = NewType("Maybe", int | None)  # pyright: ignore[reportInvalidTypeForm]
FORGETFUL = Forgetful(5)


def read(text: str) -> Any:
    tree = parse(text, lambda *_: Location("f"), Problems())
    assert tree
    return plain(tree)


def host_of(annotation: Any, *default: Any) -> Host:
    """Return a host with the loss ``one``, whose parameter ``x`` has this annotation."""

    def construct(self: Any, *, x: Any) -> None:
        self.x = x

    def call(self: Any, logits: object, target: object) -> None: ...

    construct.__annotations__ = {"x": annotation}
    construct.__kwdefaults__ = {"x": default[0]} if default else None
    one = type("One", (), {"__init__": construct, "__call__": call})
    sys.modules["one_loss"] = types.SimpleNamespace(One=one)  # pyright: ignore[reportArgumentType]

    class Plugin:
        @hookimpl
        def pluxel_losses(self) -> list[Component]:
            return [Component("one", "one_loss:One", "One.")]

    return Host({"pluxel": plugins, "acme": Plugin()})


def examine(host: Host) -> None:
    """Check the component without building it, as ``pluxel plugins doctor`` does."""
    check_defaults(host, "loss", host.get("loss", "one"))


def config_of(host: Host, loss: str) -> Config:
    Path("x.yaml").write_text(
        f"backbone: vgg16\ndecoder: fcn32s\nloss: {loss}\ndataset: shapes\n", encoding="utf-8"
    )
    return load_config("x.yaml", host=host)


def loss_of(config: Config) -> Factory[Loss]:
    return config.pipeline.heads["semantic"].loss


KEPT: list[tuple[Any, str, Any, Callable[[Any], bool]]] = [
    # annotation, YAML, what a run keeps, what the component gets
    (Scaled, "{a: 2, scale: 3.0}", {"a": 2, "scale": 3.0}, lambda x: x.product == 6),
    (Counted, "{a: 2}", {"a": 2}, lambda x: (x.a, x.count) == (2, 7)),
    (Open, "{a: 2, more: 3}", {"a": 2, "more": 3}, lambda x: x.model_extra == {"more": 3}),
    (Aliased, "{alpha: 5}", {"alpha": 5}, lambda x: x.a == 5),
    (SecretStr, "xyz", "xyz", lambda x: x.get_secret_value() == "xyz"),
    (Size, "[4, 5]", [4, 5], lambda x: x == Size(4, 5)),
    (dict[Mode, int], "{beta: 2}", {"beta": 2}, lambda x: x == {Mode.B: 2}),
    (dict[float, int], "{0.5: 2}", {"0.5": 2}, lambda x: x == {0.5: 2}),
    (dict[bool, int], "{'true': 2}", {"true": 2}, lambda x: x == {True: 2}),
    (dict[Path, int], "{/a/b: 2}", {"/a/b": 2}, lambda x: x == {Path("/a/b"): 2}),
    (Shape, "[3, 4]", [3, 4], lambda x: x is Shape.LARGE),
    (Iterable[float], "[1, 2]", [1.0, 2.0], lambda x: x == [1, 2]),
    (dict[str, Iterable[int]], "{a: [1]}", {"a": [1]}, lambda x: x == {"a": [1]}),
    (Twice, "[1, 2]", [1, 2], lambda x: x == (1, 2)),
    (Twice, "3", 3, lambda x: x == (3, 3)),
    (Before, "{pair: [3, 4]}", {"pair": [3, 4]}, lambda x: x.pair == (3, 4)),
    (Literal["a", None], "null", None, lambda x: x is None),
    (Maybe, "null", None, lambda x: x is None),
    (set[str], "[b, a]", ["b", "a"], lambda x: x == {"a", "b"}),
    (Where, "{file: /y}", {"file": "/y", "more": []}, lambda x: x == Where(Path("/y"))),
]


@pytest.mark.parametrize(("annotation", "given", "kept", "holds"), KEPT)
def test_a_run_keeps_what_was_asked_for(
    annotation: Any, given: str, kept: Any, holds: Callable[[Any], bool], folder: Path
) -> None:
    host = host_of(annotation)
    config = config_of(host, f"{{type: one, x: {given}}}")
    assert holds(loss_of(config).params["x"])
    check_record(config)
    text = config.dump()
    assert read(text)["loss"]["x"] == kept
    Path("again.yaml").write_text(text, encoding="utf-8")
    again = load_config("again.yaml", host=host)
    assert holds(loss_of(again).params["x"])
    assert again.dump() == text


@pytest.mark.parametrize(
    ("annotation", "given"),
    [(Twice, '["1", 2]'), (Before, '{pair: ["1", 2]}'), (Where, "{file: 3}"), (Size, '["4"]')],
)
def test_types_within_containers_stay_strict(annotation: Any, given: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match="expected"):
        config_of(host_of(annotation), f"{{type: one, x: {given}}}")


def test_a_home_is_expanded_at_any_depth(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = "{type: one, x: {a: {file: ~/y, more: [~/z]}}}"
    config = config_of(host_of(dict[str, Where]), given)
    assert loss_of(config).params["x"] == {"a": Where(Path("/home/me/y"), [Path("/home/me/z")])}
    assert "~" not in config.dump()
    text = config_of(host_of(dict[str, str]), "{type: one, x: {a: ~/y}}")
    assert loss_of(text).params["x"] == {"a": "~/y"}
    default = config_of(host_of(Path, Path("~/d")), "one")
    assert loss_of(default).params["x"] == Path("/home/me/d")


def test_a_value_that_a_type_does_not_keep_is_refused_before_training(folder: Path) -> None:
    config = config_of(host_of(Forgetful, FORGETFUL), "one")
    with pytest.raises(ConfigError) as caught:
        prepare(config)  # as every training does
    assert str(caught.value) == (
        "x.yaml:3:7: loss 'one': a run would not keep the value of parameter 'x': it is "
        "Forgetful(b=5), and would be read back as Forgetful(b=1)"
    )


def _identity(x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("annotation", "default", "reason"),
    [
        (int, 64.0, "the default 64.0 of parameter 'x' does not fit its annotation: expected a "),
        (Literal["a", "b"], "c", "the default 'c' of parameter 'x' does not fit its annotation: "),
        (list[int], [1, "a"], "the default [1, 'a'] of parameter 'x' does not fit its annotation"),
        (Factory[Loss], "dicee", "the default 'dicee' of parameter 'x' does not fit its annot"),
        (type[int], int, "YAML cannot hold <class 'int'>, the default of parameter 'x'"),
        (Callable[..., int], _identity, "YAML cannot hold <function _identity at 0x"),
        (Any, object(), "YAML cannot hold <object object at 0x"),
    ],
)
def test_a_default_that_does_not_fit_is_refused(
    annotation: Any, default: Any, reason: str, folder: Path
) -> None:
    host = host_of(annotation, default)
    prefix = f"loss 'one' of plugin acme cannot be used: {reason}"
    with pytest.raises(ConfigError) as caught:
        config_of(host, "one")
    assert str(caught.value).startswith(f"x.yaml:3:7: {prefix}")
    with pytest.raises(PluginError) as found:
        examine(host)
    assert str(found.value).startswith(prefix)


@pytest.mark.parametrize(
    ("annotation", "default", "value"),
    [
        (float, np.float32(0.5), 0.5),
        (float, 1, 1),
        (tuple[int, int], [1, 2], (1, 2)),
        (Iterable[float], (1.0,), [1.0]),
        (int, None, None),  # as null in YAML, it stands for the default
        (Size, Size(1), Size(1)),
        (Shape, Shape.SMALL, Shape.SMALL),
        (Scaled, Scaled(2), Scaled(2)),
        (SecretStr, SecretStr("abc"), SecretStr("abc")),
    ],
)
def test_a_default_that_fits_is_used(
    annotation: Any, default: Any, value: Any, folder: Path
) -> None:
    host = host_of(annotation, default)
    config = config_of(host, "one")
    assert loss_of(config).params["x"] == value
    check_record(config)
    examine(host)


def test_a_default_may_name_a_component(folder: Path) -> None:
    config = config_of(host_of(Factory[Loss], "dice"), "one")
    assert loss_of(config).params["x"].component.qualified == "pluxel/dice"


@pytest.mark.parametrize("annotation", [Generator[int, None, None], Streaming])
def test_an_iterator_is_refused(annotation: Any) -> None:
    with pytest.raises(PluginError) as caught:
        examine(host_of(annotation))
    assert str(caught.value) == (
        "loss 'one' of plugin acme cannot be used: parameter 'x' is an iterator, which the first "
        "build uses up: annotate it as a list or a Sequence"
    )


@pytest.mark.parametrize("given", ["", ", x: [{a: 1}]"])
def test_every_build_has_its_own_parameters(given: str, folder: Path) -> None:
    factory = loss_of(config_of(host_of(list[dict[str, int]], [{"a": 1}]), f"{{type: one{given}}}"))
    first: Any = factory()
    first.x[0].clear()
    first.x.append({})
    second: Any = factory()
    assert second.x == [{"a": 1}]
    assert factory.params["x"] == [{"a": 1}]
