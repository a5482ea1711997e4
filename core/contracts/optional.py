"""What a component may offer beside what its kind requires: one protocol for each use.

`offers` finds out which a component has. `table` lists the protocols of each kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .kinds import Decoder, Loss
from .labels import LabelMap


@runtime_checkable
class LoadsPretrained(Protocol):
    """Loads weights of its own when a training starts."""

    def load_pretrained(self) -> object:
        """Load the weights and return a report, whose text is logged; None if there were none.

        Called once when a training starts from scratch: on a backbone before other starting weights
        (it may replace ``normalization``), on a decoder after them.
        Raises: PluxelError if the weights are not available or do not fit.
        """
        ...


@runtime_checkable
class ChecksPretrained(Protocol):
    """Checks, before a training starts, that ``load_pretrained`` will find its files."""

    def check_pretrained(self) -> None:
        """Check without loading anything. Raises: PluxelError for what could not be loaded."""
        ...


@runtime_checkable
class PadsInput(Protocol):
    """Takes only sizes that are a multiple of a number."""

    @property
    def pad_multiple(self) -> int:
        """Pixels, at least 1: the input is padded at the right and bottom to a multiple of it."""
        ...


@runtime_checkable
class LimitsInput(Protocol):
    """Takes no image smaller than a limit."""

    @property
    def minimum_size(self) -> int:
        """The smallest height and width, in pixels; smaller images are padded."""
        ...


@runtime_checkable
class AdaptsState(Protocol):
    """Fits saved weights to other classes: it scores by the names of the classes.

    Without it, no class may be unseen in training (``zero_shot``).
    """

    def adapt_state(self, state: Mapping[str, Tensor], /) -> Mapping[str, Tensor]:
        """Return the weights to load in place of the saved ones, by the names of this module."""
        ...


@runtime_checkable
class WrapsDecoder(Protocol):
    """Runs the backbone itself and leaves the scoring to another decoder.

    The head takes ``inner`` out of it, saves its weights under the names that they have without the
    wrapper, and calls ``decoder(image, backbone, inner)``. It has no weights of its own.
    """

    @property
    def inner(self) -> Decoder:
        """The decoder that scores."""
        ...


@runtime_checkable
class ResolvesParameters(Protocol):
    """Finds out what some of its parameters leave open."""

    @property
    def resolved_parameters(self) -> Mapping[str, Any]:
        """Parameter -> the value that a run keeps in its place."""
        ...


@runtime_checkable
class PerPixel(Protocol):
    """A loss that is ``per_pixel(logits, target).sum() / normalizer(target)``.

    The sum is taken strip by strip; ``normalizer`` gets the whole target.
    """

    def per_pixel(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        ...

    def normalizer(self, target: Tensor, /) -> Tensor:
        """Return what the sum is divided by, ()."""
        ...


@runtime_checkable
class SumsLosses(Protocol):
    """A weighted sum of other losses, each of which is fused with the resampling if it can be."""

    @property
    def terms(self) -> Mapping[str, tuple[float, Loss]]:
        """Name -> weight and loss of each term."""
        ...


@runtime_checkable
class WeighsClasses(Protocol):
    """Weighs classes."""

    @property
    def chosen_weights(self) -> Mapping[str, float]:
        """Class name -> weight, logged when a training starts; empty for none."""
        ...


@runtime_checkable
class DeclaresLabels(Protocol):
    """States its classes as an attribute of the class, so that they are known without any file."""

    @property
    def labels(self) -> Mapping[str, LabelMap]:
        """Name of a label map -> its default meaning, before a dataset is made."""
        ...


@runtime_checkable
class Endless(Protocol):
    """May have a new sample for every index."""

    @property
    def endless(self) -> bool:
        """Whether ``dataset[i]`` is a new sample for every ``i``, beyond ``len`` too."""
        ...


@runtime_checkable
class ListsUnpaired(Protocol):
    """Leaves files out because their counterpart is missing."""

    @property
    def unpaired(self) -> Sequence[Path]:
        """These files, which ``pluxel data check`` reports."""
        ...


@runtime_checkable
class ListsNames(Protocol):
    """Knows the names of its samples without reading them, so that a split can be cut at one."""

    @property
    def names(self) -> Sequence[str]:
        """The names of all samples, in order."""
        ...


@runtime_checkable
class OffersVectors(Protocol):
    """Offers published vectors, by names that its parameter ``name`` takes."""

    @classmethod
    def aliases(cls) -> Iterable[Any]:
        """Return a `Download` for each of them, without network."""
        ...


@runtime_checkable
class DeclaresSuffixes(Protocol):
    """Reads files with certain suffixes, which the command line then needs no name for."""

    @property
    def suffixes(self) -> Sequence[str]:
        """The suffixes, such as ``(".txt", ".gz")``: an attribute of the class."""
        ...


@runtime_checkable
class RecognizesFiles(Protocol):
    """Recognizes its files, where several embeddings share a suffix."""

    @classmethod
    def sniff(cls, head: bytes, /) -> bool:
        """Return whether a file that begins with these (at most 64) bytes is one of its files."""
        ...
