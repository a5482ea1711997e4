"""The required and the optional members of each kind of component, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import kinds, optional
from .offers import members_of


@dataclass(frozen=True)
class Contract:
    """The protocol that a kind requires, and the protocols that its components may also offer.

    ``is_module``: whether a component must be an ``nn.Module``, because its weights are trained and
    saved with the model.
    """

    required: type[Any]
    optional: tuple[type[Any], ...]
    is_module: bool = False

    @property
    def protocols(self) -> tuple[type[Any], ...]:
        """The required protocol and the optional ones."""
        return (self.required, *self.optional)

    @property
    def members(self) -> Mapping[str, Any]:
        """Name -> member, for the members of all protocols."""
        return {name: one for each in self.protocols for name, one in members_of(each).items()}


CONTRACTS: Mapping[str, Contract] = {
    "backbone": Contract(
        kinds.Backbone,
        (
            optional.LoadsPretrained,
            optional.ChecksPretrained,
            optional.ExtendsInput,
            optional.ConvertsNames,
            optional.PadsInput,
            optional.LimitsInput,
            optional.HasOwnSize,
            optional.HasTiles,
            optional.OffersModels,
        ),
        is_module=True,
    ),
    "decoder": Contract(
        kinds.Decoder,
        (
            optional.LoadsPretrained,
            optional.ChecksPretrained,
            optional.AdaptsState,
            optional.WrapsDecoder,
            optional.ScoresDensely,
            optional.ResolvesParameters,
        ),
        is_module=True,
    ),
    "loss": Contract(kinds.Loss, (optional.PerPixel, optional.SumsLosses, optional.WeighsClasses)),
    "dataset": Contract(
        kinds.Dataset,
        (
            optional.DeclaresLabels,
            optional.ChoosesLabels,
            optional.Endless,
            optional.ListsNames,
            optional.ListsUnpaired,
            optional.SpecifiesInputs,
            optional.DerivesFiles,
            optional.ListsDerivedSplits,
            optional.GroupsSamples,
            optional.ResolvesParameters,
        ),
    ),
    "embedding": Contract(
        kinds.Embedding,
        (
            optional.OffersVectors,
            optional.FindsVectors,
            optional.DeclaresSuffixes,
            optional.RecognizesFiles,
        ),
    ),
    "metric": Contract(kinds.Metric, (optional.LowerIsBetter,)),
    "tracker": Contract(kinds.Tracker, ()),
}
