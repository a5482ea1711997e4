"""The classes of NYUDv2: 40, and how they make up 13 and 4.

40: Gupta, Arbeláez & Malik (2013). 13: Couprie et al. (2013), as SceneNet maps them. 4: Silberman
et al. (2012).
"""

from __future__ import annotations

_40 = (
    "wall",
    "floor",
    "cabinet",
    "bed",
    "chair",
    "sofa",
    "table",
    "door",
    "window",
    "bookshelf",
    "picture",
    "counter",
    "blinds",
    "desk",
    "shelves",
    "curtain",
    "dresser",
    "pillow",
    "mirror",
    "floor mat",
    "clothes",
    "ceiling",
    "books",
    "refridgerator",
    "television",
    "paper",
    "towel",
    "shower curtain",
    "box",
    "whiteboard",
    "person",
    "night stand",
    "toilet",
    "sink",
    "lamp",
    "bathtub",
    "bag",
    "otherstructure",
    "otherfurniture",
    "otherprop",
)
_13 = (
    "bed",
    "books",
    "ceiling",
    "chair",
    "floor",
    "furniture",
    "objects",
    "picture",
    "sofa",
    "table",
    "tv",
    "wall",
    "window",
)
_4 = ("floor", "structure", "furniture", "props")
CLASSES = {40: _40, 13: _13, 4: _4}

_TO_13 = "12 5 6 1 4 9 10 12 13 6 8 6 13 10 6 13 6 7 7 5 7 3 2 6 11 7 7 7 7 7 7 6 7 7 7 7 7 7 6 7"
_TO_4 = "2 1 3 3 3 3 3 2 2 3 4 2 2 3 3 2 3 4 4 4 4 2 4 3 4 4 4 2 4 2 4 3 3 4 4 3 4 2 3 4"
MEMBERS = {
    40: tuple(range(1, 41)),
    13: tuple(map(int, _TO_13.split())),
    4: tuple(map(int, _TO_4.split())),
}
"""Number of classes -> the class, from 1, of each of the 40."""
