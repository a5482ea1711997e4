"""``pluxel data preview`` from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def test_pictures_and_pages_are_written_and_kept(pluxel, toy: Path) -> None:
    options = ("data", "preview", toy.name, "--count", "2")
    done = pluxel(*options, "augment={train: [HorizontalFlip]}")
    assert (done.returncode, done.stdout) == (0, "preview.png: 2 samples of train\n"), done.stderr
    with Image.open(toy.parent / "preview.png") as file:
        assert file.width == 4 * 240 + 5 * 6
        assert len(np.unique(np.asarray(file))) > 20
    done = pluxel(*options)
    assert done.returncode == 2
    assert done.stderr == "preview.png already exists; --overwrite replaces it\n"
    done = pluxel(*options, "--split", "val", "--output", "a.html")
    assert (done.returncode, done.stdout) == (0, "a.html: 2 samples of val\n"), done.stderr
    assert (toy.parent / "a.html").read_text().count("<section>") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "a.jpg"], "'a.jpg': unsupported suffix '.jpg'; use .png or .html\n"),
        (["--output", "toy.yaml/a.png"], "cannot write toy.yaml/a.png: "),
        (["--split", "val["], "toy.yaml:4:"),
    ],
)
def test_bad_input_is_one_error(pluxel, toy: Path, options: list[str], message: str) -> None:
    done = pluxel("data", "preview", toy.name, "--count", "1", *options)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr
