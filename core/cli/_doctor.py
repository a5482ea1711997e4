"""Diagnose a component without building it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ...registry import (
    Component,
    ComponentImportError,
    HealthCheck,
    Host,
    MissingPackage,
    PluginError,
    PluxelError,
    Subcommand,
)
from ..config.sections.parameters import check_defaults
from ..contracts.near_misses import near_misses


class Diagnosis(NamedTuple):
    """``state``: ok, absent (a package is not installed), warning or FAILED."""

    state: str
    text: str


def diagnose(host: Host, kind: str, component: Component) -> Diagnosis:
    """Return the state of a component, and a line about each problem.

    A traceback follows if the plugin's own code raised an error.
    """
    try:
        target = check_defaults(host, kind, component)
    except MissingPackage as error:
        return Diagnosis("absent", f"{kind} {error}")
    except ComponentImportError as error:
        text = f"{error.message}\n{trace.rstrip()}" if (trace := error.traceback) else f"{error}"
        return Diagnosis("FAILED", f"{kind} {text}")
    except PluginError as error:
        return Diagnosis("FAILED", f"{error}")
    name = f"{kind} {component.qualified}"
    near = near_misses(kind, target)
    return Diagnosis("warning" if near else "ok", "\n        ".join([name, *near]))


def diagnose_command(host: Host, command: Subcommand, built_in: Collection[str]) -> Diagnosis:
    """Return the state of a command of a plugin."""
    from ._plugin_commands import load_command

    name = f"command {command.qualified}"
    try:
        load_command(host, command)
    except MissingPackage as error:
        return Diagnosis("absent", f"command {error}")
    except PluxelError as error:
        trace = getattr(error, "traceback", "")
        text = f"{error.message}\n{trace.rstrip()}" if trace else str(error)
        return Diagnosis("FAILED", f"command {text}")
    others = [one.provider for one in host.commands if one.name == command.name]
    if command.name in built_in or len(others) > 1:
        owner = "Pluxel" if command.name in built_in else "another plugin"
        called = f"{owner} has a command {command.name!r}: run pluxel {command.qualified}"
        return Diagnosis("warning", f"{name}\n        {called}")
    return Diagnosis("ok", name)


def diagnosis_of(provider: str, check: HealthCheck) -> Diagnosis:
    """Return the state of what a plugin checks itself."""
    name = f"{provider}: {check.name}"
    if not check.problem:
        return Diagnosis("ok", name)
    return Diagnosis("warning" if check.warning else "FAILED", f"{name}: {check.problem}")
