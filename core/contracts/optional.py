"""Optional members that a component may offer: one protocol for each purpose.

`offers` checks whether a component has them. `table` lists the protocols of each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .inputs import InputSpec
from .kinds import Decoder, Loss
from .labels import LabelMap
from .options import InputChannels


@runtime_checkable
class LoadsPretrained(Protocol):
    """A component that loads pretrained weights when training starts."""

    def load_pretrained(self) -> object:
        """Load the weights and return a report, whose text is logged; None without weights.

        Called once when training starts from scratch: on a backbone before other initial weights
        are loaded (it may replace ``normalization``), on a decoder afterwards.
        Raises: PluxelError if the weights are not available or do not fit.
        """
        ...


@runtime_checkable
class ChecksPretrained(Protocol):
    """A component that checks before training that ``load_pretrained`` will find its files."""

    def check_pretrained(self) -> None:
        """Check without loading anything. Raises: PluxelError if loading would fail."""
        ...


@runtime_checkable
class ExtendsInput(Protocol):
    """A backbone that states how filters start for channels that given weights do not have.

    Without it, they start as the mean of the known filters.
    """

    @property
    def input_channels(self) -> InputChannels:
        """``mean``, ``zero``, ``repeat`` or ``random``."""
        ...


@runtime_checkable
class ConvertsNames(Protocol):
    """A backbone that can hold the weights of published files, whose names it converts.

    ``pluxel import`` requires it of the backbone in a recipe.
    """

    def own_names(self, state: dict[str, Tensor], /) -> dict[str, Tensor]:
        """Return the weights under the names of this module, and in its shapes."""
        ...


@runtime_checkable
class PadsInput(Protocol):
    """A backbone that only accepts sizes that are a multiple of some number."""

    @property
    def pad_multiple(self) -> int:
        """The multiple, in pixels, at least 1: inputs are padded on the right and at the bottom."""
        ...


@runtime_checkable
class HasOwnSize(Protocol):
    """A backbone whose network was designed for images of one size."""

    @property
    def own_size(self) -> tuple[int, int] | None:
        """The (height, width) of these images in pixels, or None if it is not known."""
        ...


@runtime_checkable
class HasTiles(Protocol):
    """A backbone that may cut an image into tiles, which its network sees one by one.

    ``pluxel matrix`` reports it.
    """

    @property
    def tile_size(self) -> tuple[int, int] | None:
        """The (height, width) of the tiles in pixels, or None if it sees images whole."""
        ...


@runtime_checkable
class OffersModels(Protocol):
    """A backbone that is one of many networks, which its parameter ``model`` selects.

    ``pluxel matrix`` tries them all.
    """

    @classmethod
    def model_families(cls) -> Mapping[str, Sequence[str]]:
        """Return the names of all networks, by family."""
        ...

    @classmethod
    def model_library(cls) -> str:
        """Return the library that the networks come from, with its version."""
        ...


@runtime_checkable
class LimitsInput(Protocol):
    """A backbone that does not accept images below a minimum size."""

    @property
    def minimum_size(self) -> int:
        """The smallest height and width, in pixels; smaller images are padded."""
        ...


@runtime_checkable
class AdaptsState(Protocol):
    """A decoder that scores classes by their names, and adapts saved weights to other classes.

    Unseen classes (``zero_shot``) require it.
    """

    def adapt_state(self, state: Mapping[str, Tensor], /) -> Mapping[str, Tensor]:
        """Return the weights to load in place of the saved ones; names relative to this module."""
        ...


@runtime_checkable
class WrapsDecoder(Protocol):
    """A decoder that runs the backbone itself and delegates scoring to an inner decoder.

    The head removes ``inner`` from the wrapper, saves its weights under the names that they have
    without the wrapper, and calls ``decoder(image, backbone, inner)``. A wrapper must not have
    weights of its own.
    """

    @property
    def inner(self) -> Decoder:
        """The decoder that computes the scores."""
        ...


@dataclass(frozen=True)
class DenseForm:
    """One way in which a decoder scores more densely.

    ``parameters`` are those of the component beside ``decoder``. ``passes`` counts passes through
    the network, each on an image of the same size. ``shifts_borders`` is True if the form shifts
    the image, and so its padding: cells that see beyond the image then differ from other forms.
    """

    name: str
    parameters: Mapping[str, Any]
    passes: int = 1
    shifts_borders: bool = False


@runtime_checkable
class ScoresDensely(Protocol):
    """A decoder that evaluates another one, its parameter ``decoder``, more densely.

    ``pluxel verify dense`` compares all forms of all such decoders.
    """

    @classmethod
    def dense_forms(cls, stride: int, factor: int, /) -> Sequence[DenseForm]:
        """Return the forms with ``factor`` times as many cells per side as a map of ``stride``."""
        ...


@runtime_checkable
class ResolvesParameters(Protocol):
    """A component that resolves parameters that its configuration leaves open."""

    @property
    def resolved_parameters(self) -> Mapping[str, Any]:
        """Parameter -> the resolved value, which a run keeps."""
        ...


@runtime_checkable
class PerPixel(Protocol):
    """A loss that is ``per_pixel(logits, target).sum() / normalizer(target)``.

    The sum is computed strip by strip; ``normalizer`` receives the whole target. If several forward
    passes or processes share an update, their sums are divided by the sum of their normalizers.
    """

    def per_pixel(self, logits: Tensor, target: Tensor, /) -> Tensor:
        """Return the loss of each pixel, (N, H, W)."""
        ...

    def normalizer(self, target: Tensor, /) -> Tensor:
        """Return the divisor of the sum, (); 0 counts as 1."""
        ...


@runtime_checkable
class SumsLosses(Protocol):
    """A weighted sum of losses. Terms that offer `PerPixel` are computed strip by strip."""

    @property
    def terms(self) -> Mapping[str, tuple[float, Loss]]:
        """Name -> weight and loss of each term."""
        ...


@runtime_checkable
class WeighsClasses(Protocol):
    """A loss that weights classes."""

    @property
    def chosen_weights(self) -> Mapping[str, float]:
        """Class name -> weight, logged when training starts; empty without weights."""
        ...


@runtime_checkable
class LowerIsBetter(Protocol):
    """A metric some of whose scores are errors. Without it, higher scores are better."""

    @property
    def lower_is_better(self) -> Sequence[str]:
        """The names of these scores."""
        ...


@runtime_checkable
class DeclaresLabels(Protocol):
    """A dataset that declares its labels as a class attribute, so they are known without files."""

    @property
    def labels(self) -> Mapping[str, LabelMap]:
        """Name of a label map -> its default meaning."""
        ...


@runtime_checkable
class ChoosesLabels(Protocol):
    """A dataset whose labels follow from its parameters, so they are known without files."""

    @classmethod
    def labels_for(cls, parameters: Mapping[str, Any], /) -> Mapping[str, LabelMap]:
        """Return name of a label map -> its meaning, for all parameters of the constructor."""
        ...


@runtime_checkable
class Endless(Protocol):
    """A dataset that may generate a new sample for every index."""

    @property
    def endless(self) -> bool:
        """Whether ``dataset[i]`` is a new sample for every ``i``, even beyond ``len``."""
        ...


@runtime_checkable
class ListsUnpaired(Protocol):
    """A dataset that skips files whose counterpart is missing."""

    @property
    def unpaired(self) -> Sequence[Path]:
        """The skipped files, which ``pluxel data check`` reports."""
        ...


@runtime_checkable
class SpecifiesInputs(Protocol):
    """A dataset that declares what its inputs are, so that training and prediction treat them so.

    Without it, the input ``image``, or else the first, is a color image, and others are maps.
    """

    @property
    def inputs(self) -> Mapping[str, InputSpec]:
        """Name of an input -> its `InputSpec`: kind, range, missing values, normalization."""
        ...


@runtime_checkable
class ListsNames(Protocol):
    """A dataset that knows sample names without reading, so a split can be cut at a name."""

    @property
    def names(self) -> Sequence[str]:
        """The names of all samples, in order."""
        ...


@dataclass(frozen=True)
class DerivedFile:
    """A file that a dataset derives from its original ones; ``write(path)`` writes it."""

    path: Path
    write: Callable[[Path], object]


@runtime_checkable
class DerivesFiles(Protocol):
    """A dataset that derives files from its original ones, to read them faster.

    It can be opened before they exist. ``pluxel data prepare`` writes those that do not exist, each
    to a temporary path first. Parameters that change the content of a file must change its path.
    """

    def derived_files(self, index: int, /) -> Sequence[DerivedFile]:
        """Return the files that are derived for a sample, whether they exist or not."""
        ...


@runtime_checkable
class ListsDerivedSplits(Protocol):
    """A dataset that states which splits ``pluxel data prepare`` prepares if none is named.

    Without it, these are ``train`` and ``val``.
    """

    @property
    def derived_splits(self) -> Sequence[str]:
        """The splits; a class attribute."""
        ...


@runtime_checkable
class GroupsSamples(Protocol):
    """A dataset whose samples come in groups, such as the frames of a video.

    Images of one group are alike, so intervals of scores do not take them for independent, and
    `pluxel data check` counts them instead of naming each.
    """

    def group_of(self, index: int, /) -> str:
        """Return the group of a sample, without reading it; empty if it has none."""
        ...


@runtime_checkable
class OffersVectors(Protocol):
    """An embedding that offers published vectors, selected by its parameter ``name``."""

    @classmethod
    def aliases(cls) -> Iterable[Any]:
        """Return a `Download` for each published file, without network access."""
        ...


@runtime_checkable
class FindsVectors(Protocol):
    """An embedding that offers more published vectors than it lists, such as many languages."""

    @classmethod
    def offer(cls, name: str, /) -> Any:
        """Return the `Download` with this name, or None, without network access."""
        ...


@runtime_checkable
class DeclaresSuffixes(Protocol):
    """An embedding that declares file suffixes, so the command line can select it by file name."""

    @property
    def suffixes(self) -> Sequence[str]:
        """The suffixes, such as ``(".txt", ".gz")``; a class attribute."""
        ...


@runtime_checkable
class RecognizesFiles(Protocol):
    """An embedding that recognizes its files by content if several embeddings share a suffix."""

    @classmethod
    def sniff(cls, head: bytes, /) -> bool:
        """Return whether a file that starts with these bytes (at most 64) has this format."""
        ...
