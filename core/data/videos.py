"""Read videos frame by frame: upright, in their real colors, with their times and their sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...registry import needed_by
from ..common.text import byte_size, extent, plural
from ..geometry.regions import Size
from .pixels import ImageError
from .video_frames import orientation_of, pixels_of, swaps_axes, upright

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_FORMATS = "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv ts webm wmv"
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _FORMATS.split())
"""Suffixes of video files, in lower case."""

_SLACK = Fraction(1, 10)
"""Seconds by which the frames of a whole file may end before the file says that they do."""

MOST_EARLY_SOUND = 64_000_000
"""Bytes of sound before the first frame, which are held until the size of the frames is known."""


def is_video(path: Path) -> bool:
    """Return whether the name of a file ends like that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def require_videos() -> None:
    """Check that videos can be read. Raises: MissingPackage."""
    with needed_by("reading videos"):
        import av  # noqa: F401, PLC0415 - an extra


@dataclass(frozen=True)
class Frame:
    """A frame: pixels (H, W, channels) of uint8, or uint16 if the file has more than 8 bits.

    ``pts``: its time from the beginning of the clip, as a multiple of the clip's ``time_base``.
    """

    pixels: np.ndarray
    pts: int


@dataclass(frozen=True)
class Sound:
    """A packet of sound of a stream, by its index in the file."""

    packet: Packet
    stream: int

    @cached_property
    def frames(self) -> Sequence[AudioFrame]:
        """The decoded packet; empty if it is damaged. Read in file order."""
        from av.error import FFmpegError  # noqa: PLC0415

        try:
            return cast("list[AudioFrame]", self.packet.decode())
        except FFmpegError:
            return []


class Clip:
    """An open video; `open_clip` opens it.

    ``size``: (height, width) of the upright frames. ``rate``: frames a second, on average.
    ``aspect``: width of an upright pixel, relative to its height. ``time_base``: seconds that one
    step of `Frame.pts` lasts. ``sounds``: the streams of sound. ``expected``: the number of frames
    that the file announces, about, or None.
    """

    def __init__(self, container: InputContainer, path: Path, channels: int) -> None:
        self.path = path
        self._container = container
        self._channels = channels
        self._video = container.streams.video[0]
        self._video.thread_type = "AUTO"
        self.sounds: Sequence[AudioStream] = [
            one for one in container.streams.audio if one.codec_context is not None
        ]
        self.time_base: Fraction = self._video.time_base or Fraction(1, 90_000)
        self.rate: Fraction = self._video.average_rate or self._video.guessed_rate or Fraction(25)
        # A recording may count from the hour at which it began.
        start = container.start_time
        self._start = None if start is None else Fraction(start, 1_000_000)
        self._announced_end = self._announce()
        frames = self._video.frames or round((self._announced_end or 0) * self.rate)
        self.expected: int | None = frames or None
        self._decoded = self._packets = 0
        self._is_damaged = self._is_turned = False
        self._last: int | None = None
        self._end = Fraction(0)
        self._events = self._read()
        self._early: list[Frame | Sound] = []
        held = 0
        for event in self._events:  # a file tells how it is rotated with its first frame
            self._early.append(event)
            if isinstance(event, Frame):
                break
            held += event.packet.size
            if held > MOST_EARLY_SOUND:
                amount = byte_size(MOST_EARLY_SOUND)
                raise ImageError(f"{path}: more than {amount} of sound come before the first frame")
        else:
            raise ImageError(f"{path}: the video has no frame that can be read")
        aspect = self._video.sample_aspect_ratio or Fraction(1)
        self.aspect = 1 / aspect if self._is_turned else aspect
        self.size: Size = event.pixels.shape[0], event.pixels.shape[1]

    def events(self) -> Iterator[Frame | Sound]:
        """Yield the frames, and the sound between them, in the order of the file.

        Raises: ImageError if frames differ in size.
        """
        for event in self._early:
            yield event
        self._early.clear()
        for event in self._events:
            if isinstance(event, Frame) and (size := event.pixels.shape[:2]) != self.size:
                raise ImageError(
                    f"{self.path}: frame {self._decoded - 1} is {extent(size)}, but those before "
                    f"are {extent(self.size)} (height × width); split the video where it changes"
                )
            yield event

    @property
    def problem(self) -> str:
        """What could not be read, after all events; empty for a whole file."""
        end = self._announced_end
        lost = self._packets - self._decoded
        if not self._is_damaged and lost <= 0 and (not end or self._end + self._slack >= end):
            return ""
        whole = max(self.expected or 0, self._packets)
        of = f" of about {whole:,}" if whole > self._decoded else ""
        return (
            f"{self.path}: the video is damaged or incomplete: "
            f"{plural(self._decoded, 'frame')}{of} could be read"
        )

    @property
    def _slack(self) -> Fraction:
        return max(_SLACK, 3 / self.rate)

    def _announce(self) -> Fraction | None:
        """Return the time at which the frames end by what the file says, in seconds."""
        video, start = self._video, self._video.start_time or 0
        if self._container.format.name == "avi" and video.frames:
            return video.frames / self.rate  # its duration is that of what is there
        if video.duration:
            return (start + video.duration) * self.time_base
        return _seconds(video.metadata.get("DURATION", ""))  # of Matroska

    def _read(self) -> Iterator[Frame | Sound]:
        from av.error import FFmpegError  # noqa: PLC0415

        try:
            for packet in self._container.demux([self._video, *self.sounds]):
                if self._start is None and packet.pts is not None:
                    self._start = packet.pts * packet.time_base
                if packet.stream is not self._video:
                    if packet.dts is not None:
                        yield Sound(self._shifted(packet), packet.stream_index)
                    continue
                self._packets += bool(packet.size) and not packet.is_discard
                try:
                    frames = packet.decode()
                except FFmpegError:
                    self._is_damaged = True
                    continue
                yield from map(self._frame, frames)
        except FFmpegError:  # the file ends where it should not, or its disk fails
            self._is_damaged = True

    def _frame(self, frame: Any) -> Frame:
        self._decoded += 1
        self._is_damaged |= frame.is_corrupt
        step = round(1 / (self.rate * self.time_base))
        pts = frame.pts
        if pts is None:
            pts = 0 if self._last is None else self._last + step
        if self._last is not None:
            pts = max(pts, self._last + 1)
        self._last = pts
        self._end = (pts + (frame.duration or step)) * self.time_base
        pixels, matrix = pixels_of(frame, self._channels), orientation_of(frame)
        self._is_turned = matrix is not None and swaps_axes(matrix)
        return Frame(upright(pixels, matrix), pts - round((self._start or 0) / self.time_base))

    def _shifted(self, packet: Packet) -> Packet:
        """Return a packet with times that count from the beginning of the file."""
        shift = round((self._start or 0) / packet.time_base)
        packet.dts = (packet.dts or 0) - shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        return packet


@contextmanager
def open_clip(path: Path, channels: int = 3) -> Iterator[Clip]:
    """Open a video; its frames have 3 channels, red, green and blue, or 1, gray.

    Raises: ImageError with the name of the file, if it is not a video or has no frame;
    MissingPackage without the extra ``video``.
    """
    require_videos()
    from av import open as open_file  # noqa: PLC0415
    from av.error import FFmpegError  # noqa: PLC0415

    if not path.is_file():
        raise ImageError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    if not path.stat().st_size:
        raise ImageError(f"{path}: the file is empty")
    try:
        # A playlist in disguise opens nothing on the network.
        container = open_file(
            str(path.resolve()),
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError) as error:
        text = "not a video, or its beginning or end is missing"
        raise ImageError(f"{path}: {text} ({_reason(error)})") from error
    with container:
        if not container.streams.video:
            raise ImageError(f"{path}: the file has no video")
        if container.streams.video[0].codec_context is None:
            raise ImageError(f"{path}: PyAV has no decoder for this video")
        yield Clip(container, path, channels)


def comment(path: Path) -> str:
    """Return the comment of a video; empty without one, or without the extra ``video``."""
    try:
        import av  # noqa: PLC0415 - an extra

        with av.open(str(path.resolve()), options={"protocol_whitelist": "file"}) as container:
            return container.metadata.get("comment", "")
    except Exception:  # noqa: BLE001 - the reader of the file reports what is wrong with it
        return ""


def _seconds(duration: str) -> Fraction | None:
    """Return the seconds of a duration ``h:mm:ss.fff``; None for other texts."""
    try:
        hours, minutes, seconds = duration.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
