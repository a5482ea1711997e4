"""The hooks of acme-hooks, which import nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluxel.registry import HealthCheck, Subcommand, hookimpl

from .journal import Journal, folder_problem

if TYPE_CHECKING:
    from torch import nn

pluxel_api_version = 1

_journal = Journal()


@hookimpl
def pluxel_commands() -> list[Subcommand]:
    """Offer the command, as strings."""
    return [Subcommand("journal", "acme_hooks.command:journal", "Print the journal of a run.")]


@hookimpl
def pluxel_model_built(model: nn.Module, config: Mapping[str, Any]) -> None:
    """Note what is trained."""
    _journal.parameters = sum(parameter.numel() for parameter in model.parameters())
    _journal.seed = config["seed"]


@hookimpl
def pluxel_training_step(losses: Mapping[str, float]) -> None:
    """Gather the losses; arguments that a plugin does not need may be left out."""
    _journal.losses.append(losses["loss"])


@hookimpl
def pluxel_evaluated(run: Path, results: Mapping[str, Any]) -> None:
    """Write a line."""
    _journal.write(run, results)


@hookimpl
def pluxel_doctor() -> list[HealthCheck]:
    """Check the folder of the journal."""
    return [HealthCheck("journal folder", folder_problem())]
