"""Write videos frame by frame: H.264 in MP4, with the times and the sound of another video."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...registry import PluxelError
from ..common.files import cannot_write, replacing
from ..common.logs import log_image
from .results import WRITTEN_BY
from .video_frames import default_matrix
from .videos import Clip, Frame, Sound

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

_CODEC = "libx264"
_OPTIONS = {"crf": "18", "preset": "veryfast"}
"""A quality that looks like the original, and a speed at which prediction waits for nothing."""

_COPIED = {"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}
"""Sound that players expect in an MP4; other sound is encoded as AAC."""

_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}
"""Layouts of sound by the number of channels; of others, two channels remain."""

_RATE = 48_000
"""Samples a second for sound with a rate that AAC lacks."""

_LIMITED = 1
"""The code of colors from 16 to 235, which every player shows."""

WriteFrame = Callable[[np.ndarray, Frame], None]
"""Writes what is shown at the time of a frame, (H, W[, bands])."""

WriteSound = Callable[[Sound], None]
"""Writes sound of the other video."""


@contextmanager
def video_writer(path: Path, clip: Clip) -> Iterator[tuple[WriteFrame, WriteSound]]:
    """Write a video with the size, the times and the sound of a clip.

    The colors of 2×2 pixels are stored together (4:2:0), as every player can show; a clip with an
    odd height or width keeps its size, so each pixel gets its own color (4:4:4), and that is
    logged. The file appears under its name only when it is complete.

    Raises: PluxelError if the file cannot be written.
    """
    import av  # noqa: PLC0415 - an extra
    from av.error import FFmpegError  # noqa: PLC0415

    _require_encoder()
    height, width = clip.size
    is_odd = bool(height % 2 or width % 2)
    if is_odd:
        log_image(
            clip.path,
            "the height or width is odd; the video has it too, and colors for each pixel "
            "(4:4:4), which some players cannot show",
            logging.WARNING,
        )
    with replacing(path) as unfinished:
        try:
            with av.open(
                str(unfinished), "w", format="mp4", options={"movflags": "faststart"}
            ) as file:
                file.metadata["comment"] = WRITTEN_BY
                video = file.add_stream(_CODEC, rate=clip.rate, options=_OPTIONS)
                video.width, video.height = width, height
                video.pix_fmt = "yuv444p" if is_odd else "yuv420p"
                context = video.codec_context
                context.time_base = clip.time_base
                context.sample_aspect_ratio = clip.aspect
                context.colorspace = matrix = default_matrix(height)
                context.color_range = _LIMITED
                sounds = {one.index: _sound(file, one) for one in clip.sounds}

                def write(pixels: np.ndarray, frame: Frame) -> None:
                    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
                    picture = picture.reformat(
                        format=video.pix_fmt, dst_colorspace=matrix, dst_color_range=_LIMITED
                    )
                    picture.pts, picture.time_base = frame.pts, clip.time_base
                    file.mux(video.encode(picture))

                yield write, lambda sound: sounds[sound.stream](sound)
                file.mux(video.encode())
                for finish in sounds.values():
                    finish(None)
        except FFmpegError as error:
            raise cannot_write(path, error.strerror or str(error)) from error


def _require_encoder() -> None:
    from av import Codec  # noqa: PLC0415
    from av.codec.codec import UnknownCodecError  # noqa: PLC0415

    try:
        Codec(_CODEC, "w")
    except UnknownCodecError:
        raise PluxelError(
            f"this build of PyAV cannot write H.264, for lack of {_CODEC}; install the one from "
            "PyPI: pip install --force-reinstall --only-binary av av"
        ) from None


def _sound(file: OutputContainer, source: AudioStream) -> Callable[[Sound | None], None]:
    """Add a stream of sound; return what writes a packet of the source to it, or, for None, ends.

    Sound that MP4 has is copied, other sound is encoded.
    """
    if source.codec_context.codec.canonical_name in _COPIED:
        copied = file.add_stream_from_template(source)

        def copy(sound: Sound | None) -> None:
            if sound is not None:
                sound.packet.stream = copied
                file.mux(sound.packet)

        return copy
    from av import Codec  # noqa: PLC0415

    rates = Codec("aac", "w").audio_rates or ()
    rate = source.rate if source.rate in rates else _RATE
    encoded = file.add_stream("aac", rate=rate)
    encoded.layout = _LAYOUTS.get(source.channels, "stereo")

    def encode(sound: Sound | None) -> None:
        if sound is None:
            file.mux(encoded.encode(None))
            return
        for frame in sound.frames:
            file.mux(encoded.encode(frame))

    return encode
