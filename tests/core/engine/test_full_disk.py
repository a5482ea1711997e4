"""Every writer reports a full disk, wherever it ends, and leaves the earlier file unchanged."""

from __future__ import annotations

import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image
from pluxel.core.common.files import replacing, write_text
from pluxel.core.common.json_files import write_json
from pluxel.core.contracts.labels import LabelMap, LabelSpace
from pluxel.core.data.images import write_mask
from pluxel.core.data.places import place_of_raster
from pluxel.core.data.rasters import open_raster
from pluxel.core.data.video_files import video_writer
from pluxel.core.data.videos import Frame, open_clip
from pluxel.core.embeddings import writing
from pluxel.core.engine.checkpoint import write_tensors
from pluxel.core.engine.inference.outputs import write_npz, write_png
from pluxel.core.engine.inference.rasters import raster_writer
from pluxel.core.engine.inference.tiling import Region
from pluxel.registry import PluxelError

from ..clips import blocks, write_clip

SPACE = LabelSpace(LabelMap({0: "a", 1: "b"}))
RANDOM = np.random.default_rng(0)
IDS = RANDOM.integers(0, 256, (300, 300)).astype(np.uint8)
SHARES = RANDOM.random((90, 90, 2), np.float32)
ROWS = RANDOM.random((4000, 4), np.float32)
SIDE = 700
PIXELS = RANDOM.integers(0, 256, (SIDE, SIDE)).astype(np.uint8)  # does not compress


def raster(path: Path) -> None:
    """Write a raster by windows."""
    source = path.parent / "source.tif"
    if not source.exists():
        profile = {"driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": "uint8"}
        with rasterio.open(source, "w", **profile, tiled=True) as file:
            file.write(PIXELS[None])
    with (
        open_raster(source, 1) as like,
        raster_writer(path, like.size, place_of_raster(like.source), "uint8") as write,
    ):
        for top in range(0, SIDE, 256):
            region = Region(range(top, min(top + 256, SIDE)), range(SIDE))
            write(region, PIXELS[region.slices])


def store(path: Path) -> None:
    """Write a store of word vectors."""
    with writing(path) as writer:
        writer.add([f"w{i}".encode() for i in range(len(ROWS))], ROWS)
        writer.finish({})


def by_pillow(path: Path) -> None:
    """Write as the code of a plugin does."""
    with replacing(path) as unfinished:
        Image.fromarray(np.dstack([IDS] * 3).astype(np.uint8)).save(unfinished, format="PNG")


def video(path: Path) -> None:
    """Write a video with the sound of another."""
    source = path.parent / "source.mkv"
    if not source.exists():
        write_clip(source, blocks(8), sound="aac")
    with open_clip(source) as clip, video_writer(path, clip) as (write, write_sound):
        for event in clip.events():
            if isinstance(event, Frame):
                write(event.pixels, event)
            else:
                write_sound(event)


WRITERS: dict[str, Callable[[Path], object]] = {
    "mask.png": lambda path: write_mask(path, IDS),
    "color.png": lambda path: write_png(path, np.dstack([IDS] * 3), SPACE),
    "prob.npz": lambda path: write_npz(path, SHARES, SPACE),
    "raster.tif": raster,
    "derived.png": by_pillow,
    "text.yaml": lambda path: write_text(path, "a: b\n" * 5000),
    "results.json": lambda path: write_json(path, {"rows": IDS[:50].tolist()}),
    "weights.safetensors": lambda path: write_tensors(path, {"a": torch.ones(9000)}, {"step": 1}),
    "store.safetensors": store,
    "video.mp4": video,
}


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes; more is an error, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_reported_wherever_it_ends(tmp_path: Path, name: str) -> None:
    path, write = tmp_path / name, WRITERS[name]
    write(path)
    whole, kept = path.stat().st_size, json.dumps("an earlier file")
    path.write_text(kept)
    others = {*tmp_path.iterdir()}
    near_the_end = [whole - n for n in (1, 2, 7, 100, 1000) if n < whole]
    for size in [0, *near_the_end, *RANDOM.integers(0, whole - 1, 44).tolist()]:
        with disk_of(size), pytest.raises(PluxelError, match=f"^cannot write .*{name}"):
            write(path)
        assert path.read_text() == kept
        assert {*tmp_path.iterdir()} == others
