"""The normalization that a network's weights expect; it is saved with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

PositiveValue = Annotated[float, Field(gt=0)]


def _listed(value: Any) -> Any:
    if isinstance(value, int | float):
        text = "expected a list of one value for all channels, or of one per channel"
        raise ValueError(f"{text}, not {value}: write [{value}]")
    return tuple(value) if isinstance(value, list) else value  # strict validation refuses a list


_Listed = BeforeValidator(_listed)


class Normalization(BaseModel):
    """``(value · range − mean) / std`` for each channel, with ``value`` in 0–1.

    ``range``: 1 for statistics in 0–1, 255 for statistics in 0–255. ``channel_order``: the order of
    colors in which mean and std are listed; in that of a backbone, also the order that the network
    expects. ``transform``: ``log`` takes the natural logarithm of ``value · range`` first. ``std``:
    by default None if ``mean`` is given: values are not divided, or, for the statistics of an
    input, divided as the weights expect it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Annotated[tuple[float, ...], _Listed] = (0.485, 0.456, 0.406)
    std: Annotated[tuple[PositiveValue, ...], _Listed] | None = (0.229, 0.224, 0.225)
    channel_order: Literal["rgb", "bgr"] = "rgb"
    range: Literal[1, 255] = 1
    transform: Literal["none", "log"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _no_foreign_std(cls, content: Any) -> Any:
        """Do not divide by the standard deviation of ImageNet after subtracting another mean."""
        if isinstance(content, Mapping) and "mean" in content:
            return {"std": None, **content}
        return content

    def to_yaml(self) -> str:
        """Return the normalization as one line of YAML."""
        mean, std = (
            f"[{', '.join(f'{value:g}' for value in values)}]" if values else "null"
            for values in (self.mean, self.std)
        )
        parts = f"mean: {mean}, std: {std}, channel_order: {self.channel_order}"
        transform = ", transform: log" if self.transform == "log" else ""
        return f"normalization: {{{parts}, range: {self.range}{transform}}}"


CAFFE_NORMALIZATION = Normalization(
    mean=(104.00699, 116.66877, 122.67892), std=(1, 1, 1), channel_order="bgr", range=255
)
"""What Caffe's models of ImageNet expect: blue, green and red of 0 to 255, minus their means."""

RAW_MAXIMUM = {"uint8": 255, "uint16": 65535}
"""Raw value that represents 1, by type. Floating-point images are already in 0–1."""
