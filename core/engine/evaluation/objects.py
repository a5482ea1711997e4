"""Pixels by the size of the object that they belong to."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

SIZES = {"small": 32**2, "medium": 96**2, "large": None}
"""Names of object sizes, each with the area in pixels that it stays below (Lin et al. 2014)."""

LABELED, RIGHT, FALSE_ALARM = range(3)

_LIMITS = [limit for limit in SIZES.values() if limit is not None]


def pixels_by_size(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int
) -> np.ndarray:
    """Return the pixels of each class and object size: labeled, right, false alarms, (C, S, 3).

    An object is a connected part of the pixels of one class, with diagonal neighbors. Labeled and
    right pixels count for the size of the object in the ground truth; false alarms, which are
    pixels predicted wrongly as the class, for the size of the predicted object. So right / (labeled
    + false alarms) is an IoU of each size, and over all sizes together that of the class.

    ``prediction``, ``target``: (H, W), integers; ``ignore_index`` where a pixel does not count.
    """
    labeled = target != ignore_index
    right = (prediction == target) & labeled
    found = np.zeros((num_classes, len(SIZES), 3), np.int64)
    for index, sizes, rights in _objects(target, labeled, right):
        found[index, :, LABELED], found[index, :, RIGHT] = sizes, rights
    for index, sizes, rights in _objects(prediction, labeled, right):
        found[index, :, FALSE_ALARM] = sizes - rights
    return found


def _objects(
    classes: np.ndarray, labeled: np.ndarray, right: np.ndarray
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return each class with its pixels, and its right pixels, by the size of the object, (S,)."""
    numbered = np.where(labeled, classes.astype(np.int32) + 1, 0)
    found = []
    for index, box in enumerate(ndimage.find_objects(numbered)):
        if box is None:
            continue
        mask = (numbered[box] == index + 1).view(np.uint8)
        _, parts = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
        areas = np.bincount(parts.ravel())[1:]
        rights = np.bincount(parts[right[box]], minlength=len(areas) + 1)[1:]
        sizes = np.searchsorted(_LIMITS, areas, side="right")
        sums = [np.bincount(sizes, one, len(SIZES)).astype(np.int64) for one in (areas, rights)]
        found.append((index, *sums))
    return found
