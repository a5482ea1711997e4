"""Find mistakes in a training before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ....registry import PluxelError
from ...common.downloads import without_downloads
from ...common.files import is_missing_file
from ...common.progress import busy
from ...config._config import Config
from ...config.tree.problems import ConfigError, Problem
from ...contracts.label_doubts import doubts
from ...contracts.offers import offers
from ...contracts.optional import ChecksPretrained
from ...data.splits import BrokenData
from ...model.build import build_objective
from ...model.network import SegmentationModel
from ...model.positions import assumptions
from ...model.weights import adapted, check_any_fits, fitting
from ..preparation import Prepared
from .monitor import check_monitor
from .optimizer import build_optimizer
from .rates import doubtful_rate, largest_rate
from .rehearsal import Rehearsal
from .starting_weights import StartingWeights, new_classes, starting_weights
from .steps import StepPlan
from .tracking import Tracking


def check_training(prepared: Prepared) -> list[str]:
    """Check everything that needs no memory for weights; download nothing.

    Returns notes: on doubtful labels, and on missing data and weights files, which may be on
    another machine or come from a run that does not exist yet. Data that are there but incomplete
    are a mistake. If the data are missing, checks that depend on their classes are skipped.

    Raises: ConfigError with all mistakes, of all phases.
    """
    problems: list[Problem] = []
    notes: dict[str, list[str]] = {}
    try:
        Tracking(prepared.config)
    except ConfigError as error:
        problems += error.problems
    for phase in prepared.phases:
        try:
            notes[phase.config.phase] = _check_phase(phase, is_first=not notes)
        except ConfigError as error:
            notes[phase.config.phase] = []
            problems += error.problems
    if problems:
        raise ConfigError(dict.fromkeys(problems))
    shared = set[str].intersection(*map(set, notes.values()))
    return [
        note if note in shared else f"phase '{name}': {note}"
        for number, (name, of_phase) in enumerate(notes.items())
        for note in of_phase
        if note not in shared or not number
    ]


def _check_phase(prepared: Prepared, *, is_first: bool) -> list[str]:
    """Check one phase; only the first takes its weights from outside of the run."""
    config, model = prepared.config, prepared.model
    options = config.pipeline.training
    spaces = prepared.blueprint.label_spaces() if prepared.datasets else None
    problems: list[Problem] = []
    notes: list[str] = []
    for role, split in config.pipeline.splits.items():
        if (error := prepared.missing.get(split)) is None:
            continue
        if isinstance(error.__cause__, BrokenData) and role in ("train", "val"):
            problems += error.problems
        elif not notes:
            notes.append(f"missing data: {error}")
    with _collecting(problems, notes), config.at("splits"):
        if "train" not in config.pipeline.splits:
            raise PluxelError("splits: no split for training; add 'train: NAME'")
    rate = options.optimizer.lr
    with _collecting(problems, notes), config.at("training", "groups"):
        rate = largest_rate(build_optimizer(model, options.optimizer, options.groups))
    with _collecting(problems, notes):
        check_monitor(config, spaces)
    rehearsal = Rehearsal(prepared)
    with busy("calling each part without data"):
        _call_parts(rehearsal, problems, notes)
    size = None
    with _collecting(problems, notes):
        size = rehearsal.check_transforms()
    with busy("training one step without data"):
        _call_parts(rehearsal.in_training(size), problems, notes, rehearsal)
    weights = None
    if is_first:
        with _collecting(problems, notes):
            weights = starting_weights(config, model, config.pipeline.init_from)
    if spaces is not None:
        new = {} if weights is None else new_classes(weights, model, spaces)
        with _collecting(problems, notes):
            counts = {name: [1] * space.num_classes for name, space in spaces.items()}
            objective = build_objective(config, model, spaces, counts.__getitem__)
            for name in model.heads:
                with _collecting(problems, notes):
                    rehearsal.check_loss(name, objective)
                    notes += doubtful_rate(
                        objective, spaces[name], name, options, rate, new.get(name, ())
                    )
    if is_first:
        with _collecting(problems, notes):
            _find_files(config, model, weights or ())
    if problems:
        raise ConfigError(problems)
    notes += [*doubts(spaces or {}), *assumptions(model)]
    dataset = prepared.datasets.get(config.pipeline.splits["train"], ())
    if options.steps or dataset:
        warning = StepPlan.of(options, len(dataset), 1).warm_up_warning(options)
        notes += [warning] if warning else []
    return notes


def _call_parts(
    rehearsal: Rehearsal, problems: list[Problem], notes: list[str], first: Rehearsal | None = None
) -> None:
    """Call all streams, then all heads, except those that failed in the first rehearsal."""
    model = rehearsal.prepared.model
    for place, names, check in (
        ("streams", model.streams, rehearsal.check_stream),
        ("heads", model.heads, rehearsal.check_head),
    ):
        for name in names:
            if first is None or (place, name) in first.passed:
                with _collecting(problems, notes):
                    check(name)


@contextmanager
def _collecting(problems: list[Problem], notes: list[str]) -> Iterator[None]:
    """Add mistakes that the block raises to ``problems``, and missing files to ``notes``.

    The block downloads nothing.
    """
    try:
        with without_downloads():
            yield
    except ConfigError as error:
        if is_missing_file(error):
            notes += map(str, error.problems)
        else:
            problems += error.problems


def _find_files(
    config: Config, model: SegmentationModel, weights: Sequence[StartingWeights]
) -> None:
    for one in weights:
        with config.at(*one.place):
            state = adapted(model, one.state)
            check_any_fits(model, state, one.source)
            fitting(model, state, one.source)
    for name, head in model.heads.items():
        for decoder in head.decoders.values():
            with config.at("heads", name, "decoder"):
                if offers(decoder, ChecksPretrained):
                    decoder.check_pretrained()
    source = config.pipeline.init_from
    for name, stream in model.streams.items():
        if isinstance(source, Path) or name in (source or {}):
            continue  # these weights may replace those that would be downloaded
        with config.at("streams", name, "backbone", "pretrained"):
            if offers(stream.backbone, ChecksPretrained):
                stream.backbone.check_pretrained()
