"""The packages that parts of Pluxel need, and the error for a missing one."""

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
"""Module that Pluxel imports -> the name under which pip installs it."""

EXTRAS = {
    "faiss": "faiss",
    "matplotlib": "plot",
    "rasterio": "tiff",
    "sklearn": "plot",
    "tifffile": "tiff",
}
"""Module that the ordinary install lacks -> the extra of Pluxel that installs it."""


class MissingPackage(PluxelError):  # noqa: N818 - the name states the error
    """A package that this part of Pluxel needs is not installed."""


def missing_package(error: ImportError, what: str) -> MissingPackage | None:
    """Return the error that names the package and the install command.

    Return None if the module belongs to Pluxel or if no package is missing. ``what``: the part
    that needs the package; it begins the message.
    """
    module = (error.name or "").partition(".")[0]
    missing = isinstance(error, ModuleNotFoundError)
    if module in ("", "pluxel") or not (missing or module in DISTRIBUTIONS):
        return None
    reason = "is not installed" if missing else f"cannot be imported ({error})"
    if (distribution := DISTRIBUTIONS.get(module)) is None:
        return MissingPackage(f"{what} needs the module '{module}', which {reason}")
    requirement = f"'pluxel[{EXTRAS[module]}]'" if module in EXTRAS else distribution
    return MissingPackage(f"{what} needs {distribution}, which {reason}: pip install {requirement}")


@contextmanager
def needed_by(what: str) -> Iterator[None]:
    """Turn an import error within the block into one that names the install command.

    Raises: MissingPackage.
    """
    try:
        yield
    except ImportError as error:
        if (missing := missing_package(error, what)) is None:
            raise
        raise missing from error
