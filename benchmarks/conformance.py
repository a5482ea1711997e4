"""Time the conformance kit on a plugin with a decoder, a loss and a dataset.

    python benchmarks/conformance.py [--rounds 3]

The components are those of three packages in examples/. Each round runs, in a process of its own,
``pluxel plugins test`` on all checks, and a process that only imports what the kit imports. Prints
the fastest time of each, and their ratio. Target: 30 s on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
TARGET = 30

PLUGIN = """
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_decoders():
    return [Component("slim_unet", "acme_seg.unet:UNet", "U-Net.")]

@hookimpl
def pluxel_losses():
    return [Component("poly1", "pluxel_poly_loss.poly1:Poly1", "Poly-1.")]

@hookimpl
def pluxel_datasets():
    return [Component("labelme", "pluxel_labelme.dataset:LabelMe", "Polygons.")]
"""


def write(folder: Path) -> list[str]:
    """Write the plugin and a few annotations; return the command that checks the plugin."""
    plugin, data = folder / "three_components.py", folder / "data" / "train"
    plugin.write_text(PLUGIN, encoding="utf-8")
    data.mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (640, 480), (30 * number, 90, 30)).save(data / f"{number}.png")
        shape = {"label": "roof", "points": [[40, 40], [300, 60], [160, 280]]}
        content = {"imageHeight": 480, "imageWidth": 640, "shapes": [shape]}
        (data / f"{number}.json").write_text(json.dumps(content), encoding="utf-8")
    parameters = [f"root={data.parent}", "classes=[roof, tree]"]
    given = [part for one in parameters for part in ("--parameter", f"dataset/labelme.{one}")]
    return [sys.executable, "-m", "pluxel", "plugins", "test", str(plugin), *given]


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Run a command; return how long it took."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    names = ("acme-seg", "poly-loss", "labelme")
    path = os.pathsep.join(str(EXAMPLES / name) for name in names)
    env = {**os.environ, "PYTHONPATH": path}
    imports = [sys.executable, "-c", "import albumentations, timm, torch, torchvision"]
    with TemporaryDirectory() as folder:
        check = write(Path(folder))
        pairs = [(seconds(check, env), seconds(imports, env)) for _ in range(rounds)]
    fastest, alone = (min(times) for times in zip(*pairs, strict=True))
    print(f"all checks of three components: {fastest:.1f} s (target {TARGET} s)")
    print(f"importing albumentations, timm, torch, torchvision: {alone:.1f} s")
    print(f"ratio: {fastest / alone:.1f}")


if __name__ == "__main__":
    main()
