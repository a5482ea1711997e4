"""Pixels of the frames of videos, in their real colors and upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av import VideoFrame

_UNKNOWN = 2
"""The code of a matrix of colors that a file does not declare (ITU-T H.273, 8.3)."""

_HD = 576
"""Rows above which an undeclared matrix is BT.709, and BT.601 otherwise, as players assume."""


def upright(pixels: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Return pixels (H, W, channels) turned and mirrored as the matrix of a file says.

    ``matrix``: its coefficients a, b, c, d: a point (x, y) is shown at (ax + cy, bx + dy), with y
    pointing down. Only the eight orientations exist in which edges stay edges; for others, the
    nearest.
    """
    if matrix is None:
        return pixels
    a, b, c, d = matrix
    if swaps_axes(matrix):
        pixels = pixels.swapaxes(0, 1)
        right, down = c, b
    else:
        right, down = a, d
    pixels = pixels[:, ::-1] if right < 0 else pixels
    return np.ascontiguousarray(pixels[::-1] if down < 0 else pixels)


def swaps_axes(matrix: np.ndarray) -> bool:
    """Return whether the rows of a frame become columns when it is shown."""
    return bool(abs(matrix[0]) < abs(matrix[1]))


def default_matrix(rows: int) -> int:
    """Return the code of the usual matrix of colors for a height: BT.709 or BT.601."""
    from av.video.reformatter import Colorspace  # noqa: PLC0415

    return int(Colorspace.ITU709 if rows > _HD else Colorspace.ITU601)


def pixels_of(frame: VideoFrame, channels: int) -> np.ndarray:
    """Return the pixels (H, W, channels) of a frame as stored; ``channels``: 3 for RGB, 1 for gray.

    The type is uint16 for frames with more than 8 bits a color, and uint8 for others.
    """
    is_deep = max(part.bits for part in frame.format.components) > 8
    name = {1: ("gray", "gray16le"), 3: ("rgb24", "rgb48le")}[channels][is_deep]
    source = default_matrix(frame.height) if frame.colorspace in (0, _UNKNOWN) else None
    if frame.format.name.startswith(("rgb", "bgr", "gbr", "gray", "pal")):
        source = None
    array = frame.reformat(format=name, src_colorspace=source).to_ndarray()
    return array[..., None] if array.ndim == 2 else array


def orientation_of(frame: VideoFrame) -> np.ndarray | None:
    """Return a, b, c, d of the display matrix of a frame, or None."""
    for data in cast("Iterable[Any]", frame.side_data):
        if data.type.name == "DISPLAYMATRIX":
            return np.frombuffer(bytes(data), "=i4")[[0, 1, 3, 4]]
    return None
