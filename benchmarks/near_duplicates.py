"""Which changed copies of real photographs are found, what else is reported, and how long it takes.

    python benchmarks/near_duplicates.py CAMVID [--many 100000]

Reads the folders train/ and val/ of CamVid, changes every image, and searches for it among the
others. ``--many``: also search that many photographs, whose sketches are those of CamVid, moved and
blended.
"""

from __future__ import annotations

import argparse
import resource
import time
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from pluxel.core.data.alike import Sketch, alike_samples, sketch_of


def jpeg(image: Image.Image, quality: int = 50) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def smaller(image: Image.Image, part: int = 2) -> Image.Image:
    return image.resize((image.width // part, image.height // part))


def crop(image: Image.Image, share: float, left: float = 0.5, top: float = 0.5) -> Image.Image:
    width, height = round(image.width * (1 - share)), round(image.height * (1 - share))
    x, y = round((image.width - width) * left), round((image.height - height) * top)
    return image.crop((x, y, x + width, y + height))


def all_of_them(image: Image.Image) -> Image.Image:
    changed = smaller(crop(ImageOps.mirror(image), 0.02, 0.3, 0.7))
    return jpeg(ImageEnhance.Brightness(changed).enhance(1.15))


def bordered(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, image.width // 20)


CHANGES = {
    "JPEG, quality 50": jpeg,
    "JPEG, quality 10": lambda image: jpeg(image, 10),
    "half the size": smaller,
    "an eighth of the size": lambda image: smaller(image, 8),
    "15 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "gray": lambda image: image.convert("L").convert("RGB"),
    "cropped by 2 %": lambda image: crop(image, 0.02),
    "cropped by 2 % at a corner": lambda image: crop(image, 0.02, 0, 0),
    "cropped by 4 % at a corner": lambda image: crop(image, 0.04, 0, 0),
    "cropped by 8 %": lambda image: crop(image, 0.08),
    "cropped by 20 %": lambda image: crop(image, 0.2),
    "mirrored": ImageOps.mirror,
    "mirrored, cropped by 2 %, half the size, brighter, JPEG": all_of_them,
    "rotated by 2°": lambda image: image.rotate(2, Image.Resampling.BICUBIC),
    "rotated by 90°": lambda image: image.rotate(90, expand=True),
    "upside down": ImageOps.flip,
    "a border of 5 %": bordered,
    "negative": ImageOps.invert,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("camvid", type=Path)
    parser.add_argument("--many", type=int, default=0)
    options = parser.parse_args()
    files = {one: sorted((options.camvid / one).glob("*.png")) for one in ("train", "val")}
    images = {
        split: [Image.open(path).convert("RGB") for path in paths] for split, paths in files.items()
    }
    sketches = {
        split: [sketch_of(np.asarray(one)) for one in part] for split, part in images.items()
    }
    started = time.perf_counter()
    found = alike_samples(sketches)
    print(f"search: {time.perf_counter() - started:.1f} s")
    for first, second in (("train", "val"), ("train", "train"), ("val", "val")):
        some = [one for one in found if (one.first.split, one.second.split) == (first, second)]
        print(f"{first} and {second}: {len(some)} pairs")
    originals = [*images["train"], *images["val"]]
    known = [*sketches["train"], *sketches["val"]]
    for name, change in CHANGES.items():
        copies = [sketch_of(np.asarray(change(image).convert("RGB"))) for image in originals]
        pairs = alike_samples({"a": known, "b": copies})
        hits = {one.second.index for one in pairs if one.first.split != one.second.split}
        print(f"{name}: {100 * len(hits) / len(copies):.1f} % of {len(copies)} are found")
    if options.many:
        search_many(known, options.many)


def search_many(known: list[Sketch | None], count: int) -> None:
    rng = np.random.default_rng(0)
    many: list[Sketch | None] = []
    for _ in range(count):
        one, other = (known[i] for i in rng.integers(0, len(known), 2))
        assert one is not None
        assert other is not None
        mixed = cv2.addWeighted(one.gray, 0.7, other.gray[:, ::-1], 0.3, 0)
        many.append(Sketch(np.roll(mixed, rng.integers(-8, 9, 2), (0, 1)), one.tints))
    started = time.perf_counter(), time.process_time()
    found = alike_samples({"train": many[: count * 9 // 10], "val": many[count * 9 // 10 :]})
    passed = time.perf_counter() - started[0], time.process_time() - started[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{count}: {passed[0]:.0f} s, {passed[1]:.0f} s of CPU, {peak:.2f} GiB, {len(found)} pairs"
    )


if __name__ == "__main__":
    main()
