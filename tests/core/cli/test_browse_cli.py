"""``pluxel data browse`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_a_page_is_written_and_kept(pluxel, toy: Path) -> None:
    done = pluxel("data", "browse", toy.name, "--split", "val", "--count", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("browse.html: 4 samples of val, ")
    page = (toy.parent / "browse.html").read_text(encoding="utf-8")
    assert "<title>val: 4 of 10 samples, " in page
    done = pluxel("data", "browse", toy.name)
    assert done.returncode == 2
    assert done.stderr == "browse.html already exists; --overwrite replaces it\n"
    assert (toy.parent / "browse.html").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "a.png"], "'a.png': unsupported suffix '.png'; use .html\n"),
        (["--output", "toy.yaml/a.html"], "cannot write toy.yaml/a.html: "),
        (["--split", "val["], "toy.yaml:4:"),
    ],
)
def test_bad_input_is_one_error(pluxel, toy: Path, options: list[str], message: str) -> None:
    done = pluxel("data", "browse", toy.name, *options)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert "reading" not in done.stderr
    assert not (toy.parent / "browse.html").exists()
