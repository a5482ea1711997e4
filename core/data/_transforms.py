"""Build albumentations transforms from a YAML list and locate errors in the list.

Albumentations only warns about unknown arguments, and fills masks with 0, which is a class.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from ...registry import did_you_mean, needed_by
from ..common.garbage import no_collection
from ..common.logs import log_once
from ..contracts.inputs import InputSpec
from ._albumentations import check_provider
from .map_inputs import refusals

KeyPath = tuple[str | int, ...]
TransformProblem = tuple[KeyPath, str]

_NORMALIZED = (
    "the stream normalizes its inputs with the statistics of the weights, so {name} must not be in "
    "a pipeline; delete it"
)
_COMPOSED = "lists are composed automatically; use Sequential for a list inside a list"
_REFUSED = {
    **dict.fromkeys(("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D"), _NORMALIZED),
    **dict.fromkeys(("Compose", "ReplayCompose"), _COMPOSED),
    **dict.fromkeys(
        (
            "AtLeastOneBBoxRandomCrop",
            "BBoxSafeRandomCrop",
            "RandomCropNearBBox",
            "RandomSizedBBoxSafeCrop",
        ),
        "{name} needs bounding boxes, which are not available; use RandomCrop",
    ),
    "GridElasticDeform": "GridElasticDeform fills labels with class 0; ElasticTransform does not",
    "Lambda": "Lambda needs a function, which YAML cannot hold",
    "ToRGB": "ToRGB would change the number of channels that the dataset declares",
    "MaskDropout": "MaskDropout treats every label except class 0 as an object to erase",
    "Morphological": "Morphological would move borders according to the order of class indices",
}
_IGNORED_FILLS = ("fill_mask", "mask_drop_value")


def load_albumentations() -> ModuleType:
    """Import albumentations with its update check disabled.

    Raises: PluxelError if it is not installed, or if another distribution provides the module.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    with needed_by("augmentation"), no_collection():
        check_provider()
        import albumentations  # noqa: PLC0415 - takes two seconds

    return albumentations


def _is_typed(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("type"), str)


def in_yaml(entry: object) -> str:
    """Return a transform as the list writes it, also if its name is the value of ``type``."""
    if isinstance(entry, Mapping):
        entry = dict(entry)
        if _is_typed(entry):
            entry = {entry.pop("type"): entry} if len(entry) > 1 else entry["type"]
    if isinstance(entry, Mapping):
        return "{" + ", ".join(f"{key}: {in_yaml(value)}" for key, value in entry.items()) + "}"
    return entry if isinstance(entry, str) else json.dumps(entry)


class _Chance(BaseModel):
    """Checks arguments of transforms without a schema, which contain other transforms."""

    p: Annotated[float, Field(ge=0, le=1)] = 1


class Builder:
    """Builds the transforms of a list and collects its errors in ``problems``.

    ``ignore_index`` fills masks and ``fill`` (raw pixel values) fills images, unless the list sets
    these arguments. ``specs``: the inputs, some of which do not allow every transform.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        fill: float | Sequence[float] | None = None,
        specs: Mapping[str, InputSpec] = MappingProxyType({}),
    ) -> None:
        self._library = load_albumentations()
        self._specs = specs
        self._ignore_index = ignore_index
        # OpenCV fills up to four channels with separate values, more channels with one value.
        several = isinstance(fill, Sequence)
        self._fill = sum(fill) / len(fill) if several and len(fill) > 4 else fill
        self._supported = {
            name: kind
            for name, kind in vars(self._library).items()
            if inspect.isclass(kind) and self._is_usable(kind) and name not in _REFUSED
        }
        self.problems: list[TransformProblem] = []
        self.places: dict[int, KeyPath] = {}
        """Identity of a built transform -> its place in the list."""

    def _is_usable(self, kind: type) -> bool:
        library = self._library
        bases = (library.BasicTransform, library.BaseCompose, library.DualTransform)
        abstract = (*bases, library.ImageOnlyTransform, library.Transform3D)
        volumes = issubclass(kind, library.Transform3D)
        return issubclass(kind, bases[:2]) and kind not in abstract and not volumes

    def build(self, entries: object, place: KeyPath = ()) -> list[Any]:
        """Return the transforms of a list, without those that have problems."""
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            self._problem(place, "expected a list of transforms")
            return []
        built = [self._entry(entry, (*place, i)) for i, entry in enumerate(entries)]
        return [transform for transform in built if transform is not None]

    def _problem(self, place: KeyPath, message: str) -> None:
        self.problems.append((place, message))

    def _entry(self, entry: object, place: KeyPath) -> Any | None:
        if _is_typed(entry):
            self._problem(place, f"write a transform as {in_yaml(entry)}")
            return None
        if isinstance(entry, Mapping) and len(entry) == 1:
            ((name, arguments),) = entry.items()
            place = (*place, name)
        elif isinstance(entry, str):
            name, arguments = entry, {}
        else:
            self._problem(place, "write a transform as Name, or as {Name: {argument: value}}")
            return None
        if name in _REFUSED:
            self._problem(place, _REFUSED[name].format(name=name))
        elif name not in self._supported:
            self._problem(
                place, f"unknown transform '{name}'.{did_you_mean(str(name), self._supported)}"
            )
        elif not isinstance(arguments, Mapping | None):
            self._problem(place, f"the arguments of {name} must be a mapping, {{argument: value}}")
        else:
            return self._transform(self._supported[name], dict(arguments or {}), place)
        return None

    def _transform(self, kind: type, arguments: dict[str, Any], place: KeyPath) -> Any | None:
        before = len(self.problems)
        parameters = list(inspect.signature(kind.__init__).parameters)[1:]
        for argument in [name for name in arguments if name not in parameters]:
            text = (
                f"{kind.__name__} has no argument '{argument}'.{did_you_mean(argument, parameters)}"
            )
            self._problem((*place, argument), text)
        if "transforms" in arguments:
            inner = (*place, "transforms")
            if not arguments["transforms"]:
                self._problem(inner, "the list of transforms is empty")
            arguments["transforms"] = self.build(arguments["transforms"] or (), inner)
        for key in [key for key in _IGNORED_FILLS if isinstance(arguments.get(key), int | float)]:
            text = f"class indices are unknown here: write '{key}: ignore' or remove '{key}'"
            self._problem((*place, key), text)
        arguments = {key: self._value(key, value) for key, value in arguments.items()}
        self._fill_outside(kind, parameters, arguments)
        self._validate(kind, arguments, place)
        return self._construct(kind, arguments, place) if before == len(self.problems) else None

    def _value(self, key: str, value: Any) -> Any:
        """Resolve ``ignore`` and the names of OpenCV constants."""
        if key in _IGNORED_FILLS and value == "ignore":
            return self._ignore_index
        if isinstance(value, str) and value.startswith(("INTER_", "BORDER_")):
            import cv2  # noqa: PLC0415 - a dependency of albumentations, loaded by now

            return getattr(cv2, value, value)
        return value

    def _fill_outside(
        self, kind: type, parameters: Sequence[str], arguments: dict[str, Any]
    ) -> None:
        if self._fill is not None and {"fill", "fill_mask"} <= set(parameters):
            arguments.setdefault("fill", self._fill)
        if kind.__name__ == "CropNonEmptyMaskIfExists":
            ignored = arguments.get("ignore_values") or ()
            arguments["ignore_values"] = [*ignored, self._ignore_index]

    def _validate(self, kind: type, arguments: Mapping[str, Any], place: KeyPath) -> None:
        if arguments.get("mask_interpolation", 0) not in (0, 6):
            text = "class indices cannot be averaged: mask_interpolation must be INTER_NEAREST"
            self._problem((*place, "mask_interpolation"), text)
        if arguments.get("area_for_downscale") == "image_mask":
            text = "class indices cannot be averaged: area_for_downscale must be image"
            self._problem((*place, "area_for_downscale"), text)
        parameters = dict(list(inspect.signature(kind.__init__).parameters.items())[1:])
        defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
        missing = [name for name in parameters if name not in defaults and name not in arguments]
        for name in missing:
            self._problem(place, f"{kind.__name__} needs '{name}'")
        schema = getattr(kind, "InitSchema", _Chance)
        if missing:
            return
        given = {name: value for name, value in arguments.items() if name in parameters}
        try:
            schema(**{"strict": False} | defaults | given)
        except ValidationError as error:
            self._report(error, arguments, place)

    def _report(self, error: ValidationError, arguments: Mapping[str, Any], place: KeyPath) -> None:
        """Report one problem per argument; a union of types has one error per member."""
        messages: dict[KeyPath, list[str]] = {}
        for line in error.errors(include_url=False):
            first = line["loc"][:1]
            at = (*place, *first) if first and first[0] in arguments else place
            messages.setdefault(at, []).append(line["msg"].removeprefix("Value error, "))
        for at, texts in messages.items():
            text = " or: ".join(dict.fromkeys(texts))
            if at != place:
                name, argument = place[-1], str(at[-1])
                text = f"'{argument}' of {name}: {text} (it is {arguments[argument]!r})"
            self._problem(at, text)

    def _construct(self, kind: type, arguments: Mapping[str, Any], place: KeyPath) -> Any | None:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                transform = kind(**arguments)
        except Exception as error:  # noqa: BLE001 - constructors raise various errors
            self._problem(place, f"{kind.__name__}: {error}")
            return None
        for warning in caught:
            if warning.category is UserWarning:  # other categories address programmers
                log_once(logging.WARNING, f"augment: {warning.message}")
        foreign = set(getattr(transform, "targets_as_params", ())) - {"image", "mask"}
        if foreign:
            names = ", ".join(sorted(foreign))
            self._problem(place, f"{kind.__name__} needs {names} besides the image and its labels")
        for text in refusals(transform, self._specs):
            self._problem(place, text)
        if "fill_mask" not in arguments and hasattr(transform, "fill_mask"):
            transform.fill_mask = self._ignore_index  # some constructors lack the argument
        self.places[id(transform)] = place
        return transform
