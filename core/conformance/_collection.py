"""Which checks apply to which components."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from ...registry import KINDS, Host, PluxelError, did_you_mean
from . import _backbones, _datasets, _decoders, _embeddings, _every, _losses, _metrics, _trackers
from ._check import Check
from ._subject import Parameters, Subject

_OF_KIND = {
    "backbone": _backbones.CHECKS,
    "decoder": _decoders.CHECKS,
    "loss": _losses.CHECKS,
    "dataset": _datasets.CHECKS,
    "embedding": _embeddings.CHECKS,
    "metric": _metrics.CHECKS,
    "tracker": _trackers.CHECKS,
}


def checks_of(kind: str) -> dict[str, Check]:
    """Return the checks of a kind by name: first those of every kind, then its own."""
    return {one.name: one for one in map(Check, (*_every.CHECKS, *_OF_KIND[kind]))}


def subjects_of(
    plugin: str | Path,
    host: Host | None = None,
    *,
    parameters: Mapping[str, Parameters] = MappingProxyType({}),
    kinds: Collection[str] = tuple(KINDS),
) -> list[Subject]:
    """Return the components of a plugin.

    ``plugin``: the name of an installed distribution, or a file. ``host``: by default a new one.
    ``parameters``: ``KIND/NAME`` -> parameters. ``kinds``: only these.

    Raises: PluxelError if the plugin is not installed, not loaded or has no components, and for
    parameters of a component that it does not have.
    """
    is_file = isinstance(plugin, Path) or plugin.endswith(".py")
    host = host or Host(files=[plugin] if is_file else [])
    provider = _provider(Path(plugin).name if is_file else str(plugin), host)
    subjects = {
        f"{kind}/{one.name}": Subject(host, kind, one)
        for kind in kinds
        for one in host.components(kind)
        if one.provider == provider
    }
    if not subjects:
        raise PluxelError(f"plugin {provider} offers no components to check")
    for name, given in parameters.items():
        _known(name, subjects, f"plugin {provider} has no component")
        subjects[name].given = given
    return list(subjects.values())


def check_expected_failures(
    expected: Mapping[str, Mapping[str, str]], subjects: Mapping[str, Subject]
) -> None:
    """Raise PluxelError if ``expected`` names what does not exist, or lacks a reason.

    ``expected``: ``KIND/NAME`` -> name of a check -> reason. ``subjects``: by ``KIND/NAME``.
    """
    for name, failures in expected.items():
        _known(name, subjects, "expected failures: the plugin has no component")
        if not isinstance(failures, Mapping):
            raise PluxelError(
                f"expected failures of {name}: {failures!r} must be a mapping: check -> reason"
            )
        for check, reason in failures.items():
            _known(check, checks_of(subjects[name].kind), f"expected failures: {name} has no check")
            if not (isinstance(reason, str) and reason.strip()):
                raise PluxelError(
                    f"expected failures: {name}, check '{check}': state the reason, not {reason!r}"
                )


def _known(name: str, names: Mapping[str, object], problem: str) -> None:
    """Raise PluxelError if ``name`` is not one of the names."""
    if name not in names:
        near = did_you_mean(name, names) or f" It has {', '.join(names)}"
        raise PluxelError(f"{problem} '{name}'.{near}")


def _provider(name: str, host: Host) -> str:
    if failure := host.failure(name):  # also of one of several entry points
        raise PluxelError(str(failure), [*failure.notes, *filter(None, [failure.traceback])])
    if provider := host.provider(name):
        return provider.name
    if reason := host.absence(name):
        raise PluxelError(f"plugin {name} {reason}")
    near = did_you_mean(name, host.providers)
    raise PluxelError(f"no plugin '{name}' is installed.{near}")
