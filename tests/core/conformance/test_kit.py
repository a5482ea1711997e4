"""The kit as a plugin's author uses it: with pytest, from the command line, and by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pluxel.core.conformance import (
    Check,
    ConformanceError,
    Subject,
    checks_of,
    conformance,
    subjects_of,
)
from pluxel.registry import KINDS, Host, PluxelError

from ... import warm

pytest_plugins = "pytester"
pytestmark = pytest.mark.slow

MUTANTS = Path(__file__).parent
HOST = Host(allow=["pluxel"], files=[MUTANTS / "mutant_losses.py"])
PLUGIN = MUTANTS / "mutant_losses.py"

RUN = f"""
from pathlib import Path
from pluxel.core.conformance import conformance
from pluxel.registry import Host

test_conformance = conformance(
    Path({str(PLUGIN)!r}),
    host=Host(allow=["pluxel"], files=[{str(PLUGIN)!r}]),
    expected_failures={{"loss/rises": {{"improves": "it rises", "scalar": "it is a scalar"}}}},
)
"""


def test_pytest_runs_each_check_of_each_component(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_plugin=RUN)
    only = "loss/rises and (improves or scalar or target or strips)"
    found = pytester.runpytest_inprocess("-k", only, "-rA", "--import-mode=importlib")
    found.stdout.fnmatch_lines_random(
        [
            "PASSED test_plugin.py::test_conformance[[]loss/rises-target[]]",
            "PASSED test_plugin.py::test_conformance[[]loss/rises-strips[]]",
            "XFAIL test_plugin.py::test_conformance[[]loss/rises-improves[]] - it rises",
            "FAILED test_plugin.py::test_conformance[[]loss/rises-scalar[]]*",
            "*[[]XPASS(strict)[]] it is a scalar",
        ]
    )
    found.assert_outcomes(passed=2, xfailed=1, failed=1)


def test_a_failure_says_what_is_wrong(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_plugin=RUN.replace("loss/rises", "loss/good"))
    found = pytester.runpytest_inprocess("-k", "loss/rises-improves", "--import-mode=importlib")
    found.stdout.fnmatch_lines(
        ["E*ConformanceError: the loss of wrong, uniform and right predictions is *does not fall"]
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"expected_failures": {"loss/god": {}}},
            "expected failures: the plugin has no component 'loss/god'. Did you mean 'loss/good'?",
        ),
        (
            {"expected_failures": {"loss/good": {"improve": "later"}}},
            "expected failures: loss/good has no check 'improve'. Did you mean 'improves'?",
        ),
        (
            {"expected_failures": {"loss/good": {"improves": ""}}},
            "expected failures: loss/good, check 'improves': state the reason, not ''",
        ),
        (
            {"expected_failures": {"loss/good": {"improves"}}},
            "expected failures of loss/good: {'improves'} must be a mapping: check -> reason",
        ),
        (
            {"parameters": {"loss/god": {}}},
            "plugin mutant_losses.py has no component 'loss/god'. Did you mean 'loss/good'?",
        ),
    ],
)
def test_a_misspelled_name_is_an_error(arguments: dict, text: str) -> None:
    with pytest.raises(PluxelError) as caught:
        conformance(PLUGIN, host=HOST, **arguments)
    assert str(caught.value) == text


def test_a_plugin_that_is_not_installed() -> None:
    with pytest.raises(PluxelError) as caught:
        subjects_of("acme-sag", Host({"acme-seg": sys.modules["mutant_losses"]}))
    assert str(caught.value) == "no plugin 'acme-sag' is installed. Did you mean 'acme-seg'?"


def test_a_plugin_that_failed_to_load_gives_its_traceback(tmp_path: Path) -> None:
    broken = tmp_path / "broken_head.py"
    broken.write_text("import no_such_module_at_all\n")
    with pytest.raises(PluxelError, match="no_such_module_at_all") as caught:
        subjects_of(broken, Host(allow=["pluxel"], files=[broken]))
    assert str(caught.value).startswith("plugin broken_head.py (")


def test_a_check_can_be_run_alone() -> None:
    rises = subject("rises")
    improves = checks_of("loss")["improves"]
    assert isinstance(improves, Check)
    assert improves.summary == "Better predictions have a lower loss."
    with pytest.raises(ConformanceError, match="does not fall"):
        improves(rises)
    improves(subject("good"))


def subject(name: str) -> Subject:
    return next(one for one in subjects_of(PLUGIN, HOST) if one.component.name == name)


def test_every_check_states_its_guarantee() -> None:
    for kind in KINDS:
        for check in checks_of(kind).values():
            assert check.summary.endswith("."), check.name


def test_missing_and_wrong_parameters_are_explained(make_subject: Callable[..., Subject]) -> None:
    with pytest.raises(PluxelError) as caught:
        make_subject({}).factory()
    assert str(caught.value) == (
        "dataset/good: dataset 'mutant_datasets.py/good' needs the parameter 'root'\n"
        '  note: conformance(…, parameters={"dataset/good": {…}}) sets parameters; on the command '
        "line, --parameter dataset/good.KEY=VALUE"
    )
    with pytest.raises(PluxelError) as caught:
        make_subject({"root": 3}).factory()
    assert "root" in str(caught.value)


@pytest.fixture
def make_subject() -> Callable[..., Subject]:
    file = MUTANTS / "mutant_datasets.py"
    host = Host(allow=["pluxel"], files=[file])
    good = next(one for one in subjects_of(file, host) if one.component.name == "good")
    return lambda given: Subject(host, "dataset", good.component, given)


def pluxel(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run(["plugins", "test", *arguments], folder)


@pytest.mark.usefixtures("in_processes")
def test_the_command_line_runs_the_same_checks(tmp_path: Path) -> None:
    ended = pluxel(tmp_path, str(PLUGIN), "--check", "builds", "--check", "improves")
    assert ended.returncode == 1
    assert "ok      loss/good  improves\n" in ended.stdout
    assert (
        "FAILED  loss/rises  improves\n        required: Better predictions have a lower loss.\n"
        "        the loss of wrong, uniform and right " in ended.stdout
    )
    assert ended.stdout.endswith(" 1 failed\n")


@pytest.mark.usefixtures("in_processes")
def test_the_command_line_expects_failures(tmp_path: Path) -> None:
    only = ("--check", "builds", "--check", "improves", "--json", "--expected-failure")
    ended = pluxel(tmp_path, str(PLUGIN), *only, "loss/rises.improves=by design")
    assert ended.returncode == 0
    (rises,) = [one for one in json.loads(ended.stdout) if one["problem"]]
    assert rises["component"] == "loss/rises"
    assert rises["passed"]
    assert rises["expected"] == "by design"
    ended = pluxel(tmp_path, str(PLUGIN), *only, "loss/good.improves=no")
    assert ended.returncode == 1
    (good, rises) = [one for one in json.loads(ended.stdout) if not one["passed"]]
    assert (good["component"], good["problem"], good["expected"]) == ("loss/good", "", "no")
    assert rises["component"] == "loss/rises"
    ended = pluxel(tmp_path, str(PLUGIN), *only, "loss/good.improve=no")
    assert "loss/good has no check 'improve'. Did you mean 'improves'?" in ended.stderr


@pytest.mark.usefixtures("in_processes")
def test_a_check_that_no_component_has_is_an_error(tmp_path: Path) -> None:
    ended = pluxel(tmp_path, str(PLUGIN), "--check", "pyramids")
    assert ended.returncode == 2
    assert f"no component of {PLUGIN} has a check 'pyramids'." in ended.stderr


@pytest.mark.usefixtures("in_processes")
def test_the_command_line_sets_parameters(tmp_path: Path) -> None:
    from mutant_datasets import written  # noqa: PLC0415 # pyright: ignore[reportMissingImports]

    written(tmp_path)
    file = str(MUTANTS / "mutant_datasets.py")
    ended = pluxel(
        tmp_path,
        file,
        "--parameter",
        f"dataset/good.root={tmp_path}",
        "--check",
        "length",
        "--json",
    )
    assert [
        one["passed"] for one in json.loads(ended.stdout) if one["component"] == "dataset/good"
    ] == [True]
    ended = pluxel(tmp_path, file, "--parameter", "root=3")
    assert ended.returncode == 2
    assert ended.stderr == "--parameter root=3: expected KIND/NAME.KEY=VALUE\n"
