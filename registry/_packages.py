"""Packages that Pluxel needs for some of its work, and the one error where one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ._errors import PluxelError

DISTRIBUTIONS = {
    "PIL": "pillow",
    "accelerate": "accelerate",
    "albumentations": "albumentations",
    "click": "click",
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "huggingface_hub": "huggingface-hub",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "pluggy": "pluggy",
    "pooch": "pooch",
    "pydantic": "pydantic",
    "rasterio": "rasterio",
    "rich": "rich",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "simsimd": "simsimd",
    "sklearn": "scikit-learn",
    "tifffile": "tifffile",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "yaml": "pyyaml",
}
"""The names that pip knows of the modules that Pluxel imports."""

EXTRAS = {
    "faiss": "faiss",
    "matplotlib": "plot",
    "rasterio": "tiff",
    "sklearn": "plot",
    "tifffile": "tiff",
}
"""The extra of Pluxel that brings a module, if the ordinary install does not."""


class MissingPackage(PluxelError):  # noqa: N818 - reads as what it says
    """A package that this part of Pluxel needs is not installed."""


def missing_package(error: ImportError, what: str) -> MissingPackage | None:
    """Return the error that names the package and the command; None for a module of Pluxel's.

    ``what`` needs the package: the first words of the message.
    """
    module = (error.name or "").partition(".")[0]
    missing = isinstance(error, ModuleNotFoundError)
    if module in ("", "pluxel") or not (missing or module in DISTRIBUTIONS):
        return None
    reason = "is not installed" if missing else f"cannot be imported ({error})"
    if (distribution := DISTRIBUTIONS.get(module)) is None:
        return MissingPackage(f"{what} needs the module '{module}', which {reason}")
    wanted = f"'pluxel[{EXTRAS[module]}]'" if module in EXTRAS else distribution
    return MissingPackage(f"{what} needs {distribution}, which {reason}: pip install {wanted}")


@contextmanager
def needed_by(what: str) -> Iterator[None]:
    """Import within the block; a missing package becomes the error that names the command.

    Raises: MissingPackage.
    """
    try:
        yield
    except ImportError as error:
        if (found := missing_package(error, what)) is None:
            raise
        raise found from error
