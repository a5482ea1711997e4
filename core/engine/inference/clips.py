"""Write the results of a video: one video, or a folder with a file for each frame."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from ....registry import PluxelError
from ...common.files import replacing_folder
from ...contracts.inputs import InputSpec
from ...contracts.labels import LabelSpace
from ...data.pixels import ImageError
from ...data.video_files import WriteFrame, WriteSound, video_writer
from ...data.videos import Clip, require_videos
from .inputs import other_than_color
from .outputs import OutputKind


class DamagedClip(ImageError):  # noqa: N818 - the name states the error
    """A part of a video cannot be read; there are results for the others."""


_FRAME = re.compile(r"\d{6,}\.\w+")
"""The name of the file of a frame: its number, from 000000."""


def check_videos(
    clips: Sequence[Path], kinds: Collection[OutputKind], channels: int, spec: InputSpec
) -> None:
    """Check, before any work, that the model can read videos, and that all kinds exist for them.

    ``channels``, ``spec``: of the only input of the model.

    Raises: PluxelError; MissingPackage without the extra ``video``.
    """
    if not clips:
        return
    if what := other_than_color(channels, spec, (1, 3)):
        raise PluxelError(f"{clips[0]}: a video has colors, but the model reads {what}")
    for one in kinds:
        if not one.of_videos:
            others = ",".join(other.name for other in kinds if other.of_videos)
            raise PluxelError(
                f"{clips[0]}: --save {one.name} would fill the disk with the frames of a video; "
                f"use --save {others or 'overlay'}, or save single frames as images"
            )
    require_videos()


def check_replaceable(target: Path) -> None:
    """Check that a folder that would be replaced has frames only. Raises: PluxelError."""
    if target.is_dir():
        for path in sorted(target.iterdir()):
            if not (_FRAME.fullmatch(path.name) and path.is_file()):
                raise PluxelError(
                    f"{target} is a folder for the frames of a video, but contains {path.name}; "
                    "choose another --output"
                )


@contextmanager
def clip_writer(
    kind: OutputKind, target: Path, clip: Clip, space: LabelSpace
) -> Iterator[tuple[WriteFrame, WriteSound]]:
    """Write the output of a kind for a video; it appears under its name only when it is complete.

    Raises: PluxelError if it cannot be written.
    """
    if kind.of_videos == "video":
        with video_writer(target, clip) as writers:
            yield writers
        return
    numbers = count()
    with replacing_folder(target) as folder:
        yield (
            lambda pixels, _: kind.write(
                folder / f"{next(numbers):06}{kind.suffix}", pixels, space
            ),
            lambda _: None,
        )
