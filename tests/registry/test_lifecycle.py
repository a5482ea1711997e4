"""Pluxel calls the hooks of plugins while it works, and survives what they raise."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pluxel.registry import (
    KINDS,
    Component,
    ComponentImportError,
    HealthCheck,
    Host,
    PluginError,
    Subcommand,
    hookimpl,
    hookspecs,
)

ROOT = Path(__file__).parents[2]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("pluxel_"))
SEEN = ("pluxel_model_built", "pluxel_training_step", "pluxel_evaluated")
"""Hooks that only receive something."""


def plugin(**hooks: Callable[..., object]) -> object:
    """Return a plugin that implements hooks."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def raises(error: BaseException) -> Callable[..., object]:
    def function() -> object:
        raise error

    return function


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook: str) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {hook}$", page, re.MULTILINE)
    assert getattr(hookspecs, hook).__doc__


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested(hook: str) -> None:
    tests = [path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    kinds = [kind for kind, name in KINDS.items() if name == hook]
    # test_rules.py tests the hook of each kind.
    assert kinds or any(re.search(rf"^ *def test_{hook}\b", text, re.MULTILINE) for text in tests)


@pytest.mark.parametrize("hook", [name for name in HOOKS if name not in KINDS.values()])
def test_an_example_uses_every_hook(hook: str) -> None:
    examples = [path.read_text("utf-8") for path in (ROOT / "examples").rglob("*.py")]
    assert any(re.search(rf"@hookimpl\ndef {hook}\(", text) for text in examples)


@pytest.mark.parametrize("hook", SEEN)
def test_a_hook_receives_what_it_asks_for(hook: str) -> None:
    names = hookspecs.__dict__[hook].__code__.co_varnames
    given = {name: {name: [1]} for name in names}
    seen: list[object] = []
    assert len(names) > 1
    for name in names:
        scope: dict[str, Any] = {"seen": seen}
        exec(f"def listen({name}): seen.append({name}); {name}.clear()", scope)
        Host({"acme": plugin(**{hook: scope["listen"]})}).notify(hook, **given)
    assert seen == [{}] * len(names)
    assert given == {name: {name: [1]} for name in names}  # they received copies


@pytest.mark.parametrize("hook", SEEN)
@pytest.mark.parametrize("error", [ValueError("no disk"), SystemExit(3), BaseException()])
def test_a_failure_is_reported_once_and_others_are_called(
    hook: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    good = plugin(**{hook: lambda: calls.append(1)})
    host = Host({"bad-seg": plugin(**{hook: raises(error)}), "acme": good})
    assert host.listens(hook)
    host.notify(hook)
    host.notify(hook)
    assert calls == [1, 1]
    (message,) = caplog.messages
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    assert re.fullmatch(
        rf"plugin bad-seg: {hook} failed \({reason}, {__file__}:\d+\); it is not called again",
        message,
    )


def test_ctrl_c_in_a_hook_is_not_a_failure() -> None:
    hook = "pluxel_evaluated"
    host = Host({"acme": plugin(pluxel_evaluated=raises(KeyboardInterrupt()))})
    with pytest.raises(KeyboardInterrupt):
        host.notify(hook)


def test_output_of_hooks_does_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    host = Host({"acme": plugin(pluxel_evaluated=lambda: sys.stdout.write("uploaded\n"))})
    host.notify("pluxel_evaluated", run=Path(), results={})
    assert capsys.readouterr() == ("", "uploaded\n")


def test_nobody_listens_by_default() -> None:
    assert not any(Host().listens(hook) for hook in SEEN)


@pytest.mark.parametrize("hook", SEEN)
def test_a_hook_cannot_ask_for_what_it_does_not_receive(hook: str) -> None:
    host = Host({"acme": plugin(**{hook: lambda optimizer: None})})
    assert host.failures[0].error.startswith("PluginValidationError: ")
    assert "optimizer" in host.failures[0].error


def test_a_wrapper_is_refused() -> None:
    @hookimpl(wrapper=True)
    def pluxel_evaluated() -> Any:
        yield

    (failure,) = Host({"acme": SimpleNamespace(pluxel_evaluated=pluxel_evaluated)}).failures
    assert failure.error == "pluxel_evaluated cannot be a wrapper: it runs on its own"


def test_pluxel_doctor() -> None:
    bad = HealthCheck("license", "acme.key is missing")
    host = Host(
        {
            "acme": plugin(pluxel_doctor=lambda: [HealthCheck("server"), bad]),
            "broken": plugin(pluxel_doctor=lambda: 1 / 0),
            "wrong": plugin(pluxel_doctor=lambda: ["all is well"]),
        }
    )
    checks = host.health_checks()
    assert checks[:2] == [("acme", HealthCheck("server")), ("acme", bad)]
    assert [(provider, check.name) for provider, check in checks[2:]] == [
        ("broken", "pluxel_doctor"),
        ("wrong", "pluxel_doctor"),
    ]
    assert checks[2][1].problem.startswith("failed (ZeroDivisionError: division by zero, /")
    assert checks[3][1].problem.startswith(
        "failed (pluxel_doctor returned a list that contains a str: every item must be a "
        "HealthCheck"
    )


def test_a_health_check_needs_a_name() -> None:
    with pytest.raises(PluginError, match="a HealthCheck needs a name"):
        HealthCheck("")


class TestCommands:
    """Commands are records, like components."""

    def test_pluxel_commands(self, site: Any) -> None:
        site.module("acme_command", "journal = 3")
        records = [Subcommand("journal", "acme_command:journal", "Print.")]
        host = Host(
            {
                "zeta": plugin(pluxel_commands=lambda: records),
                "acme": plugin(
                    pluxel_commands=lambda: records,
                    pluxel_decoders=lambda: [Component("u", "m:C", "U.")],
                ),
            }
        )
        assert [one.qualified for one in host.commands] == ["acme/journal", "zeta/journal"]
        assert host.load_command(host.commands[0]) == 3
        assert host.get("decoder", "u").provider == "acme"

    def test_a_command_that_cannot_be_imported(self) -> None:
        records = [Subcommand("journal", "nowhere:journal", "Print.")]
        host = Host({"acme": plugin(pluxel_commands=lambda: records)})
        with pytest.raises(ComponentImportError) as caught:
            host.load_command(host.commands[0])
        assert str(caught.value) == (
            "acme/journal is registered as nowhere:journal, but there is no module 'nowhere'"
        )

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (
                ("Show_It", "m:c", "One."),
                "command name 'Show_It' does not match [a-z][a-z0-9-]*. Did you mean 'show-it'?",
            ),
            (
                ("show", "m.c", "One."),
                "command 'show': target 'm.c' is not 'package.module:Class'. Did you mean 'm:c'?",
            ),
            (("show", "m:c", "One.\nTwo."), "command 'show' needs a one-line summary"),
        ],
    )
    def test_a_record_checks_itself(self, arguments: tuple[str, str, str], error: str) -> None:
        with pytest.raises(PluginError) as caught:
            Subcommand(*arguments)
        assert str(caught.value) == error

    def test_other_records_are_refused(self) -> None:
        host = Host({"acme": plugin(pluxel_commands=lambda: [Component("u", "m:C", "U.")])})
        assert host.failures[0].error == (
            "pluxel_commands returned a list that contains a Component: "
            "every item must be a Subcommand"
        )
