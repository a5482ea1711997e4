"""Answers of the server: masks as `pluxel predict` writes them, and clear refusals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.contracts.inputs import InputSpec
from pluxel.core.engine.app import results
from pluxel.core.engine.app.results import ResultError, check_pipeline, segment
from pluxel.core.engine.inference.saving import predict_files
from pluxel.registry import PluxelError
from torch import nn

from ..inference.nets import image, pipeline
from .conftest import Server, encoded, serving


def opened(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content)))


def test_the_mask_is_the_file_of_predict(
    server: Server, net: Pipeline, photo: np.ndarray, tmp_path: Path
) -> None:
    content = encoded(photo)
    status, found = server.upload(content, "a.png")
    assert status == 200
    assert (found["height"], found["width"]) == (60, 90)
    (tmp_path / "a.png").write_bytes(content)
    predict_files(net, [tmp_path / "a.png"], tmp_path / "out", ["index"])
    mask = server.ask(f"/results/{found['id']}/mask-0.png")[1]
    assert mask == (tmp_path / "out/index/a.png").read_bytes()
    assert np.array_equal(opened(server.ask(f"/results/{found['id']}/photo.png")[1]), photo)
    expected = net.predict(photo, probabilities=True)["semantic"]
    colors = opened(server.ask(f"/results/{found['id']}/colors-0.png")[1])
    assert np.array_equal(colors[..., :3], expected.color)
    assert (colors[..., 3] == 255).all()
    (head,) = found["heads"]
    assert [one["name"] for one in head["classes"]] == ["sea", "land", "cloud"]
    fractions = [(expected.classes == index).mean() for index in range(3)]
    assert [one["fraction"] for one in head["classes"]] == pytest.approx(fractions)
    for row, column in ((0, 0), (59, 89), (30, 7)):
        _, answer, _ = server.ask(f"/results/{found['id']}/pixel/{row}/{column}")
        assert expected.probabilities is not None
        assert answer == {
            "heads": [
                {
                    "class": expected.classes[row, column],
                    "probabilities": pytest.approx(expected.probabilities[:, row, column].tolist()),
                }
            ]
        }


def test_large_photographs_are_segmented_in_tiles(
    net: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = image(300, 500)
    whole = net.predict(pixels, tile="off")["semantic"]
    monkeypatch.setattr("pluxel.core.engine.inference.pipeline.LARGE", 10_000)
    monkeypatch.setattr("pluxel.core.engine.inference.pipeline.TILE", 256)
    monkeypatch.setattr(results, "SHOWN", 200)
    with serving({"first": net}, tmp_path, disk_limit=3_000_000) as server:
        status, found = server.upload(encoded(pixels), "a.png")
        assert status == 200
        mask = opened(server.ask(f"/results/{found['id']}/mask-0.png")[1])
        assert (mask == whole.mask).mean() > 0.999  # equal up to rounding
        for name in ("photo.png", "colors-0.png"):
            shown = opened(server.ask(f"/results/{found['id']}/{name}")[1])
            assert shown.shape[:2] == (120, 200)
        answer = server.ask(f"/results/{found['id']}/pixel/299/499")[1]
        assert answer["heads"][0]["probabilities"] is None
        assert answer["heads"][0]["class"] in (0, 1, 2)


def test_photographs_of_all_kinds_are_read(server: Server, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    alpha = np.dstack([photo, np.full((60, 90), 128, np.uint8)])
    kinds = {
        "gray.png": encoded(photo[..., 0]),
        "alpha.png": encoded(alpha),
        "deep.png": encoded(photo[..., 0].astype(np.uint16) * 257),
        "print.jpg": encoded(Image.fromarray(alpha, "CMYK"), "JPEG"),
        "palette.gif": encoded(photo, "GIF"),
        "photo.webp": encoded(photo, "WEBP"),
        "turned.jpg": encoded(photo, "JPEG", exif=exif),
        "no suffix": encoded(photo),
        "wrong.jpg": encoded(photo),
    }
    for name, content in kinds.items():
        status, found = server.upload(content, name)
        assert status == 200, found
        size = (90, 60) if name == "turned.jpg" else (60, 90)
        assert (found["height"], found["width"]) == size, name
        assert opened(server.ask(f"/results/{found['id']}/mask-0.png")[1]).shape == size


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"", "a.png: the file is empty"),
        ("a.png", b"no image", "a.png: not an image, but a text file that begins with"),
        ("../../etc/x.png", b"no image", "x.png: not an image, but a text file that begins with"),
        ("", b"no image", "photo: not an image, but a text file that begins with"),
        ("<b>.png", encoded(image(40, 40))[:900], "<b>.png: cannot be read"),
    ],
)
def test_other_files_are_refused(server: Server, name: str, content: bytes, message: str) -> None:
    status, found = server.upload(content, name)
    assert status == 422
    assert found["error"].startswith(message)
    assert [*server.folder.iterdir()] == []


def test_a_bomb_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(np.zeros((20_000, 20_000), np.uint8), optimize=False)
    assert len(content) < 1_000_000
    status, found = server.upload(content, "bomb.png")
    assert status == 422
    assert "bomb.png" in found["error"]
    assert "pixels" in found["error"]


def test_uploads_are_limited(net: Pipeline, tmp_path: Path) -> None:
    with serving({"first": net}, tmp_path, upload_limit=1000) as server:
        status, found = server.upload(bytes(1001), "a.png")
        assert status == 413
        assert found["error"] == "a.png: exceeds the limit of 1 kB; --upload-limit raises it"
        assert [*tmp_path.iterdir()] == []


def test_strangers_are_refused(server: Server) -> None:
    status, text, _ = server.ask("/", host="evil.example")
    assert (status, b"evil.example" in text) == (421, True)
    assert server.ask("/predict/0", b"x", origin="https://evil.example")[0] == 403
    assert server.ask("/", host=f"localhost:{server.port}")[0] == 200


def test_what_does_not_exist_is_refused(server: Server, photo: np.ndarray) -> None:
    _, found = server.upload(encoded(photo), "a.png")
    kept = f"/results/{found['id']}"
    assert server.ask("/predict/7", b"x")[0] == 404
    for path in (f"{kept}/about.json", f"{kept}/..%2Fx", "/results/0/photo.png", "/etc/passwd"):
        assert server.ask(path)[0] in (404, 422), path
    for row, column in ((60, 0), (0, 90)):
        status, answer, _ = server.ask(f"{kept}/pixel/{row}/{column}")
        assert (status, answer) == (422, {"error": "the pixel is not in the image"})


def test_the_page_may_load_nothing_from_elsewhere(server: Server) -> None:
    _, page, headers = server.ask("/")
    assert b"default-src &#39;none&#39;" in page
    assert b"connect-src &#39;self&#39;" in page
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_each_head_has_its_files(tmp_path: Path, photo: np.ndarray) -> None:
    with serving({"both": pipeline(heads=("roof", "road"))}, tmp_path) as server:
        _, found = server.upload(encoded(photo), "a.png")
        assert [head["name"] for head in found["heads"]] == ["roof", "road"]
        for number in (0, 1):
            assert server.ask(f"/results/{found['id']}/mask-{number}.png")[0] == 200
        assert server.ask(f"/results/{found['id']}/mask-2.png")[0] == 422


def reading(*names: str) -> Any:
    """Return a model of inputs with these names."""
    model = nn.Module()
    model.input_names = names  # pyright: ignore[reportAttributeAccessIssue]
    return model


def test_models_of_other_inputs_are_refused(net: Pipeline) -> None:
    check_pipeline(net, Path("runs/a"))
    check_pipeline(Pipeline(net.model, net.spaces, {"image": 3, "depth": 1}), Path("runs/a"))
    two = Pipeline(reading("image", "hha"), net.spaces, {"image": 3, "hha": 3})
    message = r"^runs/a: the app reads one photograph, but the model reads image, hha; use pluxel "
    with pytest.raises(PluxelError, match=message + "predict runs/a image=PATH hha=PATH$"):
        check_pipeline(two, Path("runs/a"))
    depth = Pipeline(
        reading("depth"), net.spaces, {"depth": 1}, inputs={"depth": InputSpec(kind="depth")}
    )
    message = r"^runs/a: the app reads photographs, but the model reads 'depth': kind: depth; use"
    with pytest.raises(PluxelError, match=message):
        check_pipeline(depth, Path("runs/a"))
    bands = Pipeline(net.model, net.spaces, {"image": 7})
    with pytest.raises(PluxelError, match=r"reads 'image': 7 channels; use"):
        check_pipeline(bands, Path("runs/a"))


def test_stopped_work_ends_after_a_tile(
    net: Pipeline, tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(encoded(photo))
    with pytest.raises(ResultError, match="^the work was stopped$"):
        segment(net, tmp_path / "a.png", tmp_path, most_probabilities=0, is_stopped=lambda: True)
    assert not (tmp_path / "mask-0.png").exists()
