"""Albums: pictures of a bounded size, and a page that filters, sorts and escapes names."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.engine.browsing.album import (
    Album,
    AlbumPair,
    AlbumSample,
    Thumb,
    album_page,
    mask_thumb,
    photo_thumb,
)

from ....browser import Pages
from ...pictures.test_page import ATTACK

if TYPE_CHECKING:
    from playwright.sync_api import Page

SPACE = LabelSpace(LabelMap({0: "sky", 1: "road", 2: ATTACK, 9: "ignore"}))
GRAY = np.full((30, 40, 3), 128, np.uint8)
MASK = np.zeros((30, 40), np.uint8)
MASK[:10], MASK[20:] = 2, 255


def picture(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def thumb() -> Thumb:
    return Thumb(photo_thumb(GRAY, 9999), {"semantic": mask_thumb(SPACE, MASK, 9999)})


def sample(index: int, pixels: dict[str, int], **options: object) -> AlbumSample:
    values = {
        "split": "train",
        "index": index,
        "name": f"sample {index}",
        "thumb": thumb(),
        "files": [f"photos/{index}.png"],
        "size": (30, 40 + index),
        "counts": {"semantic": pixels},
        "rarity": float(index),
    }
    return AlbumSample(**(values | options))


def album(*more: AlbumSample, **options: object) -> Album:
    samples = [
        sample(0, {"sky": 900, "ignore": 300}),
        sample(1, {"sky": 300, "road": 900}),
        sample(2, {"road": 1200}, findings=[("transparent", "masks/2.png")]),
        sample(3, {"sky": 1, "road": 1, ATTACK: 1198}, name=ATTACK, files=[ATTACK]),
        *more,
    ]
    images = {"semantic": {"sky": 3, "road": 3, ATTACK: 1}}
    values = {"spaces": {"semantic": SPACE}, "images": images}
    return Album("train", ATTACK, samples, **(values | options))


def pair(kind: str, *samples: AlbumSample) -> AlbumPair:
    return AlbumPair(kind, *samples, similarity=0.934, mirrored=True)


def data(page: str) -> dict:
    return json.loads(re.findall(r'id="data">(.*)</script>', page)[0])


def test_a_mask_has_the_colors_of_classes_and_stripes() -> None:
    drawn = picture(mask_thumb(SPACE, MASK, 9999))
    assert drawn[0, 0].tolist() == SPACE.palette[2].tolist()
    assert drawn[15, 0].tolist() == SPACE.palette[0].tolist()
    assert {tuple(color) for color in drawn[20:].reshape(-1, 3).tolist()} == {
        (205,) * 3,
        (120,) * 3,
    }


@pytest.mark.parametrize("count", [1, 150, 254, 255, 300])
def test_any_number_of_classes_has_a_mask(count: int) -> None:
    space = LabelSpace(LabelMap({index: f"class {index}" for index in range(count)}))
    classes = np.array([[0, count - 1, space.ignore_index]], space.dtype)
    drawn = picture(mask_thumb(space, classes, 9999))
    assert drawn[0, :2].tolist() == space.palette[[0, count - 1]].tolist()
    assert drawn[0, 2, 0] in (205, 120)


@pytest.mark.parametrize(("limit", "side"), [(20_000, 112), (3000, 56), (900, 28)])
def test_pictures_have_at_most_as_many_bytes_as_asked(limit: int, side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    photo, mask = photo_thumb(noise, limit), mask_thumb(SPACE, noise[..., 0] % 3, limit)
    assert len(photo) <= limit
    assert len(mask) <= limit
    assert picture(photo).shape == picture(mask).shape == (side, side, 3)


def test_a_page_contains_names_as_values_only() -> None:
    page = album_page(album(pairs=[pair("duplicate", sample(0, {}), sample(3, {}, split="val"))]))
    assert page.count("<script") == page.count("</script>") == 3
    assert "<img src=x" not in page
    values = data(page)
    assert values["samples"][3]["name"].startswith(ATTACK[:200])
    assert len(values["samples"][3]["name"]) == 300
    assert values["samples"][3]["fractions"] == [[[2, 0.998], [0, 0.000833], [1, 0.000833]]]
    assert values["samples"][0]["fractions"] == [[[0, 0.75], [-1, 0.25]]]
    assert values["shown"] == 4
    assert values["pairs"][0]["of"] == [0, 4]


def test_a_sample_lists_few_of_many_findings() -> None:
    findings = [("stray id", f"{number} {'x' * 999}") for number in range(20)]
    one = data(album_page(album(sample(4, {}, findings=findings))))["samples"][4]
    assert [len(text) for _, text in one["findings"]] == [300] * 6 + [len("and 14 other findings")]
    assert one["findings"][-1] == ["stray id", "and 14 other findings"]
    assert one["kinds"] == ["stray id"]


def names(page: Page) -> list[str]:
    return page.locator("#tiles b").all_text_contents()


def numbers(page: Page) -> list[int]:
    """Return the samples that the page shows; the attack is number 3."""
    return [int(one[-1]) if one.startswith("sample") else 3 for one in names(page)]


def opened(pages: Pages, folder: Path, made: Album, **options: object) -> Page:
    file = folder / "browse.html"
    file.write_text(album_page(made), encoding="utf-8")
    return pages.open(file, **options)


@pytest.mark.browser
@pytest.mark.peers
class TestInChromium:
    @pytest.mark.parametrize("width", [400, 1280])
    def test_it_opens_and_fits(self, pages: Pages, tmp_path: Path, width: int) -> None:
        other = sample(7, {}, split="val", name=ATTACK)
        made = album(pairs=[pair("near duplicate", sample(1, {}), other)], notes=[ATTACK])
        page = opened(pages, tmp_path, made, width=width, dark=True)
        assert page.title() == f"train: {ATTACK}"
        assert numbers(page) == [0, 1, 2, 3]
        page.locator(".tile").nth(3).click()
        assert page.locator("#detail-name").text_content() == ATTACK[:299] + "…"
        page.get_by_role("button", name="Close").click()
        page.get_by_role("tab", name="Similar pairs").click()
        assert page.locator("#pair-tiles li").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(one => one.src.startsWith('data:'))")

    def test_prints_have_all_samples(self, pages: Pages, tmp_path: Path) -> None:
        many = [sample(number, {"sky": 1}) for number in range(4, 300)]
        page = opened(pages, tmp_path, album(*many))
        assert page.locator(".tile").count() < 300
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".tile").count() == 300
        assert page.locator("img[loading=lazy]").count() == 0

    def test_filters_and_order(self, pages: Pages, tmp_path: Path) -> None:
        page = opened(pages, tmp_path, album(sample(4, {}, size=None)))
        page.get_by_label("sky").check()
        assert numbers(page) == [0, 1, 3]
        page.get_by_label("road").check()
        assert numbers(page) == [1, 3]
        assert page.locator("#count").text_content() == "2 of 5 samples"
        assert "sky 25.0 %" in (page.locator(".tile small").first.text_content() or "")
        page.get_by_label("sky").uncheck()
        page.get_by_label("Sort by").select_option("share of the chosen classes")
        assert numbers(page) == [3, 1, 2]
        page.get_by_label("largest first").check()
        assert numbers(page) == [2, 1, 3]
        page.get_by_label("Share of the chosen classes, to").fill("80")
        assert numbers(page) == [1, 3]
        page.get_by_label("Share of the chosen classes, from").fill("1")
        assert numbers(page) == [1]
        page.get_by_role("button", name="Reset").click()
        page.wait_for_function("document.querySelectorAll('.tile').length === 5")
        for label, text, shown in (
            ("Rarity from", "2", [2, 3, 4]),
            ("Longer side, from", "42", [2, 3]),
            ("Name contains", "SAMPLE 2", [2]),
        ):
            page.get_by_label(label).fill(text)
            assert numbers(page) == shown
            page.get_by_label(label).fill("")
        page.locator("select[name=size]").select_option("41×30 (1)")
        assert numbers(page) == [1]
        page.locator("select[name=size]").select_option("any")
        for order, first in (("rarity", 4), ("size", 3), ("share of ignored pixels", 0)):
            page.get_by_label("Sort by").select_option(order)
            page.get_by_label("largest first").check()
            assert numbers(page)[0] == first

    def test_findings_are_filters(self, pages: Pages, tmp_path: Path) -> None:
        broken = [("unreadable", "photos/4.png: truncated"), ("stray id", "id 7")]
        more = sample(4, {}, findings=broken, size=None, thumb=Thumb())
        page = opened(pages, tmp_path, album(more, findings=[("note", "n")]))
        assert page.locator(".tile").nth(4).inner_text().startswith("photos/4.png: truncated")
        page.get_by_label("unreadable 1").check()
        assert numbers(page) == [4]
        page.get_by_label("transparent 1").check()
        assert numbers(page) == [2, 4]
        page.get_by_label("none").check()
        assert numbers(page) == [0, 1, 2, 3, 4]
        assert page.get_by_text("Findings about the whole split: 1").count() == 1

    def test_keys_move_through_samples(self, pages: Pages, tmp_path: Path) -> None:
        page = opened(pages, tmp_path, album())
        page.locator(".tile").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("#detail-name").text_content() == "sample 0"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator("#detail-name").text_content() == "sample 2"
        assert "transparent: masks/2.png" in page.locator("#detail-facts").inner_text()
        page.keyboard.press("ArrowLeft")
        assert "road\t75.0 %" in page.locator("#detail-facts").inner_text()
        page.keyboard.press("Escape")
        assert not page.locator("#detail").is_visible()

    def test_more_samples_appear_while_scrolling(self, pages: Pages, tmp_path: Path) -> None:
        more = [sample(index, {"sky": 1}) for index in range(4, 500)]
        page = opened(pages, tmp_path, album(*more))
        assert 60 <= len(names(page)) < 200
        for _ in range(12):
            page.locator("#more").scroll_into_view_if_needed()
            page.wait_for_timeout(50)
        page.wait_for_function("document.querySelectorAll('.tile').length === 500")
        assert page.evaluate(
            "[...document.querySelectorAll('.photo')].every(one => one.loading === 'lazy')"
        )

    def test_it_prints_the_legend_but_no_filters(self, pages: Pages, tmp_path: Path) -> None:
        page = opened(pages, tmp_path, album())
        page.emulate_media(media="print")
        assert page.get_by_text("road").first.is_visible()
        assert page.locator(".tile").first.is_visible()
        assert not page.locator("input:visible, select:visible").count()

    def test_masks_fade(self, pages: Pages, tmp_path: Path) -> None:
        page = opened(pages, tmp_path, album())
        page.get_by_label("Opacity of masks").fill("0.2")
        mask = page.locator(".mask").first
        assert mask.evaluate("one => getComputedStyle(one).opacity") == "0.2"

    def test_many_classes_of_several_heads(self, pages: Pages, tmp_path: Path) -> None:
        many = LabelSpace(LabelMap({i: f"{ATTACK[:40]} {i}" for i in range(150)}))
        masks = {"semantic": thumb().masks["semantic"], "many": mask_thumb(many, MASK % 2, 9999)}
        one = sample(
            4,
            {},
            thumb=Thumb(thumb().photo, masks),
            counts={"semantic": {"sky": 1}, "many": {many.class_names[149]: 1}},
        )
        made = album(
            one,
            spaces={"semantic": SPACE, "many": many},
            images={"semantic": {"sky": 4}, "many": {many.class_names[149]: 1}},
        )
        page = opened(pages, tmp_path, made, width=400)
        assert page.locator("input[name=class]").count() == 3 + 150
        page.get_by_text("Classes of many and the images").click()
        page.get_by_label(f"{ATTACK[:40]} 149 1").check()
        assert numbers(page) == [4]
        before = page.locator(".mask").get_attribute("src")
        page.get_by_label("Masks of").select_option("many")
        assert page.locator(".mask").get_attribute("src") != before
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
