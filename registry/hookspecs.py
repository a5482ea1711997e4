"""The hooks of plugins: what they offer, and when Pluxel calls them.

The hooks of a kind and ``pluxel_commands`` take no arguments and return a list of records; the host
calls them when it loads the plugin. ``KINDS`` maps each kind to its hook.

Pluxel calls the others while it works. An implementation may leave out arguments that it does not
need. If it raises, Pluxel reports the plugin, continues, and does not call that hook of the plugin
again; an error of ``pluxel_doctor`` is a finding of it. What it prints goes to stderr.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from torch import nn

    from ._component import Component, Subcommand
    from ._lifecycle import HealthCheck

PROJECT = "pluxel"
hookspec = HookspecMarker(PROJECT)
hookimpl = HookimplMarker(PROJECT)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "backbone": "pluxel_backbones",
        "decoder": "pluxel_decoders",
        "loss": "pluxel_losses",
        "dataset": "pluxel_datasets",
        "embedding": "pluxel_embeddings",
        "metric": "pluxel_metrics",
        "tracker": "pluxel_trackers",
    }
)

RENAMED: Mapping[str, str] = MappingProxyType({})
"""Former name of a hook -> its present name. A former name works for one release."""


@hookspec
def pluxel_backbones() -> list[Component]:
    """Return the networks that turn an image into feature maps on known grids."""
    return []


@hookspec
def pluxel_decoders() -> list[Component]:
    """Return the networks that turn feature maps into class scores on a known grid."""
    return []


@hookspec
def pluxel_losses() -> list[Component]:
    """Return the functions of logits and labels that training minimizes."""
    return []


@hookspec
def pluxel_datasets() -> list[Component]:
    """Return the readers of raw images and raw label ids."""
    return []


@hookspec
def pluxel_embeddings() -> list[Component]:
    """Return the tables of word vectors."""
    return []


@hookspec
def pluxel_metrics() -> list[Component]:
    """Return the measures of predictions against the ground truth that evaluations report."""
    return []


@hookspec
def pluxel_trackers() -> list[Component]:
    """Return the receivers of what a training measures, such as files and dashboards."""
    return []


@hookspec
def pluxel_commands() -> list[Subcommand]:
    """Return the commands that the plugin adds to ``pluxel``.

    A command of Pluxel keeps its name: one of a plugin that has the same name, or the name of a
    command of another plugin, is called by its qualified name only: ``pluxel acme-hooks/train``.
    """
    return []


@hookspec
def pluxel_model_built(model: nn.Module, config: Mapping[str, Any]) -> None:
    """Receive a network that Pluxel has built, before it loads weights.

    Called for the network of each phase of a training, and whenever one is evaluated, used to
    predict, or described; not for networks without memory for weights, as checks build them.

    ``model``: the whole network, on the CPU. It may be given forward hooks, but must keep its
    parameters and buffers. ``config``: a copy of the pipeline as a run keeps it in ``config.yaml``.
    """


@hookspec
def pluxel_training_step(run: Path, step: int, losses: Mapping[str, float]) -> None:
    """Receive the losses of an update of the weights, in the main process.

    ``run``: the run directory. ``step``: the number of updates so far, over all phases. ``losses``:
    the sum as ``loss``, and the loss of each head, averaged over all processes.
    """


@hookspec
def pluxel_evaluated(run: Path, results: Mapping[str, Any]) -> None:
    """Receive the results of an evaluation, in the main process.

    Called after each evaluation of a training, and by ``pluxel evaluate`` after it has written its
    file.

    ``run``: the run directory. ``results``: a copy of what ``results.json`` contains for such
    weights; ``split`` and ``step`` say what was evaluated.
    """


@hookspec
def pluxel_doctor() -> list[HealthCheck]:
    """Return what the plugin checks of its surroundings, for ``pluxel plugins doctor``.

    Such as files, licenses, servers and versions that its components need.
    """
    return []
