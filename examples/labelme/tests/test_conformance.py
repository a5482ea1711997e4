import json
from pathlib import Path

from PIL import Image
from pluxel.core.conformance import conformance


def annotations(folder: Path) -> dict[str, object]:
    """Write three annotated images for each split; return the parameters of the dataset."""
    for split in ("train", "val"):
        (folder / split).mkdir()
        for number in range(3):
            Image.new("RGB", (48, 32), (60 * number, 90, 30)).save(folder / split / f"{number}.png")
            roof = {"label": "roof", "points": [[4, 4], [30, 6], [16 + number, 28]]}
            tree = {"label": "tree", "points": [[34, 10], [44, 24]], "shape_type": "rectangle"}
            content = {"imageHeight": 32, "imageWidth": 48, "shapes": [roof, tree]}
            (folder / split / f"{number}.json").write_text(json.dumps(content))
    return {"root": str(folder), "classes": ["roof", "tree"]}


test_conformance = conformance("pluxel-labelme", parameters={"dataset/labelme": annotations})
