"""The command line starts fast: check the modules that it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pytest

HELP = ["--help"]
LIST = ["plugins", "list"]
DUMP = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"


def modules(
    code: str, arguments: Sequence[str] = (), env: Mapping[str, str] = os.environ
) -> set[str]:
    """Return all modules that a process imports after its start.

    ``-X importtime`` would not do: it is blind to ``importlib.import_module``.
    """
    command = [sys.executable, "-c", f"{DUMP}\n{code}", *arguments]
    process = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return set(process.stderr.splitlines()[-1].split()) - _bare()


@cache
def _bare() -> set[str]:
    """Return the modules that the interpreter itself imports, such as the import finder."""
    process = subprocess.run(
        [sys.executable, "-c", DUMP], capture_output=True, text=True, check=True
    )
    return set(process.stderr.split())


def imported(arguments: list[str], env: Mapping[str, str]) -> set[str]:
    """Return every module that the command line imports."""
    return modules("from pluxel.core.cli import main; main()", arguments, env)


def check_light(arguments: list[str], env: Mapping[str, str]) -> None:
    """Fail if a command imports any package besides click and pluggy."""
    packages = {module.partition(".")[0] for module in imported(arguments, env)}
    assert packages - set(sys.stdlib_module_names) - {"pluxel"} <= {"click", "pluggy"}


@pytest.fixture
def env() -> dict[str, str]:
    """Allow only built-in plugins, since other installed ones may import anything."""
    return {**os.environ, "PLUXEL_PLUGINS": ""}


@pytest.mark.parametrize("arguments", [HELP, LIST, [*LIST, "--json"]])
def test_only_click_and_pluggy_are_imported(arguments: list[str], env: dict[str, str]) -> None:
    check_light(arguments, env)


@pytest.mark.slow
def test_checking_a_configuration_does_not_import_what_draws(env: dict[str, str]) -> None:
    loaded = imported(["config", "check", "shapes_fcn8s_resnet18"], env)
    assert "pluxel.core.engine.training.check" in loaded
    assert "matplotlib" not in loaded


def test_help_imports_no_command_and_no_plugin(env: dict[str, str]) -> None:
    loaded = imported(HELP, env)
    assert {name for name in loaded if name.partition(".")[0] == "pluxel"} == {
        "pluxel",
        "pluxel.core",
        "pluxel.core.cli",
        "pluxel.core.cli._completed",
        "pluxel.core.cli._groups",
        "pluxel.core.cli._main",
        "pluxel.core.cli._plugin_commands",
        "pluxel.core.cli._session",
        "pluxel.core.cli._streams",
        "pluxel.core.common",
        "pluxel.core.common.exports",
        "pluxel.core.common.signals",
        "pluxel.core.common.text",
    }
    assert not loaded & {
        "pluggy",
        "importlib.metadata",
        "logging",
        "difflib",
    }


@pytest.mark.parametrize("declared", [False, True])
def test_help_looks_for_plugins_only_if_there_may_be_some(declared: bool) -> None:
    code = (
        "from pluxel.core.cli import _plugin_commands, main\n"
        f"_plugin_commands.declares_plugins = lambda path: {declared}\n"
        "main()"
    )
    env = {name: value for name, value in os.environ.items() if name != "PLUXEL_PLUGINS"}
    loaded = modules(code, HELP, env)
    assert ("pluggy" in loaded, "importlib.metadata" in loaded) == (declared, declared)


def test_list_imports_no_component(env: dict[str, str]) -> None:
    loaded = imported(LIST, env)
    assert {name for name in loaded if name.startswith("pluxel.plugins")} == {"pluxel.plugins"}
    assert not loaded & {"logging", "difflib"}


@pytest.mark.parametrize("package", ["numpy", "pydantic", "rich"])
def test_check_can_fail(site: Any, package: str) -> None:
    site.install(
        "heavy",
        f"""
        import {package}
        from pluxel.registry import Component, hookimpl

        @hookimpl
        def pluxel_decoders():
            return [Component("unet", "nowhere:C", "One.")]
        """,
    )
    env = {**site.env, "PLUXEL_PLUGINS": "heavy"}
    with pytest.raises(AssertionError, match=package):
        check_light(LIST, env)
    with pytest.raises(AssertionError, match=package):  # its commands are part of the help
        check_light(HELP, env)
    check_light(["--no-plugins", *HELP], env)


@pytest.mark.parametrize("module", ["pluxel", "pluxel.core", "pluxel.registry", "pluxel.plugins"])
def test_packages_import_few_modules(module: str) -> None:
    assert not {"torch", "numpy", "pydantic", "rich", "yaml"} & modules(f"import {module}")
