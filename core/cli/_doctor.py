"""Diagnose a component without building it."""

from __future__ import annotations

from typing import NamedTuple

from ...registry import Component, ComponentImportError, Host, MissingPackage, PluginError
from ..config.messages.faults import Owner
from ..config.sections.parameters import check_defaults
from ..contracts.near_misses import near_misses
from ..contracts.signature import read_signature


class Diagnosis(NamedTuple):
    """``state``: ok, absent (a package is not installed), warning or FAILED."""

    state: str
    text: str


def diagnose(host: Host, kind: str, component: Component) -> Diagnosis:
    """Return the state of a component, and a line about each problem.

    A traceback follows if the plugin's own code raised an error.
    """
    try:
        target = host.load(component)
        signature = read_signature(kind, component, target)
        owner = Owner(f"{kind} '{component.name}'", signature.parameters)
        check_defaults(owner, component, signature, {"host": host})
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
