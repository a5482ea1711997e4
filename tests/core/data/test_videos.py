"""Videos are read as players show them: upright, in their colors, with their times."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from pluxel.core.data import videos
from pluxel.core.data.pixels import ImageError
from pluxel.core.data.videos import Clip, Frame, Sound, comment, is_video, open_clip

from ..clips import blocks, write_clip

COLOR = np.broadcast_to(np.array([200, 30, 60], np.uint8), (48, 64, 3))


def frames(path: Path, channels: int = 3) -> tuple[Clip, list[Frame]]:
    with open_clip(path, channels) as clip:
        return clip, [event for event in clip.events() if isinstance(event, Frame)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts"])
def test_frames_are_those_of_the_file(tmp_path: Path, name: str) -> None:
    wanted = blocks(12)
    clip, found = frames(write_clip(tmp_path / name, wanted))
    assert clip.problem == ""
    assert clip.size == (48, 64)
    assert len(found) == 12
    for frame, original in zip(found, wanted, strict=True):
        assert frame.pixels.dtype == np.uint8
        assert np.abs(frame.pixels.astype(int) - original).max() <= 4


def test_times_are_kept_and_count_from_the_beginning(tmp_path: Path) -> None:
    times = [0, 40, 200, 240, 1000, 1040]
    clip, found = frames(write_clip(tmp_path / "a.mkv", blocks(6), times=times))
    assert [frame.pts * clip.time_base * 1000 for frame in found] == times
    later = write_clip(tmp_path / "b.mkv", blocks(6), times=[7_200_000 + one for one in times])
    clip, found = frames(later)
    assert [frame.pts * clip.time_base * 1000 for frame in found] == times
    assert clip.problem == ""


@pytest.mark.parametrize(
    ("matrix", "tagged", "height"),
    [
        (Colorspace.ITU601, True, 48),
        (Colorspace.ITU709, True, 48),
        (Colorspace.ITU601, False, 48),
        (Colorspace.ITU709, False, 720),
    ],
)
def test_colors_follow_the_matrix_of_the_file(
    tmp_path: Path, matrix: Colorspace, tagged: bool, height: int
) -> None:
    """Without one, it is BT.709 for HD, and BT.601 below, as in players."""
    color = np.broadcast_to(COLOR[0, 0], (height, 64, 3))
    path = write_clip(tmp_path / "a.mp4", [color], matrix=matrix, tagged=tagged)
    _, (frame,) = frames(path)
    assert np.abs(frame.pixels.astype(int) - color).max() <= 3


def test_more_than_eight_bits_are_kept(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [COLOR], pixels="yuv444p10le")
    _, (frame,) = frames(path)
    assert frame.pixels.dtype == np.uint16
    assert np.abs(frame.pixels / 257 - COLOR).max() < 1.5
    _, (gray,) = frames(path, 1)
    assert gray.pixels.shape == (48, 64, 1)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright(tmp_path: Path, rotation: int) -> None:
    (picture,) = blocks(1)
    path = write_clip(tmp_path / "a.mp4", [picture], rotation=rotation)
    clip, (frame,) = frames(path)
    wanted = np.rot90(picture, rotation // 90)
    assert clip.size == wanted.shape[:2]
    assert np.abs(frame.pixels.astype(int) - wanted).max() <= 4


@pytest.mark.parametrize("flip", ["hflip", "vflip"])
def test_mirrored_frames_are_mirrored_back(tmp_path: Path, flip: str) -> None:
    (picture,) = blocks(1)
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"qp": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv444p"
        video.set_display_rotation(90, **{flip: True})
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        file.mux([*video.encode(frame), *video.encode(None)])
    _, (shown,) = frames(path)
    turned = np.rot90(picture)
    wanted = turned[:, ::-1] if flip == "hflip" else turned[::-1]
    assert np.abs(shown.pixels.astype(int) - wanted).max() <= 4


def test_sound_comes_between_the_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(50), sound="aac")
    with open_clip(path) as clip:
        events = [*clip.events()]
        kinds = [isinstance(event, Sound) for event in events]
    assert sum(kinds) > 50
    assert any(kinds[: len(kinds) // 2])
    assert any(kinds[len(kinds) // 2 :])


def test_sound_before_the_first_frame_is_held_up_to_a_limit(tmp_path: Path, monkeypatch) -> None:
    path = write_clip(tmp_path / "a.mkv", blocks(2), times=[4000, 4040], sound="pcm_s16le")
    with open_clip(path) as clip:
        events = [*clip.events()]
    first = next(at for at, event in enumerate(events) if isinstance(event, Frame))
    held = sum(event.packet.size for event in events[:first] if isinstance(event, Sound))
    assert held > 5000
    monkeypatch.setattr(videos, "MOST_EARLY_SOUND", held)
    with open_clip(path) as clip:
        assert len([*clip.events()]) == len(events)
    monkeypatch.setattr(videos, "MOST_EARLY_SOUND", held - 1)
    with pytest.raises(ImageError, match=r"kB of sound come before the first frame$"):
        frames(path)


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_truncated_video_says_so(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    pixels = "yuv420p" if name == "a.avi" else "yuv444p"
    path = write_clip(
        tmp_path / name,
        blocks(50),
        codec=codec,
        pixels=pixels,
        container={"movflags": "faststart"} if name == "a.mp4" else {},
    )
    assert frames(path)[0].problem == ""
    clip, found = frames(cut(path, 0.6))
    assert 5 < len(found) < 45
    assert clip.problem == (
        f"{path}: the video is damaged or incomplete: {len(found)} frames of about 50 could be read"
    )


def test_a_damaged_video_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", blocks(50), options={"qp": "0", "g": "5"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    clip, found = frames(path)
    assert 10 < len(found) < 50
    assert clip.problem.startswith(f"{path}: the video is damaged or incomplete: {len(found)} ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"no video at all\n" * 99, "not a video, or its beginning or end is missing (Invalid"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=re.escape(f"{path}: {message}")), open_clip(path):
        pass


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    path = cut(write_clip(tmp_path / "a.mp4", blocks(20)), 0.7)
    with pytest.raises(ImageError, match=r"a.mp4: not a video, or its beginning or end"):
        frames(path)


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        audio = file.add_stream("aac", rate=48_000)
        audio.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        silence.sample_rate = 48_000
        file.mux([*audio.encode(silence), *audio.encode(None)])
    with pytest.raises(ImageError, match=r"a.mp4: the file has no video$"):
        frames(path)


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", blocks(3))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75")])  # before the first cluster
    with pytest.raises(ImageError, match=r"a.mkv: (the video has no frame|not a video)"):
        frames(path)


def test_frames_of_several_sizes_are_refused(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "a.ts", blocks(5), options={"qp": "0", "bf": "0"})
    large = write_clip(tmp_path / "b.ts", blocks(5, 64, 80), options={"qp": "0", "bf": "0"})
    small.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(ImageError, match=r"is 64×80, but those before are 48×64 \(height × width"):
        frames(small)


def test_names_of_videos() -> None:
    assert is_video(Path("a.MP4"))
    assert not is_video(Path("a.png"))


def test_a_comment_is_read(tmp_path: Path) -> None:
    assert comment(write_clip(tmp_path / "a.mp4", blocks(1))) == ""
    assert comment(tmp_path / "none.mp4") == ""
