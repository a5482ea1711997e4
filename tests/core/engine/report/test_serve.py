"""Reports that are served on this machine, and follow a training."""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pluxel.core import Run
from pluxel.core.engine.report import page as page_module
from pluxel.core.engine.report import serve
from pluxel.core.engine.report.serve import LivePage, served
from pluxel.registry import Host, PluxelError

from ....browser import Pages

VENDOR = Path(page_module.__file__).with_name("templates") / "vendor"


@pytest.fixture
def address() -> Iterator[str]:
    with served("<p>père".encode, lambda: "1", 0) as address:
        yield address


def get(address: str, path: str = "/", host: str | None = None) -> http.client.HTTPResponse:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    connection.request("GET", path, headers={"Host": host or parts.netloc})
    return connection.getresponse()


def test_only_this_machine_gets_the_page(address: str) -> None:
    answer = get(address)
    assert (answer.status, answer.read().decode()) == (200, "<p>père")
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    port = urlsplit(address).port
    assert get(address, host=f"localhost:{port}").status == 200
    assert get(address, host=f"attacker.example:{port}").status == 403
    assert get(address, path="/../config.yaml").status == 404
    assert urlsplit(address).hostname == "127.0.0.1"


def test_an_error_is_an_answer() -> None:
    def fails() -> bytes:
        raise PluxelError("the run was <deleted>")

    with served(fails, lambda: "1", 0) as address:
        answer = get(address)
        assert answer.status == 500
        assert "the run was &lt;deleted&gt;" in answer.read().decode()
        assert answer.getheader("Refresh") == str(serve.REFRESH)  # it may be complete then
    with served(lambda: 1 // 0, lambda: "1", 0) as address:  # pyright: ignore[reportArgumentType]
        assert get(address).status == 500


def test_a_port_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(
            PluxelError, match=r"port \d+ of 127.0.0.1 is taken by another program; --port 0"
        ),
        served(lambda: b"", lambda: "1", other.getsockname()[1]),
    ):
        pass


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.peers
def test_a_page_follows_its_run(run: Run, toys: Host, pages: Pages, monkeypatch) -> None:
    monkeypatch.setattr(serve, "REFRESH", 0.5)
    monkeypatch.setattr(serve, "MOST_TIME", math.inf)
    live = LivePage(run.directory, "val", toys)
    made = []
    monkeypatch.setattr(
        serve, "report_page", lambda *a, **k: (made.append(1), page_module.report_page(*a, **k))[1]
    )
    with served(live.content, live.version, 0) as address:
        page = pages.open(address)
        assert live.content() is live.content()
        assert made == [1]
        table = page.locator("table.sortable").first
        table.locator("th button").nth(1).click()
        choice = page.locator("select.confusion-mode").first
        choice.select_option("counts")
        order = table.locator("tbody th").all_inner_texts()
        run.log({"step": 13, "seconds": 1.0, "train/new_loss": 0.5})  # the run goes on
        page.locator("#scalar option", has_text="new loss").wait_for(state="attached")
        assert made == [1, 1]
        assert choice.input_value() == "counts"
        assert table.locator("tbody th").all_inner_texts() == order
        assert table.locator("th[aria-sort=ascending]").count() == 1
        page.close()  # or it would ask a server that has ended


def test_rendering_takes_a_bounded_part_of_the_time(
    run: Run, toys: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LivePage(run.directory, "val", toys)
    monkeypatch.setattr(serve, "MOST_TIME", 1e-9)
    first = live.content()
    run.log({"step": 13, "seconds": 1.0, "train/new_loss": 0.5})
    assert live.content() is first
    assert live.version().encode() in first


def test_scripts_of_others_are_the_published_ones() -> None:
    sources = json.loads((VENDOR / "SOURCES.json").read_text())
    assert {*sources} == {path.name for path in VENDOR.glob("*.js")}
    for name, source in sources.items():
        content = (VENDOR / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == source["sha256"]
        assert source["version"].encode() in content[:200]
        assert (VENDOR / f"LICENSE-{name.partition('.')[0]}").read_text()
