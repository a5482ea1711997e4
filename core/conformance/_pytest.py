"""The conformance kit as a test of pytest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...registry import KINDS, Host, PluxelError, reason_of
from ._check import Check
from ._collection import check_expected_failures, checks_of, subjects_of
from ._subject import Parameters, Subject


def conformance(
    plugin: str | Path,
    *,
    parameters: Mapping[str, Parameters] = MappingProxyType({}),
    expected_failures: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    kinds: Collection[str] = tuple(KINDS),
    host: Host | None = None,
) -> Callable[..., None]:
    """Return a test function that runs every check on every component of a plugin.

    Bind it to a name that pytest collects::

        test_conformance = conformance("acme-seg")

    ``plugin``: the name of the installed distribution, or a file. ``parameters``: ``KIND/NAME`` ->
    the parameters to build a component with, as in YAML; or a function that writes files into an
    empty folder and returns them. ``expected_failures``: ``KIND/NAME`` -> name of a check -> the
    reason why it fails; a check that passes although it is listed fails the test. ``kinds``:
    only these. ``host``: by default one with all installed plugins.

    Raises: PluxelError if the plugin did not load, or for a component or check that does not exist.
    """
    import pytest  # noqa: PLC0415 - only the tests of a plugin need it

    subjects = {
        str(one): one for one in subjects_of(plugin, host, parameters=parameters, kinds=kinds)
    }
    check_expected_failures(expected_failures, subjects)

    folders: dict[str, Path] = {}

    def marks(subject: str, check: str) -> list[Any]:
        reason = expected_failures.get(subject, {}).get(check)
        return [pytest.mark.xfail(reason=reason, strict=True)] if reason else []

    @pytest.mark.parametrize(
        ("subject", "check"),
        [
            pytest.param(subject, check, id=f"{name}-{check.name}", marks=marks(name, check.name))
            for name, subject in subjects.items()
            for check in checks_of(subject.kind).values()
        ],
    )
    def test_conformance(
        subject: Subject, check: Check, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        name = str(subject)
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(subject.component.name)
        try:
            check(subject.within(folders[name]))
        except Exception as error:
            if not isinstance(error, PluxelError):
                for note in reason_of(error)[1]:  # with remedies that errors of Python lack
                    if note not in str(error) and note not in getattr(error, "__notes__", ()):
                        error.add_note(note)
            raise

    return test_conformance
