"""Predictions of videos: each frame as an image, with the times, the size and the sound."""

from __future__ import annotations

import re
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.data import video_files, videos
from pluxel.core.data.images import image_files
from pluxel.core.data.results import WRITTEN_BY
from pluxel.core.data.videos import Frame, comment, open_clip
from pluxel.core.engine.inference.choosing import find_images, output_names
from pluxel.core.engine.inference.clips import check_videos
from pluxel.core.engine.inference.saving import SavedFiles, predict_files
from pluxel.registry import MissingPackage, PluxelError

from ....browser import Pages
from ...clips import blocks, read_clip, write_clip
from .nets import pipeline


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


def test_each_frame_is_predicted_as_an_image(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", blocks(5))
    assert predict_files(net, [path], tmp_path / "out", ["index", "color", "overlay"]).failed == []
    with open_clip(path) as clip:
        frames = [event.pixels for event in clip.events() if isinstance(event, Frame)]
    shown, _ = read_clip(tmp_path / "out/overlay/clip.mp4")
    assert len(shown) == len(frames) == 5
    for number, pixels in enumerate(frames):
        found = net.predict(pixels)["semantic"]
        ids = np.array(Image.open(tmp_path / f"out/index/clip/{number:06}.png"))
        assert np.array_equal(ids, found.mask)
        colors = np.array(Image.open(tmp_path / f"out/color/clip/{number:06}.png"))
        assert np.array_equal(colors, found.color)
        difference = shown[number].astype(int) - found.overlay(pixels)
        assert np.abs(difference).mean() < 12  # colors of 2×2 pixels are stored together
        assert abs(difference.mean()) < 1.5
    assert len([*(tmp_path / "out/index/clip").iterdir()]) == 5


@pytest.mark.parametrize(("height", "width", "layout"), [(47, 63, "yuv444p"), (48, 64, "yuv420p")])
def test_the_size_is_kept(
    net: Pipeline, tmp_path: Path, height: int, width: int, layout: str, caplog
) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(2, height, width))
    predict_files(net, [path], tmp_path / "out", ["overlay"])
    with av.open(str(tmp_path / "out/overlay/a.mp4")) as file:
        context = file.streams.video[0].codec_context
        assert (context.height, context.width, context.pix_fmt) == (height, width, layout)
    assert ("a.mp4: the height or width is odd" in caplog.text) == (layout == "yuv444p")


def test_times_are_kept(net: Pipeline, tmp_path: Path) -> None:
    times = [0, 40, 200, 240, 1000, 1040]
    path = write_clip(tmp_path / "a.mkv", blocks(6), times=times)
    predict_files(net, [path], tmp_path / "out", ["overlay"])
    assert read_clip(tmp_path / "out/overlay/a.mp4")[1] == [Fraction(one, 1000) for one in times]


def sound(path: Path) -> tuple[str, np.ndarray, list[bytes]]:
    """Return the codec, the samples, and the packets of the sound of a video."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        packets = [bytes(packet) for packet in file.demux(stream) if packet.size]
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        samples = [frame.to_ndarray()[0].astype(float) for frame in file.decode(stream)]
        return stream.codec_context.codec.canonical_name, np.concatenate(samples), packets


def test_sound_is_copied(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", blocks(25), sound="aac")
    two = pipeline(heads=("roof", "road"))
    predict_files(two, [path], tmp_path / "out", ["overlay"])
    for head in ("roof", "road"):
        assert sound(tmp_path / f"out/{head}/overlay/a.mp4")[2] == sound(path)[2]


def test_other_sound_is_encoded(tmp_path: Path) -> None:
    """For several heads, too: each gets all of it."""
    path = write_clip(
        tmp_path / "a.avi", blocks(25), codec="mpeg4", pixels="yuv420p", sound="pcm_s16le"
    )
    predict_files(pipeline(heads=("roof", "road")), [path], tmp_path / "out", ["overlay"])
    for head in ("roof", "road"):
        codec, samples, _ = sound(tmp_path / f"out/{head}/overlay/a.mp4")
        assert codec == "aac"
        assert len(samples) == pytest.approx(48_000, abs=2048)
        spectrum = np.abs(np.fft.rfft(samples[4800:28_800]))
        assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)


def test_a_turned_video_is_upright(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(2), rotation=90)
    predict_files(net, [path], tmp_path / "out", ["overlay"])
    with av.open(str(tmp_path / "out/overlay/a.mp4")) as file:
        frame = next(file.decode(video=0))
        assert (frame.height, frame.width, frame.rotation) == (64, 48, 0)


def test_clips_images_and_folders_mix(net: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "clip").mkdir(parents=True)
    Image.fromarray(blocks(1)[0]).save(folder / "clip/000000.png")
    Image.fromarray(blocks(1)[0]).save(folder / "photo.png")
    write_clip(folder / "clip.mp4", blocks(2))
    other = write_clip(tmp_path / "other.mov", blocks(3))
    out = tmp_path / "out"
    assert predict_files(net, [folder, other], out, ["index", "overlay"]).failed == []
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {
        "index.html",
        *(
            f"index/{name}.png"
            for name in ("photo", "clip/000000", "clip-2/000000", "clip-2/000001")
        ),
        *(f"index/other/{number:06}.png" for number in range(3)),
        *(
            f"overlay/{name}"
            for name in ("photo.png", "clip/000000.png", "clip-2.mp4", "other.mp4")
        ),
        *(f"thumbnails/{name}.jpg" for name in ("photo", "clip/000000", "clip-2", "other")),
    }


def test_names_of_videos_differ_from_folders_and_images() -> None:
    given = ["clip.mp4", "clip.png", "deep/clip.mp4", "deep/clip/a.png"]
    names = output_names([(Path("in", name), Path(name)) for name in given])
    assert [name.as_posix() for name in names.values()] == [
        "clip.mp4", "clip.png", "deep/clip-2", "deep/clip/a",
    ]  # fmt: skip


def test_own_videos_are_left_out(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", blocks(2))
    for _ in range(2):
        predict_files(net, [tmp_path], tmp_path, ["index", "overlay"], overwrite=True)
    assert comment(tmp_path / "overlay/clip.mp4") == WRITTEN_BY
    assert [found for found, _ in find_images([tmp_path])] == [path]
    assert image_files(tmp_path) == []


def test_earlier_results_are_replaced_only_when_asked(net: Pipeline, tmp_path: Path) -> None:
    path, out = write_clip(tmp_path / "a.mp4", blocks(4)), tmp_path / "out"
    predict_files(net, [path], out, ["index"])
    write_clip(path, blocks(2))
    with pytest.raises(PluxelError, match=r"index/a already exists; --overwrite replaces it$"):
        predict_files(net, [path], out, ["index"])
    predict_files(net, [path], out, ["index"], overwrite=True)
    assert [one.name for one in sorted((out / "index/a").iterdir())] == ["000000.png", "000001.png"]
    (out / "index/a/notes.txt").touch()
    with pytest.raises(PluxelError, match=r"contains notes.txt; choose another --output$"):
        predict_files(net, [path], out, ["index"], overwrite=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, PluxelError])
def test_an_interrupted_video_leaves_nothing(
    tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, calls = pipeline(), []
    predict = net.predict_raw

    def stops(*arguments, **options):
        calls.append(1)
        if len(calls) == 5:
            raise error("stop")
        return predict(*arguments, **options)

    monkeypatch.setattr(net, "predict_raw", stops)
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "a.mp4", blocks(3))
    write_clip(folder / "b.mp4", blocks(3))
    with pytest.raises(error):
        predict_files(net, [folder], tmp_path / "out", ["index", "overlay"])
    left = {one.relative_to(tmp_path / "out").as_posix() for one in (tmp_path / "out").rglob("*")}
    assert left == {
        "index", "index/a", *(f"index/a/{number:06}.png" for number in range(3)),
        "overlay", "overlay/a.mp4", "thumbnails", "thumbnails/a.jpg", "index.html",
    }  # fmt: skip


def test_damaged_videos_keep_what_is_readable(net: Pipeline, tmp_path: Path, caplog) -> None:
    path = write_clip(tmp_path / "a.mkv", blocks(50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (tmp_path / "b.mp4").write_text("no video")
    given = [path, tmp_path / "b.mp4"]
    assert predict_files(net, given, tmp_path / "out", ["overlay"]) == SavedFiles([path], given)
    shown, _ = read_clip(tmp_path / "out/overlay/a.mp4")
    assert (
        f"{len(shown)} frames of about 50 could be read; the results contain these" in caplog.text
    )
    assert "skipped: " in caplog.text
    with pytest.raises(PluxelError, match="damaged or incomplete"):
        predict_files(net, [path], tmp_path / "no", ["overlay"], stop_on_error=True)
    assert [one for one in (tmp_path / "no").rglob("*") if one.is_file()] == []


def test_probabilities_of_videos_are_refused_before_any_work(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(1))
    message = (
        f"{path}: --save prob would fill the disk with the frames of a video; use --save index, "
        "or save single frames as images"
    )
    with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
        predict_files(net, [path], tmp_path / "out", ["index", "prob"])
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_before_any_work(
    net: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(1))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    monkeypatch.setattr(videos, "require_videos", videos.require_videos)
    with pytest.raises(
        MissingPackage, match=r"^reading videos needs av, which .*: pip install av$"
    ):
        predict_files(net, [path], tmp_path / "out", ["overlay"])
    assert not (tmp_path / "out").exists()


def test_a_missing_encoder_is_named(
    net: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_files, "_CODEC", "libnone")
    path = write_clip(tmp_path / "a.mp4", blocks(1))
    with pytest.raises(
        PluxelError, match=r"^this build of PyAV cannot write H.264, for lack of lib"
    ):
        predict_files(net, [path], tmp_path / "out", ["overlay"])


def test_several_inputs_have_no_video(tmp_path: Path) -> None:
    from pluxel.core.engine.inference.choosing import choose_files  # noqa: PLC0415

    path = write_clip(tmp_path / "a.mp4", blocks(1))
    for given in ([path], {"image": path, "hha": path}):
        with pytest.raises(
            PluxelError, match=r"a.mp4: a model that reads image, hha has no frames"
        ):
            choose_files(given, ["image", "hha"])


def test_few_frames_are_in_memory(net: Pipeline, tmp_path: Path, monkeypatch) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0
    predict = net.predict_raw

    def noted(arrays, **options):
        nonlocal most
        alive.append(weakref.ref(arrays["image"]))
        most = max(most, sum(one() is not None for one in alive))
        return predict(arrays, **options)

    monkeypatch.setattr(net, "predict_raw", noted)
    path = write_clip(tmp_path / "a.mp4", blocks(60))
    predict_files(net, [path], tmp_path / "out", ["overlay"])
    assert len(alive) == 60
    assert most <= 3


@pytest.mark.browser
@pytest.mark.peers
@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63)])
def test_a_browser_plays_the_video(
    net: Pipeline, tmp_path: Path, pages: Pages, height: int, width: int
) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(10, height, width), sound="aac")
    predict_files(net, [path], tmp_path / "out", ["overlay"])
    page = pages.open(tmp_path / "out/overlay/a.mp4")
    page.wait_for_function("() => document.querySelector('video').readyState == 4")
    shown = page.evaluate(
        "(v => [v.videoHeight, v.videoWidth, v.duration])(document.querySelector('video'))"
    )
    assert shown[:2] == [height, width]
    assert shown[2] == pytest.approx(0.4, abs=0.05)


def test_inputs_that_the_model_does_not_read_do_not_matter(net: Pipeline, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", blocks(2))
    more = Pipeline(net.model, net.spaces, {"image": 3, "depth": 1})
    assert predict_files(more, [path], tmp_path / "out", ["index"]).failed == []
    assert len([*(tmp_path / "out/index/a").iterdir()]) == 2


@pytest.mark.parametrize(
    ("channels", "spec", "what"),
    [(1, InputSpec(kind="depth"), "kind: depth"), (4, InputSpec(), "4 channels")],
)
def test_models_of_other_values_read_no_videos(channels: int, spec: InputSpec, what: str) -> None:
    message = f"^a.mp4: a video has colors, but the model reads {what}$"
    with pytest.raises(PluxelError, match=message):
        check_videos([Path("a.mp4")], [], channels, spec)
