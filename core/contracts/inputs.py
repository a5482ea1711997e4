"""What an input is: the meaning of its values, how files store them, and what may change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from .normalization import Normalization, PositiveValue

InputKind = Literal["color", "depth", "hha", "vectors", "map"]
"""``color``: what a camera records, with any number of channels. ``depth``: distances in
millimeters. ``hha``: disparity, height and angle to gravity (Gupta et al. 2014). ``vectors``:
components along x, y and perhaps z, such as normals. ``map``: any other values."""

MissingPixels = Literal["ignore", "mean", "fill"]
ValueInterpolation = Literal["bilinear", "nearest"]

Change = Literal[
    "flip the image vertically",
    "rotate the image by more than 45°",
    "rotate the image",
    "shear the image",
    "deform the image",
]
"""What a transform may do; quarter turns and transposition count as rotations."""


@dataclass(frozen=True)
class KindRules:
    """What a kind of input implies.

    ``defaults``: of the fields of `InputSpec`. ``channels``: the usual number. ``mirrored``: axis
    of the image (0: x, 1: y) -> the channel whose sign changes if the image is mirrored along it.
    ``refused``: change of the image -> why the values do not allow it. ``zero_is_missing``: whether
    0 is not a value, but means that there is none.
    """

    channels: int
    defaults: Mapping[str, Any]
    mirrored: Mapping[int, int] = field(default_factory=dict)
    refused: Mapping[Change, str] = field(default_factory=dict)
    zero_is_missing: bool = False


_UPRIGHT = "HHA describes an upright view, so its height and its angle to gravity would be wrong"
_ROTATED = "the vectors would keep their direction although the image does not"

KINDS: Mapping[InputKind, KindRules] = MappingProxyType(
    {
        "color": KindRules(3, {"interpolation": "bilinear"}),
        # The mean of the logarithm, for NYUDv2, is from the reference release of FCN.
        "depth": KindRules(
            1,
            {
                "scale": 1,
                "nodata": 0,
                "missing": "mean",
                "normalization": Normalization(mean=(7.844,), std=(1,), transform="log"),
            },
            zero_is_missing=True,
        ),
        "hha": KindRules(
            3,
            {
                "nodata": 0,
                "missing": "mean",
                "interpolation": "bilinear",
                "normalization": Normalization(mean=(132.431, 94.076, 118.477), range=255),
            },
            refused={
                "flip the image vertically": _UPRIGHT,
                "rotate the image by more than 45°": _UPRIGHT,
            },
        ),
        "vectors": KindRules(
            3,
            {"normalization": Normalization(mean=(0.5,), std=(0.5,))},
            mirrored={0: 0, 1: 1},
            refused={
                "rotate the image by more than 45°": _ROTATED,
                "rotate the image": _ROTATED,
                "shear the image": _ROTATED,
                "deform the image": _ROTATED,
            },
        ),
        "map": KindRules(1, {}),
    }
)
"""The rules of each kind. Values of vectors are (v + 1) / 2 in files, or signed with a scale."""


class InputSpec(BaseModel):
    """What the values of an input mean and how files store them; by default, as is usual for it.

    ``kind``: see `InputKind`. Color transforms apply to ``color`` only.
    ``scale``: the stored value that stands for 1 (1 mm in depth); by default 1 for depth, and
    otherwise 255 for uint8, 65535 for uint16 and 1 for floating point.
    ``nodata``: the stored value of pixels without data, in addition to the one that a file
    declares; by default 0 for depth and for HHA, in all channels. An explicit None means that no
    value does.
    ``missing``: what becomes of pixels without data: ``ignore`` also ignores their labels,
    ``mean`` replaces them by the mean, ``fill`` by the nearest pixel with data. The default is
    ``mean`` for depth and HHA and otherwise ``ignore``.
    ``interpolation``: between pixels; by default ``bilinear`` for color and HHA, and otherwise
    ``nearest``. Pixels without data never mix with others.
    ``normalization``: of the values. The default for color and maps is that of the weights; for
    depth, the logarithm minus 7.844; for HHA, minus the means of NYUDv2; for vectors, none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: InputKind = "color"
    scale: PositiveValue | None = None
    nodata: float | None = None
    missing: MissingPixels = "ignore"
    interpolation: ValueInterpolation = "nearest"
    normalization: Normalization | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, content: Any) -> Any:
        """Add the defaults of the kind."""
        if not isinstance(content, Mapping):
            return content
        kind = content.get("kind", "color")  # anything, such as a list, which is not hashable
        defaults = next((dict(rules.defaults) for one, rules in KINDS.items() if one == kind), {})
        if kind == "vectors" and content.get("scale") is not None:  # signed values
            defaults["normalization"] = Normalization(mean=(0,), std=(1,))
        return defaults | {
            name: value for name, value in content.items() if value is not None or name == "nodata"
        }

    @property
    def rules(self) -> KindRules:
        """What the kind implies."""
        return KINDS[self.kind]


PLAIN = InputSpec()
"""The specification of a color image."""

_MAP = InputSpec(kind="map")


def shown_input(names: Sequence[str], specs: Mapping[str, InputSpec]) -> str:
    """Return the input that people look at: the first one of color, or else the first one."""
    return next((name for name in names if specs[name].kind == "color"), names[0])


def default_spec(name: str, names: Mapping[str, object]) -> InputSpec:
    """Return the specification of an input that a dataset does not specify.

    The input ``image``, or else the first of all ``names``, is a color image; others are maps.
    """
    image = "image" if "image" in names else next(iter(names), name)
    return PLAIN if name == image else _MAP
