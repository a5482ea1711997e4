"""Encode depth as HHA: horizontal disparity, height above ground, angle to gravity.

Gupta, Girshick, Arbeláez, Malik, "Learning rich features from RGB-D images for object detection
and segmentation" (2014), and its code for the constants and the normals. Points are in the axes of
the camera: x to the right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...registry import PluxelError
from .missing import fill_nearest

NARROW, WIDE = 3, 10
"""Radius, in pixels, of the windows for normals and for the direction of gravity."""

_ROUNDS = (45, 45, 45, 45, 45, 15, 15, 15, 15, 15)
"""Largest angle in degrees between gravity and the normals of floors, in each round."""

_LOWEST, _USUAL = -90.0, -130.0
"""If no point is that many centimeters below the camera, the ground is assumed at the second."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: focal lengths and principal point in pixels, whose centers are integers."""

    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        numbers = [self.fx, self.fy, self.cx, self.cy]
        if not (np.isfinite(numbers).all() and min(self.fx, self.fy) > 0):
            raise PluxelError(
                "the focal lengths of a camera must be positive, and all of its numbers finite, "
                f"not {self}"
            )

    def rays(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x / z of the columns, (1, W), and y / z of the rows, (H, 1)."""
        x = (np.arange(width)[None] - self.cx) / self.fx
        return x, (np.arange(height)[:, None] - self.cy) / self.fy


def surface_normals(depth: np.ndarray, camera: Camera, radius: int = NARROW) -> np.ndarray:
    """Return unit normals (H, W, 3) that point away from the camera; NaN where there is none.

    ``depth``: (H, W), of any unit; pixels that are not positive and finite do not count. In each
    window of 2 ``radius`` + 1 pixels per side, a plane is fitted: 1 / z is linear in x / z and
    y / z.
    """
    from scipy.ndimage import uniform_filter  # noqa: PLC0415 - takes long to import

    x, y = camera.rays(*depth.shape)
    known = _is_known(depth)
    inverse = np.divide(1.0, depth, where=known, out=np.zeros(depth.shape))
    counted = known.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        filtered = uniform_filter(values, 2 * radius + 1, mode="constant")
        return np.divide(filtered, share, where=share > 0, out=np.zeros_like(filtered))

    share = uniform_filter(counted, 2 * radius + 1, mode="constant").clip(0)
    share[share < 2.5 / (2 * radius + 1) ** 2] = 0  # a plane has three points
    mx, my, mi = mean(counted * x), mean(counted * y), mean(inverse)
    xx = mean(counted * x * x) - mx * mx
    xy = mean(counted * x * y) - mx * my
    yy = mean(counted * y * y) - my * my
    xi = mean(inverse * x) - mx * mi
    yi = mean(inverse * y) - my * mi
    determinant = xx * yy - xy * xy
    tiny = 1e-9 * (camera.fx * camera.fy) ** -2.0  # of points on one line
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (yy * xi - xy * yi) / determinant, (xx * yi - xy * xi) / determinant
        normals = np.stack([a, b, mi - a * mx - b * my], -1)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        # Away from the camera: along the ray through the pixel.
        normals *= np.sign(normals[..., 0] * x + normals[..., 1] * y + normals[..., 2])[..., None]
    normals[(share == 0) | (determinant <= tiny) | ~known] = np.nan
    return normals


def gravity_direction(normals: np.ndarray) -> np.ndarray:
    """Return the unit vector (3,) of gravity that fits normals (…, 3) best; NaN do not count.

    In each round, normals near the last direction are taken for those of floors and ceilings, which
    are parallel to gravity, and normals at a right angle to it for those of walls. The first
    direction is straight down the image. If several directions fit equally well, such as in view
    of a single wall, the one that is nearest to the last direction counts.
    """
    known = normals.reshape(-1, 3)
    known = known[np.isfinite(known).all(1)]
    gravity = np.array([0.0, 1.0, 0.0])
    for degrees in _ROUNDS:
        cosines = np.abs(known @ gravity)
        floors = known[cosines > np.cos(np.radians(degrees))]
        walls = known[cosines < np.sin(np.radians(degrees))]
        misfits, directions = np.linalg.eigh(walls.T @ walls - floors.T @ floors)
        best = directions[:, misfits <= misfits[0] + 1e-3 * len(known)]
        gravity = best @ (best.T @ gravity)
        gravity /= np.linalg.norm(gravity)
    return gravity


def encode_hha(
    depth: np.ndarray,
    camera: Camera,
    *,
    missing: Literal["mark", "fill"] = "mark",
    gravity: np.ndarray | None = None,
) -> np.ndarray:
    """Return HHA (H, W, 3) uint8, rounded and saturated, of depth (H, W) in millimeters.

    Channel 0 is 31000 / z with z in centimeters, at least 100; channel 1 the height in centimeters
    above the lowest point; channel 2 the angle between the normal and gravity in degrees, plus 38:
    floors are 38, walls 128 and ceilings 218.

    ``missing``: pixels without depth (0 or not finite) become 0 in all channels (``mark``), or take
    the depth of the nearest pixel first (``fill``). ``gravity``: a vector (3,) in the axes of the
    camera, such as that of an accelerometer; by default, estimated from the normals.

    Raises: PluxelError for depth of another shape, for depth without any measurement, and for a
    ``gravity`` that is not a direction: another shape, only zeros, or not finite.
    """
    if depth.ndim != 2:
        raise PluxelError(f"depth has the shape {depth.shape}; expected (height, width)")
    known = _is_known(depth)
    if not known.any():
        raise PluxelError("the depth has no measurement: all pixels are 0 or not finite")
    centimeters = np.where(known, depth, 0).astype(np.float64) / 10
    if missing == "fill" and not known.all():
        centimeters = fill_nearest(centimeters, ~known)
        known = np.ones_like(known)
    if gravity is None:
        gravity = gravity_direction(surface_normals(centimeters, camera, WIDE))
    down = _direction(gravity)
    x, y = camera.rays(*depth.shape)
    height = -centimeters * (x * down[0] + y * down[1] + down[2])
    lowest = height[known].min()
    height -= lowest if lowest <= _LOWEST else _USUAL
    cosines = surface_normals(centimeters, camera, NARROW) @ down
    angle = np.degrees(np.arccos(cosines.clip(-1, 1)))
    channels = np.stack([31000 / centimeters.clip(100), height, angle + 128 - 90], -1)
    channels[~known | np.isnan(angle)] = 0
    return np.floor(channels + 0.5).clip(0, 255).astype(np.uint8)


def _direction(vector: np.ndarray) -> np.ndarray:
    """Return a vector (3,) of length 1. Raises: PluxelError if it has no direction."""
    given = np.asarray(vector, np.float64)
    length = np.linalg.norm(given)
    if given.shape != (3,) or not 0 < length < np.inf:
        raise PluxelError(
            f"gravity must be three finite numbers, not all 0, such as [0, 1, 0], not {vector}"
        )
    return given / length


def _is_known(depth: np.ndarray) -> np.ndarray:
    """Return where depth is a measurement, (H, W)."""
    values: Any = np.ma.filled(depth, 0)
    return np.isfinite(values) & (values > 0)
