"""The modules that each part of Pluxel needs; docs/install.md lists the same packages."""

from __future__ import annotations

_WORDS = frozenset(
    ("PIL", "click", "numpy", "pluggy", "pydantic", "rich", "safetensors", "torch", "yaml")
)
_PREDICTION = _WORDS | {"huggingface_hub", "timm", "torchvision"}
_TRAINING = _PREDICTION | {"accelerate", "albumentations", "cv2", "filelock", "scipy"}

_PARTS = {
    **dict.fromkeys(("analogy", "embeddings", "labels", "neighbors", "similar"), _WORDS),
    **dict.fromkeys(("inference", "predict"), _PREDICTION),
    **dict.fromkeys(
        (
            *("benchmark", "config", "data", "demo", "describe", "engine", "evaluate"),
            *("import", "train", "verify"),
        ),
        _TRAINING,
    ),
}
"""Command or room -> the modules that it needs."""


def modules_of(name: str) -> frozenset[str]:
    """Return the modules that a command, or the module of a room, needs beside its own imports."""
    steps = reversed(name.split("."))
    return next((_PARTS[step] for step in steps if step in _PARTS), frozenset())
