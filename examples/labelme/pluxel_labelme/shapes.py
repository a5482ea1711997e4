"""Draw the shapes of a labelme file, as labelme's own export draws them."""

import base64
import json
import math
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pluxel.core.authoring import BrokenData
from pluxel.registry import did_you_mean

IGNORED = "__ignore__"
"""The label of shapes whose pixels are ignored, as in labelme's lists of labels."""

_CORNERS = {"polygon": 3, "rectangle": 2, "oriented_rectangle": 4, "circle": 2}
"""Type of a shape with an area -> the least number of its points."""


def read_annotation(path: Path) -> dict[str, Any]:
    """Return the content of a file. Raises: BrokenData if it is not an annotation of labelme."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenData(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise BrokenData(f"{path} is not an annotation of labelme: it has no list 'shapes'")
    return content


def draw(path: Path, ids: Mapping[str, int], background: int) -> np.ndarray:
    """Return the ids of all pixels, (H, W) uint8; later shapes cover earlier ones.

    ``ids``: label -> id. ``background``: the id outside of all shapes.

    Raises: BrokenData that names the file and the shape.
    """
    content = read_annotation(path)
    try:
        height, width = int(content["imageHeight"]), int(content["imageWidth"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenData(f"{path} does not state imageHeight and imageWidth") from error
    drawn = Image.new("L", (width, height), background)
    for number, shape in enumerate(content["shapes"], 1):
        where = f"{path}, shape {number}"
        try:
            label, kind = shape["label"], shape.get("shape_type") or "polygon"
            points = [(float(x), float(y)) for x, y in shape["points"]]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BrokenData(f"{where} has no label or no points: {error}") from error
        if label not in ids:
            known = [one for one in ids if one != IGNORED]
            raise BrokenData(
                f"{where} has the label '{label}', which is not in 'classes': {', '.join(known)}."
                f"{did_you_mean(label, known)}"
            )
        if kind == "mask":
            _paste(drawn, shape, points, ids[label], where)
        elif kind not in _CORNERS:
            raise BrokenData(f"{where} ('{label}') is a {kind}, which has no area: remove it")
        elif len(points) < _CORNERS[kind]:
            raise BrokenData(f"{where} ('{label}') is a {kind} of {len(points)} points")
        else:
            _fill(ImageDraw.Draw(drawn), kind, points, ids[label])
    return np.asarray(drawn)


def embedded_image(path: Path) -> np.ndarray:
    """Return the image, (H, W, 3) uint8, that a file contains or names.

    Raises: BrokenData if there is none.
    """
    content = read_annotation(path)
    named = str(content.get("imagePath", "")).replace("\\", "/")
    data = content.get("imageData")
    try:
        source = BytesIO(base64.b64decode(data)) if data else path.parent / named
        with Image.open(source) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, TypeError) as error:
        raise BrokenData(f"{path}: its image '{named}' cannot be read: {error}") from error


def _fill(
    canvas: ImageDraw.ImageDraw, kind: str, points: list[tuple[float, float]], value: int
) -> None:
    xs, ys = zip(*points, strict=True)
    if kind == "circle":  # its center, and a point of its edge
        radius = math.dist(points[0], points[1])
        box = [xs[0] - radius, ys[0] - radius, xs[0] + radius, ys[0] + radius]
        canvas.ellipse(box, outline=value, fill=value)
    elif kind == "rectangle":
        canvas.rectangle([min(xs), min(ys), max(xs), max(ys)], outline=value, fill=value)
    else:
        canvas.polygon(points, outline=value, fill=value)


def _paste(
    drawn: Image.Image,
    shape: Mapping[str, Any],
    points: list[tuple[float, float]],
    value: int,
    where: str,
) -> None:
    """Draw a mask, which is a PNG file for the box between two points."""
    try:
        with Image.open(BytesIO(base64.b64decode(shape["mask"]))) as file:
            mask = Image.fromarray(np.asarray(file).astype(bool))
        left, top = (int(one) for one in points[0])
    except (KeyError, IndexError, OSError, TypeError, ValueError) as error:
        raise BrokenData(f"{where}: its mask cannot be read: {error}") from error
    drawn.paste(value, (left, top), mask)
