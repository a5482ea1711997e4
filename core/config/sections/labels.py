"""The section ``labels``: changes to the label map, and alignment to other classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from ....registry import Host, PluxelError
from ...contracts.colors import COLOR, Color, parse_color
from ...contracts.labels import IGNORE, LabelMap, RawIds, main_map
from ...contracts.offers import offers
from ...contracts.optional import ChoosesLabels, DeclaresLabels
from ...contracts.options import MATCH_THRESHOLD
from ..messages.faults import fault
from .factory import Embeddings
from .section import Section

Matching = Literal["many_to_one", "one_to_one"]
"""Whether several classes may match the same class."""


def declared_labels(
    target: object, parameters: Mapping[str, Any] | None = None
) -> Mapping[str, LabelMap]:
    """Return the label maps that a dataset's class declares before it reads a file, if any.

    ``parameters``: all of its constructor, on which the labels may depend.
    """
    if parameters is not None and offers(target, ChoosesLabels):
        return target.labels_for(parameters)
    labels = target.labels if offers(target, DeclaresLabels) else None
    return labels if isinstance(labels, Mapping) else {}


def declared_map(host: Host, dataset: str) -> LabelMap:
    """Return the label map of a dataset by name.

    Raises: PluxelError if there is no such dataset, or if its classes depend on parameters.
    """
    labels = declared_labels(host.load(host.get("dataset", dataset)))
    if (name := main_map(labels)) is None:
        raise PluxelError(f"the classes of dataset '{dataset}' are not determined by its name")
    return labels[name]


def _classes_of(given: Any, info: ValidationInfo) -> Any:
    """Replace the name of a dataset with its list of classes."""
    if not isinstance(given, str) or not info.context:
        return given
    try:
        return list(declared_map(info.context["host"], given).class_names)
    except PluxelError as error:
        notes = (*error.notes, "a list of classes is accepted too")
        raise fault(error.message, notes, at="value") from error


def _check_names(names: list[str]) -> list[str]:
    """Return class names unchanged. Raises: ValueError for ``ignore`` and for duplicates."""
    for name, count in Counter(names).items():
        if name == IGNORE:
            raise ValueError(f"'{IGNORE}' is not a class")
        if count > 1:
            raise ValueError(f"class '{name}' is listed {count} times")
    return names


_ClassName = Annotated[str, Field(min_length=1, json_schema_extra={"not": {"const": IGNORE}})]
ClassNames = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(min_length=1),
    AfterValidator(_check_names),
    BeforeValidator(
        _classes_of,
        json_schema_input_type=Annotated[str, Field(min_length=1)]
        | Annotated[list[_ClassName], Field(min_length=1, json_schema_extra={"uniqueItems": True})],
    ),
]
"""A list of classes, or the name of a dataset whose classes to use."""


class AlignConfig(Section):
    """How to match the classes of one dataset to those of another by meaning."""

    embedding: Embeddings
    """Source of the word vectors; the vectors of several embeddings are concatenated."""

    threshold: Annotated[float, Field(ge=-1, le=1)] = MATCH_THRESHOLD
    """Minimum cosine of two names; classes whose cosines are all smaller are ignored."""

    matching: Matching = "many_to_one"
    """Whether several classes may match the same class."""


class AlignToConfig(AlignConfig):
    """The classes that replace those of the dataset."""

    to: ClassNames
    """A list of classes, or the name of a dataset whose classes to use."""

    partial: bool = False
    """Allow classes in `to` without a match in the dataset."""


_WrittenColor = Annotated[
    Color,
    BeforeValidator(
        parse_color,
        json_schema_input_type=Annotated[str, Field(pattern=f"^{COLOR}$")]
        | Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)],
    ),
]


class LabelsConfig(Section):
    """Changes to the label map of the dataset."""

    map: RawIds = Field(default_factory=dict)
    """Raw id ('#rrggbb' for colored masks) -> class or 'ignore'."""

    new_classes: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """Names in `map` that are intended although they resemble another class."""

    palette: dict[str, _WrittenColor] = Field(default_factory=dict)
    """Class -> '#rrggbb' or [red, green, blue]."""

    align: AlignToConfig | None = None
    """Replace the classes by meaning; a run records the matches as `map`."""
