"""The modules that each part of Pluxel needs; docs/install.md lists the same packages."""

from __future__ import annotations

_WORDS = frozenset(
    ("PIL", "click", "numpy", "pluggy", "pydantic", "rich", "safetensors", "torch", "yaml")
)
_PREDICTION = _WORDS | {"huggingface_hub", "jinja2", "timm", "torchvision"}
_APP = _PREDICTION | {"anyio", "starlette", "uvicorn"}
_TRAINING = _PREDICTION | {"accelerate", "albumentations", "cv2", "filelock", "scipy"}

_PARTS = {
    **dict.fromkeys(("analogy", "embeddings", "labels", "neighbors", "similar"), _WORDS),
    **dict.fromkeys(("inference", "predict"), _PREDICTION),
    "app": _APP,
    **dict.fromkeys(
        (
            *("benchmark", "compare", "config", "data", "demo", "describe", "engine", "evaluate"),
            *("import", "matrix", "report", "train", "verify", "watch"),
        ),
        _TRAINING,
    ),
}
"""Command or room -> the modules that it needs."""


def modules_of(name: str) -> frozenset[str]:
    """Return the modules that a command, or the module of a room, needs beside its own imports."""
    steps = reversed(name.split("."))
    return next((_PARTS[step] for step in steps if step in _PARTS), frozenset())
