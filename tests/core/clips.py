"""Videos for tests."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace


def blocks(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Return frames (height, width, 3) of blocks, which all differ and which codecs keep."""
    random = np.random.default_rng(0)
    return [
        random.integers(0, 256, (-(-height // 16), -(-width // 16), 3), np.uint8)
        .repeat(16, 0)
        .repeat(16, 1)[:height, :width]
        for _ in range(count)
    ]


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv444p",
    sound: str = "",
    rotation: int = 0,
    matrix: Colorspace | None = None,
    tagged: bool = True,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Write a video of frames (H, W, 3) uint8, nearly without loss.

    ``times``: of the frames, in milliseconds; by default 25 frames a second. ``sound``: a codec.
    """
    if options is None:
        options = {"qp": "0"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=container or {}) as file:
        video = file.add_stream(codec, rate=25, options=options)
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = pixels
        if codec == "libx264":
            video.codec_context.time_base = Fraction(1, 1000)
        if matrix is not None and tagged:
            video.codec_context.colorspace = matrix
        if rotation:
            video.set_display_rotation(rotation)
        if sound:
            audio = file.add_stream(sound, rate=48_000)
            audio.layout = "mono"
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), "rgb24")
            frame = frame.reformat(format=pixels, dst_colorspace=matrix)
            frame.time_base = Fraction(1, 1000)
            frame.pts = times[number] if times else 40 * number
            file.mux(video.encode(frame))
        if sound:
            for part in tone(len(frames) * 40):
                file.mux(audio.encode(part))
            file.mux(audio.encode(None))
        file.mux(video.encode(None))
    return path


def tone(milliseconds: int) -> list[av.AudioFrame]:
    """Return a tone of 440 Hz."""
    wave = np.sin(np.arange(48 * milliseconds) * (2 * np.pi * 440 / 48_000)).astype(np.float32)
    found = []
    for start in range(0, len(wave), 960):
        part = wave[None, start : start + 960]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, start
        found.append(frame)
    return found


def read_clip(path: Path) -> tuple[list[np.ndarray], list[Fraction]]:
    """Return the frames of a video as a player shows them, and their times in seconds."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        found = [*file.decode(video)]
        times = [frame.pts * frame.time_base for frame in found]
        return [frame.to_ndarray(format="rgb24") for frame in found], times
