"""What a configuration says of labels: changes, and the classes that are meant by others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from ....registry import Host, PluxelError
from ...contracts.colors import Color, parse_color
from ...contracts.labels import IGNORE, LabelMap, RawId, main_map
from ...contracts.offers import offers
from ...contracts.optional import DeclaresLabels
from ...contracts.options import MATCH_THRESHOLD
from ..messages.faults import fault
from .factory import Embeddings
from .section import Section

Matching = Literal["many_to_one", "one_to_one"]
"""Whether several classes may be taken for one and the same."""


def declared_labels(target: object) -> Mapping[str, LabelMap]:
    """Return the label maps that a dataset's class declares before it reads a file, if any."""
    labels = target.labels if offers(target, DeclaresLabels) else None
    return labels if isinstance(labels, Mapping) else {}


def declared_map(host: Host, dataset: str) -> LabelMap:
    """Return the label map of a dataset by its name alone.

    Raises: PluxelError if there is no such dataset, or if its classes depend on parameters.
    """
    labels = declared_labels(host.load(host.get("dataset", dataset)))
    if (name := main_map(labels)) is None:
        raise PluxelError(f"the classes of dataset '{dataset}' are not known by its name alone")
    return labels[name]


def _classes_of(given: Any, info: ValidationInfo) -> Any:
    """Turn the name of a dataset into its classes, which are then kept: no file is needed."""
    if not isinstance(given, str) or not info.context:
        return given
    try:
        return list(declared_map(info.context["host"], given).class_names)
    except PluxelError as error:
        notes = (*error.notes, "a list of classes will do as well")
        raise fault(error.message, notes, at="value") from error


def _names(names: list[str]) -> list[str]:
    """Return names of classes. Raises: ValueError for ``ignore``, and for one that comes twice."""
    for name, count in Counter(names).items():
        if name == IGNORE:
            raise ValueError(f"'{IGNORE}' is no class")
        if count > 1:
            raise ValueError(f"class '{name}' is listed {count} times")
    return names


ClassNames = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(min_length=1),
    AfterValidator(_names),
    BeforeValidator(_classes_of, json_schema_input_type=str | list[str]),
]
"""A list of classes, or the name of a dataset that has them."""


class AlignConfig(Section):
    """How classes are found for those of another dataset, by the meaning of their names."""

    embedding: Embeddings
    """Where the vectors of the names come from; of several, they are joined."""

    threshold: Annotated[float, Field(ge=-1, le=1)] = MATCH_THRESHOLD
    """The least margin by which a match stands out among others; what is below is ignored."""

    matching: Matching = "many_to_one"
    """Whether several classes may be taken for one and the same."""


class AlignToConfig(AlignConfig):
    """The classes that are wanted in place of the dataset's own."""

    to: ClassNames
    """A list of classes, or the name of a dataset that has them."""

    partial: bool = False
    """Do without those classes of `to` that nothing in the dataset means."""


class LabelsConfig(Section):
    """What a configuration changes in the dataset's own label map."""

    map: dict[RawId, str] = Field(default_factory=dict)
    """Raw id (or '#rrggbb' where masks hold colors) -> class or 'ignore'."""

    new_classes: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """New names in `map` that are correct although they resemble the name of another class."""

    palette: dict[str, Annotated[Color, BeforeValidator(parse_color)]] = Field(default_factory=dict)
    """Class -> '#rrggbb' or [red, green, blue]."""

    align: AlignToConfig | None = None
    """Other classes in place of the dataset's, by meaning; a run keeps what was found as `map`."""
