"""What the built-in backbones share: measured geometry, and weights that are loaded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from ...core.normalisation import Normalisation
from ...core.tracing import measure
from ...core.weights import (
    InputChannels,
    LoadReport,
    State,
    adapt_input_layers,
    copy_matching,
    read_normalisation,
    read_state_dict,
)
from ...registry import PluxelError

Pretrained = bool | Path
"""The usual weights of a network, none, or those of a file."""


class PretrainedBackbone(nn.Module):
    """A backbone whose constructor reads no file, so that a run can be rebuilt anywhere.

    A subclass builds its layers, then calls ``finish``; it says where its usual weights are in
    ``load_usual``, and in ``own_names`` how names in files become its own.
    """

    variant: str
    pad_multiple: int
    minimum_size: int

    def finish(
        self,
        in_channels: int,
        names: Sequence[str],
        *,
        pretrained: Pretrained,
        input_channels: InputChannels,
        normalisation: Normalisation | None,
        usual: Normalisation,
    ) -> None:
        """Measure the geometry, and keep what ``load_pretrained`` will need.

        ``names`` are those of the maps; ``usual`` is the normalisation of the usual weights.
        """
        self.pretrained = pretrained
        self.in_channels: int = in_channels
        self.input_channels: InputChannels = input_channels
        self.usual, self.given = usual, normalisation
        self.normalisation = normalisation or usual
        measured = measure(self, in_channels, names)
        self.feature_specs = measured.specs
        self.pad_multiple, self.minimum_size = measured.pad_multiple, measured.minimum_size

    def load_pretrained(self) -> LoadReport | None:
        """Load what ``pretrained`` names, and adopt the normalisation that belongs to it.

        Raises: PluxelError if the weights cannot be had, read or fitted, or, of a file, if nobody
        says how images are to be normalised for them.
        """
        if isinstance(self.pretrained, Path):
            self.normalisation = self._normalisation_of(self.pretrained)
            return self.load_file(self.pretrained)
        return self.load_usual() if self.pretrained else None

    def load_usual(self) -> LoadReport:
        """Load the weights that everybody uses; from a cache, else from the network."""
        raise NotImplementedError

    def own_names(self, state: State) -> State:
        """Bring names and shapes in a file to those of this module."""
        return state

    def load_file(self, path: Path) -> LoadReport:
        """Load a file. Raises: PluxelError if it cannot be read or nothing in it fits."""
        state = self.own_names(read_state_dict(path))
        report = self.load_state(state)
        if not report.loaded:
            theirs, ours = (", ".join(list(names)[:3]) for names in (state, self.state_dict()))
            raise PluxelError(f"{path}: none of its weights fit: {theirs}, … instead of {ours}, …")
        return report

    def load_state(self, state: State) -> LoadReport:
        """Copy what fits, the filters of the input layers adapted to the channels."""
        adapted = adapt_input_layers(state, self, self.in_channels, self.input_channels)
        return copy_matching(self, adapted)

    def _normalisation_of(self, path: Path) -> Normalisation:
        """Return how a file's weights expect images: as the user says, else as its metadata say."""
        found = self.given or read_normalisation(path)
        if found is None:
            raise PluxelError(
                f"{path} does not say which normalisation its weights expect; "
                "state it beside 'pretrained:'",
                [f"the usual weights of this network want  {yaml_of(self.usual)}"],
            )
        return found


def yaml_of(normalisation: Normalisation) -> str:
    """Return the line of YAML that states a normalisation."""
    mean, std = (
        f"[{', '.join(f'{value:g}' for value in values)}]"
        for values in (normalisation.mean, normalisation.std)
    )
    order, unit = normalisation.channel_order, normalisation.range
    return f"normalisation: {{mean: {mean}, std: {std}, channel_order: {order}, range: {unit}}}"
