"""Each check catches a component that violates it, and no check blames it for anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pluxel.core.conformance import Subject, checks_of, subjects_of
from pluxel.registry import KINDS, Host

from ...conftest import require_torch

pytestmark = pytest.mark.slow

MUTANTS = Path(__file__).parent
FILES = (
    "losses",
    "any",
    "decoders",
    "backbones",
    "datasets",
    "embeddings",
    "metrics",
    "trackers",
    "heavy",
    "unclean",
)
HOST = Host(allow=["pluxel"], files=[MUTANTS / f"mutant_{name}.py" for name in FILES])

OF_THE_PLUGIN = {"light_registration", "clean_import"}
BEFORE_BUILDING = OF_THE_PLUGIN | {"target", "parameters", "schema"}
COSTLY = OF_THE_PLUGIN | {"half_precision", "spawned_workers"}
"""These take seconds, so they run only for their own mutants, and once for correct components."""

WITH_ALL = {"mutant_losses.py", "mutant_datasets.py"}
"""Files whose correct component gets the costly checks, too."""

PLUGIN_MUTANTS = {"mutant_heavy.py": "light_registration", "mutant_unclean.py": "clean_import"}


def subjects() -> Iterator[Subject]:
    for name in FILES:
        for subject in subjects_of(MUTANTS / f"mutant_{name}.py", HOST):
            if subject.kind == "dataset":
                subject.given = _of("mutant_datasets").written
            if subject.component.name == "heavy":
                subject.given = _of("mutant_embeddings").written
            yield subject


def _of(module: str):
    import sys  # noqa: PLC0415

    return sys.modules[module]


def expected(subject: Subject) -> set[str]:
    """Return the checks that must fail."""
    provider = subject.component.provider
    if provider in PLUGIN_MUTANTS:
        return {PLUGIN_MUTANTS[provider]}
    names = {*checks_of(subject.kind)}
    if subject.component.name == "nowhere":
        return names - OF_THE_PLUGIN
    cls = HOST.load(subject.component)
    if not cls.caught_by:
        return set()
    also = names - BEFORE_BUILDING if "*" in cls.also else set()
    return {cls.caught_by, *also, *cls.also} - {"*"}


CASES = [*subjects()]


@pytest.mark.parametrize("subject", CASES, ids=lambda one: f"{one.component.provider}-{one}")
def test_a_mutant_fails_its_checks_only(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if subject.component.name == "staysonthecpu":
        require_torch(2, 14, "needs a driver for fake CUDA tensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUTANT_BUILT", "0")
    monkeypatch.setenv("PLUXEL_CACHE", str(tmp_path / "cache"))
    wanted = expected(subject)
    left_out = COSTLY - wanted if wanted or subject.component.provider not in WITH_ALL else set()
    failed = {
        name: problem
        for name, check in checks_of(subject.kind).items()
        if name not in left_out and (problem := check.problem(subject.within(tmp_path / "data")))
    }
    assert {*failed} == wanted - left_out, failed


def test_every_check_has_a_mutant() -> None:
    caught = {kind: set() for kind in KINDS}
    for subject in CASES:
        if subject.component.provider in PLUGIN_MUTANTS:
            name = PLUGIN_MUTANTS[subject.component.provider]
        elif subject.component.name == "nowhere":
            name = "target"
        else:
            name = HOST.load(subject.component).caught_by
        caught[subject.kind].add(name)
    everywhere = {*checks_of("loss")} & {*checks_of("dataset")}
    for kind in KINDS:
        assert {*checks_of(kind)} - everywhere <= caught[kind]
    assert everywhere <= caught["loss"]
