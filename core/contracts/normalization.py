"""How raw pixels become what a network was trained on; travels with its weights."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PositiveValue = Annotated[float, Field(gt=0)]


class Normalization(BaseModel):
    """``(value · range − mean) / std`` channel by channel, ``value`` in 0–1.

    ``range`` is 1 for statistics in 0–1 and 255 for those in 0–255; ``channel_order`` is the order
    in which the network expects the colors (mean and std are listed in that order).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[PositiveValue, ...] = (0.229, 0.224, 0.225)
    channel_order: Literal["rgb", "bgr"] = "rgb"
    range: Literal[1, 255] = 1

    def to_yaml(self) -> str:
        """Return the line of YAML that states it."""
        mean, std = (
            f"[{', '.join(f'{value:g}' for value in values)}]" for values in (self.mean, self.std)
        )
        order, unit = self.channel_order, self.range
        return f"normalization: {{mean: {mean}, std: {std}, channel_order: {order}, range: {unit}}}"


RAW_MAXIMUM = {"uint8": 255, "uint16": 65535}
"""What stands for 1 in raw pixels of a type; floating-point images are in 0–1 already."""
