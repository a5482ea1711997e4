"""The packages that parts of Pluxel need, and the error for a missing one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ._errors import PluxelError, reason_of

DISTRIBUTIONS = {
    "PIL": "pillow",
    "accelerate": "accelerate",
    "albumentations": "albumentations",
    "anyio": "anyio",
    "av": "av",
    "click": "click",
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "filelock": "filelock",
    "h5py": "h5py",
    "huggingface_hub": "huggingface-hub",
    "jinja2": "jinja2",
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
    "starlette": "starlette",
    "tifffile": "tifffile",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
    "uvicorn": "uvicorn",
    "yaml": "pyyaml",
}
"""Module that Pluxel imports -> the name under which pip installs it."""

EXTRAS = {
    "anyio": "app",
    "faiss": "faiss",
    "h5py": "matlab",
    "rasterio": "tiff",
    "sklearn": "plot",
    "tifffile": "tiff",
    "av": "video",
    "starlette": "app",
    "uvicorn": "app",
}
"""Module that the ordinary installation lacks -> the extra of Pluxel that lists it."""


class MissingPackage(PluxelError):  # noqa: N818 - the name states the error
    """A package that this part of Pluxel needs is not installed."""


def missing_package(
    error: BaseException | None,
    what: str,
    part: Iterable[str] = (),
    *,
    requirement: str | None = None,
) -> MissingPackage | None:
    """Return the error that names every missing package and the install command.

    Return None if the module belongs to Pluxel or if no package is missing. ``what``: what needs
    the package; it begins the message. ``part``: other modules that it needs. ``requirement``: what
    pip installs; by default the packages.
    """
    while isinstance(error, MissingPackage):  # of a part that `what` uses
        error = error.__cause__
    if not isinstance(error, ImportError):
        return None
    module = (error.name or "").partition(".")[0]
    # Python names a part of a package only if it found the package, which may be too old.
    missing = isinstance(error, ModuleNotFoundError) and "." not in (error.name or "")
    if module in ("", "pluxel") or not (missing or module in DISTRIBUTIONS):
        return None
    extra = [other for other, name in EXTRAS.items() if name == EXTRAS.get(module)]
    absent = {other for other in (*part, *extra) if find_spec(other) is None} if missing else ()
    packages = sorted(DISTRIBUTIONS[one] for one in {module, *absent} if one in DISTRIBUTIONS)
    line, notes = reason_of(error, with_type=False)
    reason = f"cannot be imported ({line})"
    if missing:
        reason = f"{'are' if len(packages) > 1 else 'is'} not installed"
    *others, last = packages or [f"the module '{module}'"]
    needed = f"{', '.join(others)} and {last}" if others else last
    requirement = requirement or " ".join(packages)
    outdated = "--upgrade " * (module in DISTRIBUTIONS and "." in (error.name or ""))
    command = f": pip install {outdated}{requirement}" if requirement else ""
    return MissingPackage(f"{what} needs {needed}, which {reason}{command}", notes)


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
