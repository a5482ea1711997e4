"""Networks that are tried in processes of their own, under limits, and what is recorded of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pluxel.core.engine.matrix.page import summary
from pluxel.core.engine.matrix.record import NetworkRecord
from pluxel.core.engine.matrix.results import TrialResults
from pluxel.core.engine.matrix.run import (
    Limits,
    Plugins,
    build_decoders,
    decoder_names,
    run_matrix,
)
from pluxel.registry import PluxelError

pytestmark = pytest.mark.slow

ZOO = Plugins((Path(__file__).with_name("zoo.py"),), allow=("pluxel",))
LIMITS = Limits(seconds=60, gibibytes=6, budget=1)


def run(path: Path, pattern: str = "*", *, limits: Limits = LIMITS, **changes) -> TrialResults:
    arguments = {"backbones": ["zoo"], "decoders": ["fcn32s", "fcn16s", "fcn8s"], **changes}
    return run_matrix(ZOO, arguments["backbones"], pattern, arguments["decoders"], limits, path)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NetworkRecord]:
    path = tmp_path_factory.mktemp("matrix") / "matrix.json"
    run(path, "[!s]*")  # all but those that sleep or are shifted
    return {record.model: record for record in run(path, "shifted").records.values()}


def test_a_network_that_works(found: dict[str, NetworkRecord]) -> None:
    needs = "needs 3 maps whose strides double, such as 8, 16, 32"
    assert found["fine"] == NetworkRecord(
        "zoo.py/zoo", "fine", "good", strides=("4", "8"), multiple=8, own_size=(32, 48),
        refused={"fcn8s": needs}, with_data=True,
    )  # fmt: skip
    assert [found["fine"].problem(name) for name in ("fcn32s", "fcn16s", "fcn8s")] == [
        "",
        "",
        needs,
    ]
    assert not found["fine"].is_adapted


REASONS = {
    "refuses": ("refused", "this network is not for images; it reads text"),
    "raises": ("crashed", "RuntimeError: wrong weights"),
    "exits": ("crashed", "the process ended with exit code 3"),
    "hungry": ("limit", "needs more than 6 GiB of memory"),
    "heavy": ("limit", "needs more than 6 GiB of memory"),
}


@pytest.mark.parametrize("model", REASONS)
def test_a_network_that_cannot_be_tried_says_why(
    found: dict[str, NetworkRecord], model: str
) -> None:
    assert (found[model].kind, found[model].reason) == REASONS[model]
    assert found[model].problem("fcn32s") == REASONS[model][1]


MAPS = {
    "channels": "map 'coarse' is (1, 6, 4, 6); feature_specs declares (1, 5, height, width)",
    "cells": "map 'coarse' has 4×3 cells (height × width); on its grid (stride 8, offset 7/2), "
    "an image of 32×48 pixels has 4×6",
    "infinite": "gradients are not finite",
    "detached": "no weight of the backbone receives a gradient",
}


@pytest.mark.parametrize("model", MAPS)
def test_wrong_maps_and_gradients_are_found(found: dict[str, NetworkRecord], model: str) -> None:
    assert found[model].own == {"maps": MAPS[model]}
    assert found[model].odd["maps"]


def test_a_wrong_grid_is_found_by_gradients(found: dict[str, NetworkRecord]) -> None:
    assert found["shifted"].own == {}  # the number of cells is right
    assert found["shifted"].odd["maps"] == (
        "map fine: a cell at 50.5 depends on pixels 48 to 51, beyond its receptive field of 4"
    )
    assert found["shifted"].problem("fcn32s", odd=True)


def test_a_network_that_needs_data_is_not_tried_without(tmp_path: Path) -> None:
    limits = Limits(seconds=60, gibibytes=6, budget=1e-9)
    results = run(tmp_path / "x.json", "[fd]*", limits=limits)
    assert not results.records["zoo.py/zoo", "fine"].with_data
    assert results.records["zoo.py/zoo", "fine"].own == {}
    assert results.records["zoo.py/zoo", "data"].with_data
    assert results.records["zoo.py/zoo", "data"].own == {}


def test_a_network_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    results = run(tmp_path / "x.json", "sleeps", limits=Limits(1, 6, 1))
    record = results.records["zoo.py/zoo", "sleeps"]
    assert (record.kind, record.reason) == ("limit", "takes more than 1 second")


def test_a_run_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    marked = NetworkRecord("zoo.py/zoo", "fine", "good", reason="from the first run")
    old = NetworkRecord("zoo.py/zoo", "gone", "good")
    slow = NetworkRecord("zoo.py/zoo", "other", "good", kind="limit", reason="takes too long")
    before = {record.key: record for record in (marked, old, slow)}
    TrialResults({"zoo.py/zoo": "zoo 1"}, {}, ["fcn32s"], before).write(path)
    results = run(path, "[fo]*", decoders=["fcn32s"])
    assert results.records[marked.key] == marked
    assert results.records["zoo.py/zoo", "other"].with_data
    assert results.records[old.key].kind == "absent"
    assert results.records[old.key].reason == "zoo 1 does not have it"
    assert TrialResults.read(path) == results
    assert results.listed == {"zoo.py/zoo": 14}


@pytest.mark.parametrize(
    ("libraries", "decoders"),
    [({"zoo.py/zoo": "zoo 0"}, ["fcn32s"]), ({"zoo.py/zoo": "zoo 1"}, ["fcn8s"])],
)
def test_another_version_or_decoder_makes_results_stale(
    tmp_path: Path, libraries: dict[str, str], decoders: list[str]
) -> None:
    path = tmp_path / "x.json"
    stale = NetworkRecord("zoo.py/zoo", "fine", "good", reason="stale")
    TrialResults(libraries, {}, decoders, {stale.key: stale}).write(path)
    results = run(path, "fine", decoders=["fcn32s"])
    assert results.records[stale.key].reason == ""
    assert results.libraries == {"zoo.py/zoo": "zoo 1"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbones": ["alone"]}, "backbone 'alone' is a single network; families of networks: "),
        ({"backbones": ["zo"]}, "unknown backbone 'zo'. Did you mean 'zoo'?"),
        ({"decoders": ["fcn"]}, "unknown decoder 'fcn'. Did you mean "),
        ({"decoders": ["atrous"]}, "decoder 'atrous' needs parameters: "),
    ],
)
def test_wrong_names_raise_before_anything_runs(
    tmp_path: Path, changes: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(PluxelError) as caught:
        run(tmp_path / "x.json", **changes)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "x.json").exists()


def test_namesakes_are_tried_each(tmp_path: Path) -> None:
    """A component of Pluxel has its own name, and one of another plugin a qualified name."""
    plugins = Plugins((*ZOO.files, Path(__file__).with_name("namesakes.py")), allow=("pluxel",))
    host = plugins.host()
    names = [*decoder_names(host)]
    assert {"fcn8s", "namesakes.py/fcn8s", "fcn32s"} <= {*names}
    assert not {"atrous", "pluxel/fcn8s", "namesakes.py/needy"} & {*names}
    both = ["pluxel/fcn8s", "namesakes.py/fcn8s"]
    results = run_matrix(plugins, ["namesakes.py/zoo"], "fine", both, LIMITS, tmp_path / "x.json")
    assert results.decoders == ["fcn8s", "namesakes.py/fcn8s"]
    (record,) = results.records.values()
    assert record.backbone == "namesakes.py/zoo"
    assert {*record.refused} == {"fcn8s"}
    built = build_decoders(host, ["fcn8s", "namesakes.py/fcn8s"])
    assert built["fcn8s"].target is not built["namesakes.py/fcn8s"].target
    with pytest.raises(PluxelError, match="'vgg16' is a single network"):
        run_matrix(plugins, ["vgg16"], "*", ["fcn8s"], LIMITS, tmp_path / "x.json")


PROCESS = """
import sys
from pluxel.core.engine.matrix.run import Limits, isolated
if __name__ == "__main__":
    run = isolated(Limits(60, 6, 0), [])
    print(run(eval, "'pluxel.core.engine.matrix.run' in __import__('sys').modules"))
"""


def test_a_process_starts_with_the_modules_and_without_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    script = tmp_path / "main" / "script.py"
    script.write_text(PROCESS)
    for name in ("queue", "random", "socket"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('from the working folder')")
    done = subprocess.run(
        [sys.executable, "-P", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_file_that_is_not_a_matrix_raises(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"records": []}))
    with pytest.raises(PluxelError, match=r"x\.json is not a file of results: 'libraries'"):
        run(path)
    assert json.loads(path.read_text()) == {"records": []}


def test_the_page_counts_and_explains(found: dict[str, NetworkRecord]) -> None:
    records = {record.key: record for record in found.values()}
    results = TrialResults(
        {"zoo.py/zoo": "zoo 1"}, {"zoo.py/zoo": 14}, ["fcn16s", "fcn32s", "fcn8s"], records
    )
    page = summary(results)
    assert "zoo 1 lists 14 networks. This page covers 13 of them:\n8 ran with values, 0 " in page
    assert "without data, and 5 not at all." in page
    assert "| `fcn32s` | 4 (30.8 %) | 3 (23.1 %) |" in page
    assert "| `fcn8s` | 0 (0.0 %) | 0 (0.0 %) |" in page
    assert "| good | 2 | 2 | 0 | 0 | 0 | 0 | 2 | 2 | 0 |" in page
    assert "| 1 | failed: RuntimeError: wrong weights | `raises` |" in page
    assert "| 3 | `fcn8s` needs 3 maps whose strides double, such as 8, 16, 32 | `data`, " in page
