"""Run the conformance kit from the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from ...registry import KINDS, Host, PluxelError, did_you_mean
from ..config.sections.places import root_place
from ..config.tree.nodes import Location, MapNode, plain
from ..config.tree.overrides import RANK, parse_overrides
from ..config.tree.problems import Problems
from ..conformance import Subject, checks_of, subjects_of
from ..conformance._collection import check_expected_failures
from ._session import Session


class CheckResult(NamedTuple):
    """One check of one component; ``problem`` says why it failed.

    ``expected``: the reason why it must fail, and then ``passed`` means that it did.
    """

    component: str
    check: str
    passed: bool
    problem: str = ""
    expected: str = ""


def run_checks(
    session: Session,
    plugin: str,
    kinds: Sequence[str],
    only: Sequence[str],
    settings: Sequence[str],
    expected: Sequence[str],
    *,
    quiet: bool,
) -> Iterator[CheckResult]:
    """Yield the result of each check, and print it unless ``quiet``.

    ``only``: names of the checks to run; none for all. ``settings``: KIND/NAME.KEY=VALUE.
    ``expected``: KIND/NAME.CHECK=REASON of each check that must fail.

    Raises: PluxelError for a plugin, kind, check or component that does not exist, or if no
    component has one of the checks.
    """
    if plugin.endswith(".py"):
        session.add_plugin(Path(plugin))
    host = session.host
    chosen = tuple(kinds or KINDS)
    subjects = subjects_of(plugin, host, parameters=_parameters(settings, host), kinds=chosen)
    names = {name for subject in subjects for name in checks_of(subject.kind)}
    for name in only:
        if name not in names:
            near = did_you_mean(name, names) or f" Available: {', '.join(sorted(names))}"
            raise PluxelError(f"no component of {plugin} has a check '{name}'.{near}")
    failures = _expected_failures(expected)
    check_expected_failures(failures, {str(one): one for one in subjects})
    for subject in subjects:
        with tempfile.TemporaryDirectory() as folder:
            own = subject.within(Path(folder))
            for result in _results(own, only, failures.get(str(subject), {})):
                if not quiet:
                    _print(result)
                yield result


def _results(
    subject: Subject, only: Collection[str], expected: Mapping[str, str]
) -> Iterator[CheckResult]:
    checks = checks_of(subject.kind)
    for name in sorted(checks, key="builds".__ne__):  # first, since the others depend on it
        if only and name not in only:
            continue
        problem = checks[name].problem(subject)
        reason = expected.get(name, "")
        passed = bool(problem) == bool(reason)
        yield CheckResult(str(subject), name, passed, problem, reason)
        if problem and name == "builds":
            return


def _print(result: CheckResult) -> None:
    state = "ok" if result.passed else "FAILED"
    click.echo(f"{state:<7} {result.component}  {result.check}")
    text = result.problem
    if result.problem and not result.expected:
        summary = checks_of(result.component.partition("/")[0])[result.check].summary
        text = f"required: {summary}\n{result.problem}"
    if result.expected:
        text = f"fails as expected: {result.expected}"
        if not result.passed:
            text = f"passes, but is listed as an expected failure ({result.expected})"
    click.echo("".join(f"        {line}\n" for line in text.splitlines()), nl=False)


def _expected_failures(written: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return ``KIND/NAME`` -> check -> reason."""
    found: dict[str, dict[str, str]] = {}
    for one in written:
        name, dot, rest = one.partition(".")
        check, _, reason = rest.partition("=")
        if not (dot and "/" in name and check and reason):
            raise PluxelError(f"--expected-failure {one}: expected KIND/NAME.CHECK=REASON")
        found.setdefault(name, {})[check] = reason
    return found


def _parameters(settings: Sequence[str], host: Host) -> Mapping[str, Mapping[str, Any]]:
    """Return ``KIND/NAME`` -> parameters. Raises: ConfigError for an invalid setting."""
    given: dict[str, list[str]] = {}
    for setting in settings:
        name, dot, rest = setting.partition(".")
        if not dot or "/" not in name or "=" not in rest:
            raise PluxelError(f"--parameter {setting}: expected KIND/NAME.KEY=VALUE")
        given.setdefault(name, []).append(rest)
    return {
        name: _read(name.partition("/")[0], overrides, host) for name, overrides in given.items()
    }


def _read(kind: str, overrides: Sequence[str], host: Host) -> Any:
    problems = Problems()
    nothing = MapNode({}, Location("override", rank=RANK))
    written = [f"{kind}.{one}" for one in overrides]
    layer = parse_overrides(written, nothing, root_place(host), problems, tuple)
    problems.stop_if_any()
    return plain(layer)[kind]
