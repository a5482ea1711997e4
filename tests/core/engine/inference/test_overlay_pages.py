"""The page of overlays: what it tells, that it links and escapes, and what it replaces."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2.utils import htmlsafe_json_dumps
from PIL import Image
from pluxel.core import Pipeline
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.images import image_files
from pluxel.core.engine.inference.overlay_pages import OverlayPage
from pluxel.core.engine.inference.overlay_summary import OverlaySummary
from pluxel.core.engine.inference.prediction import Prediction
from pluxel.core.engine.inference.saving import predict_files
from pluxel.core.geometry.regions import Region
from pluxel.registry import PluxelError

from ....browser import Pages
from ...clips import blocks, write_clip
from .nets import image, pipeline

ATTACK = "\"><script>document.title='attacked'<／script><img src=x onerror=alert(1)>'😀道路 %41#?"
"""A name of a file, which cannot contain a slash; that of a class may."""


@pytest.fixture(scope="module")
def net() -> Pipeline:
    return pipeline()


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def data(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def test_a_page_tells_of_each_image(net: Pipeline, tmp_path: Path) -> None:
    save(tmp_path / "in/a.png", image(40, 60))
    save(tmp_path / "in/deep/b.png", image(500, 300))
    write_clip(tmp_path / "in/c.mp4", blocks(3))
    predict_files(net, [tmp_path / "in"], tmp_path / "out", ["overlay", "index"])
    content = data(tmp_path / "out/index.html")
    assert [one["name"] for one in content["classes"]] == ["sea", "land", "cloud"]
    a, c, b = content["images"]
    assert (a["name"], a["size"], a["frames"], a["confidence"]) == ("a", [40, 60], None, None)
    assert (b["name"], b["size"], b["href"]) == ("deep/b", [500, 300], "./overlay/deep/b.png")
    assert (c["name"], c["size"], c["frames"]) == ("c", [48, 64], 3)
    for one in (a, b, c):
        assert (tmp_path / "out" / one["href"]).is_file()
        assert sum(one["fractions"].values()) == pytest.approx(1, abs=1e-5)
    ids = np.array(Image.open(tmp_path / "out/index/deep/b.png"))
    for index, raw in enumerate((7, 300, 9)):
        assert b["fractions"].get(str(index), 0) == pytest.approx((ids == raw).mean(), abs=1e-6)
    assert Image.open(tmp_path / "out" / b["image"]).size == (144, 240)
    assert image_files(tmp_path / "out") == []


def test_confidence_is_the_mean_of_the_highest_probability(net: Pipeline, tmp_path: Path) -> None:
    photos = [
        save(tmp_path / f"{name}.png", image(40, 60)[::step])
        for name, step in zip("ab", (1, -1), strict=True)
    ]
    predict_files(net, photos, tmp_path / "out", ["overlay", "prob"])
    for one in data(tmp_path / "out/index.html")["images"]:
        shares = np.load(tmp_path / f"out/prob/{one['name']}.npz")["probabilities"]
        assert one["confidence"] == pytest.approx(shares.max(0).mean(), abs=1e-3)


def test_tiles_give_the_same_shares_and_thumbnail() -> None:
    space = LabelSpace(LabelMap({0: "a", 1: "b"}))
    classes = (np.arange(700)[:, None] + np.arange(500) > 600).astype(np.uint8)
    colors = np.repeat(classes[..., None] * np.uint8(200), 3, 2)
    whole, tiled = OverlaySummary(space, (700, 500)), OverlaySummary(space, (700, 500))
    whole.add(Region(range(700), range(500)), Prediction(space, classes), colors)
    for top in range(0, 700, 256):
        for left in range(0, 500, 256):
            part = Region(range(top, min(top + 256, 700)), range(left, min(left + 256, 500)))
            tiled.add(part, Prediction(space, classes[part.slices]), colors[part.slices])
    assert tiled.fractions() == whole.fractions()
    assert tiled.thumbnail.shape == whole.thumbnail.shape == (240, 171, 3)
    assert np.abs(tiled.thumbnail.astype(int) - whole.thumbnail).mean() < 2


def test_one_image_has_no_page(net: Pipeline, tmp_path: Path) -> None:
    predict_files(net, [save(tmp_path / "a.png", image(20, 20))], tmp_path / "out", ["overlay"])
    assert not (tmp_path / "out/index.html").exists()
    save(tmp_path / "in/a.png", image(20, 20))
    predict_files(net, [tmp_path / "in"], tmp_path / "masks", ["index"])
    assert not (tmp_path / "masks/index.html").exists()


def test_each_head_has_a_page(tmp_path: Path) -> None:
    save(tmp_path / "in/a.png", image(20, 20))
    predict_files(
        pipeline(heads=("roof", "road")), [tmp_path / "in"], tmp_path / "out", ["overlay"]
    )
    for head in ("roof", "road"):
        assert "<h1>Overlays: " + head in (tmp_path / f"out/{head}/index.html").read_text("utf-8")


def test_a_later_call_adds_to_the_page(net: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("a", "b", "c"):
        save(tmp_path / name / f"{name}.png", image(20, 20))
        predict_files(net, [tmp_path / name], out, ["overlay"])
        if name == "a":
            (out / "overlay/a.png").unlink()  # what is gone is in no page
    assert [one["name"] for one in data(out / "index.html")["images"]] == ["b", "c"]


def test_files_of_others_stay(net: Pipeline, tmp_path: Path) -> None:
    out = tmp_path / "out"
    save(tmp_path / "in/a.png", image(20, 20))
    out.mkdir()
    (out / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(PluxelError, match=r"out/index.html already exists; --overwrite replaces"):
        predict_files(net, [tmp_path / "in"], out, ["overlay"])
    assert [*out.iterdir()] == [out / "index.html"]
    predict_files(net, [tmp_path / "in"], out, ["overlay"], overwrite=True)
    assert len(data(out / "index.html")["images"]) == 1
    save(tmp_path / "other/thumbnails/a.jpg", image(20, 20))
    with pytest.raises(PluxelError, match=r"thumbnails/a.jpg already exists; --overwrite replaces"):
        predict_files(net, [tmp_path / "in"], tmp_path / "other", ["overlay"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"file": "overlay/a.png"', '"file": "overlay/../../a.png"'),
        ('"href": "./overlay/a.png"', '"href": "javascript:alert(1)"'),
        ('"image": "./thumbnails/a.jpg"', '"image": "file:///other.jpg"'),
        ('"size": [20, 20]', '"size": "20, 20"'),
        ('"fractions": {"', '"fractions": {"9": 0, "'),
        ('"fractions": {', '"fractions": {"0": 7}, "rest": {'),
        ('"confidence": null', '"confidence": 7'),
        ('"images": [', '"images": [7, '),
        ('"images": [', '"images": '),
    ],
)
def test_a_damaged_page_is_refused_and_overwritten(
    net: Pipeline, tmp_path: Path, caplog, old: str, new: str
) -> None:
    out = tmp_path / "out"
    for name in ("a", "b"):
        save(tmp_path / name / f"{name}.png", image(20, 20))
    predict_files(net, [tmp_path / "a"], out, ["overlay"])
    text = (out / "index.html").read_text("utf-8")
    assert old in text
    (out / "index.html").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(PluxelError, match=r"index\.html (is damaged|was changed).*--overwrite"):
        predict_files(net, [tmp_path / "b"], out, ["overlay"])
    assert not (out / "overlay/b.png").exists()
    predict_files(net, [tmp_path / "b"], out, ["overlay"], overwrite=True)
    assert [one["name"] for one in data(out / "index.html")["images"]] == ["b"]
    assert "its overlays are not in the new page" in caplog.text


def test_an_interrupted_run_has_a_page_of_what_is_done(
    net: Pipeline, tmp_path: Path, monkeypatch
) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"in/{name}.png", image(20, 20))
    predict, calls = net.predict_raw, []

    def stops(*arguments, **options):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return predict(*arguments, **options)

    monkeypatch.setattr(net, "predict_raw", stops)
    with pytest.raises(KeyboardInterrupt):
        predict_files(net, [tmp_path / "in"], tmp_path / "out", ["overlay"])
    assert [one["name"] for one in data(tmp_path / "out/index.html")["images"]] == ["a"]


def gallery(folder: Path, count: int, classes: int = 3) -> Path:
    """Write a page of many overlays, which have one picture."""
    names = [f"{ATTACK}</script>{index}" for index in range(classes)]
    space = LabelSpace(LabelMap(dict(enumerate(names))))
    found = OverlayPage(folder, ATTACK, space)
    random = np.random.default_rng(0)
    for number in range(count):
        summary = OverlaySummary(space, (30, 40))
        ids = random.integers(0, classes, (30, 40)).astype(space.dtype)
        ids[: number % 30] = number % classes
        summary.add(Region(range(30), range(40)), Prediction(space, ids), space.colorize(ids))
        if number < 100:
            save(folder / f"overlay/{ATTACK}{number:05}.png", summary.thumbnail)
        found.add(Path(f"{ATTACK}{number:05}"), ".png", summary)
    found.write()
    return found.page


@pytest.mark.browser
@pytest.mark.peers
@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_works_in_a_browser(pages: Pages, tmp_path: Path, width: int) -> None:
    page = pages.open(gallery(tmp_path, 70), width=width)
    assert page.title() == ATTACK
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#images > li").count() == 60
    page.wait_for_function("() => document.images[0].naturalWidth == 40")
    assert page.inner_text("#images > li >> nth=0").startswith(f"{ATTACK}00000\n30×40")
    page.get_by_role("button", name="Next").press("Enter")
    assert page.inner_text("#where") == "61–70 of 70"
    assert page.get_by_role("button", name="Next").is_disabled()
    page.fill("#filter", "00069")
    assert page.inner_text("#where") == "1–1 of 1"
    page.fill("#filter", "")
    page.select_option("#order", "2")
    first = page.locator("#images > li >> nth=0")
    assert first.locator("a").inner_text() == f"{ATTACK}00029"  # 29 rows of class 2
    page.fill("#filter", "00029")
    with page.expect_navigation():
        page.click("#images a")
    assert page.evaluate("document.images[0].naturalWidth") == 40


@pytest.mark.browser
@pytest.mark.peers
def test_ten_thousand_overlays_open(pages: Pages, tmp_path: Path) -> None:
    file = gallery(tmp_path, 20, 20)
    content = data(file)
    many = {**content, "images": content["images"] * 500}
    text = file.read_text("utf-8").replace(text_of(content), text_of(many))
    file.write_text(text, encoding="utf-8")
    page = pages.open(file)
    assert page.inner_text("#where") == "1–60 of 10000"
    assert page.evaluate("document.querySelectorAll('*').length") < 8_000
    page.select_option("#order", "3")
    assert page.inner_text("#where") == "1–60 of 10000"


def text_of(content: dict[str, Any]) -> str:
    return str(htmlsafe_json_dumps(content))
