"""``pluxel verify dense`` and ``pluxel benchmark dense``."""

from __future__ import annotations

import re

import pytest
from pluxel.core.cli import main
from pluxel.core.engine.evaluation import dense_evaluation

TINY = ["backbone={type: timm, model: test_resnet}", "decoder=fcn32s"]


@pytest.fixture
def run(capsys):
    """Run a command in this process; return exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return int(left.value.code or 0), *capsys.readouterr()

    return call


@pytest.mark.slow
def test_verify_reports_differences_and_positions(run) -> None:
    code, out, err = run(
        "verify", "dense", "shapes_fcn8s_resnet18", *TINY, "--factor", "2", "--size", "290x300"
    )
    assert (code, err) == (0, "")
    head, columns, *methods, padded, exact = out.splitlines()
    assert head == "head semantic, image 290×300 (height × width): stride 32 → 16"
    assert columns.split() == ["passes", "multiply-adds", "seconds"]
    assert [re.split(r" {2,}", method)[0] for method in methods] == [
        "shift-and-stitch",
        "à trous",
        "fragments",
    ]
    assert re.search(
        r"differ by at most \S+ of the range, in cell \(\d+, \d+\), pixel \(\d+, \d+\); by \S+ "
        r"in cells without padding: equal$",
        padded,
    )
    assert exact.endswith(": equal")


def test_verify_rejects_unsupported_factors(run) -> None:
    code, _, err = run("verify", "dense", "shapes_fcn8s_resnet18", *TINY, "--factor", "5")
    assert code == 2
    assert "factor 5 does not divide the stride 32" in err


@pytest.mark.slow
def test_benchmark_prints_the_ratios(run, monkeypatch) -> None:
    monkeypatch.setattr(dense_evaluation, "IMAGE", 288)
    code, out, _ = run("benchmark", "dense", "--rounds", "1")
    assert code == 0
    title, columns, *lines = out.splitlines()
    assert title == "backbone 'alexnet', 3×3 cells (height × width)"
    assert columns.split() == ["one", "pass", "crops", "ratio"]
    assert [re.split(r" {2,}", line)[0] for line in lines] == [
        "multiply-adds, 10⁹",
        "forward, s",
        "forward and backward, s",
    ]
    ratios = [float(line.split()[-1].rstrip("×")) for line in lines]
    assert min(ratios) > 0
    # Nine crops of 224×224 have 5.4 times as many pixels as one image of 288×288.
    assert 3 < ratios[0] < 7


def test_benchmark_rejects_a_backbone_with_several_cells_per_crop(run) -> None:
    code, _, err = run("benchmark", "dense", "shapes_fcn8s_resnet18", *TINY[:1])
    assert code == 2
    assert "a crop of 224×224 pixels gives 7×7 cells (height × width) instead of one" in err


def test_benchmark_reports_an_unavailable_device(run) -> None:
    code, _, err = run("benchmark", "dense", "--device", "cuda:99")
    assert code == 2
    assert err.startswith("device 'cuda:99' is not available on this machine")
