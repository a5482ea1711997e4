"""Weights from caches and the network, and what is said where there is neither."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pluxel.core.normalisation import Normalisation
from pluxel.plugins.backbones import _fetch
from pluxel.plugins.backbones._fetch import hub_file, url_file
from pluxel.registry import PluxelError

USUAL = Normalisation()

OFFLINE = """
import sys, time
from pluxel.plugins.backbones.{module} import {backbone} as Backbone
from pluxel.registry import PluxelError
import torch
with torch.device("meta"):
    backbone = Backbone(3, pretrained=True{arguments})
start = time.monotonic()
try:
    backbone.load_pretrained()
except PluxelError as error:
    print(error)
    print(f"seconds {{time.monotonic() - start:.1f}}")
"""

HUB = "https://huggingface.co/timm/{}/resolve/main/model.safetensors"
CASES = [
    ("vgg", "VGG16", "", HUB.format("vgg16.tv_in1k"), "model.safetensors of timm/vgg16.tv_in1k"),
    (
        "timm_features",
        "TimmBackbone",
        ", model='resnet18'",
        HUB.format("resnet18.a1_in1k"),
        "model.safetensors of timm/resnet18.a1_in1k",
    ),
    (
        "alexnet",
        "AlexNet",
        "",
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "alexnet-owt-7be5be79.pth",
    ),
    (
        "googlenet",
        "GoogLeNet",
        "",
        "https://download.pytorch.org/models/googlenet-1378be20.pth",
        "googlenet-1378be20.pth",
    ),
]


@pytest.mark.parametrize(("module", "backbone", "arguments", "url", "what"), CASES)
def test_without_cache_and_network_it_says_what_to_do_within_seconds(
    module: str, backbone: str, arguments: str, url: str, what: str, tmp_path: Path
) -> None:
    """In a process of its own whose network ends at a port that nobody listens to."""
    nowhere = "http://127.0.0.1:9"
    environment = {
        **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        **{"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path)},
        **{"HF_HOME": str(tmp_path), "http_proxy": nowhere, "https_proxy": nowhere},
    }
    code = OFFLINE.format(module=module, backbone=backbone, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    first, fetch, beside, instead, seconds = done.stdout.splitlines()
    assert first.startswith(
        f"the pretrained weights, {what}, are not in the cache, and the network"
    )
    assert fetch == (
        f"  note: fetch {url} where there is one, and write  pretrained: PATH/{url.rsplit('/')[-1]}"
    )
    assert beside.startswith("  note: and beside it  normalisation: {mean: [0.")
    assert instead == "  note: or start from random weights:  pretrained: false"
    assert float(seconds.split()[1]) < 10


class Server(http.server.BaseHTTPRequestHandler):
    """Has one file."""

    def do_HEAD(self) -> None:
        self.send_response(200 if self.path == "/some/weights-1.pth" else 404)
        self.send_header("Content-Length", "7")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"weights")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_file_is_downloaded_once(server: str, tmp_path: Path, monkeypatch) -> None:
    path = url_file(f"{server}/some/weights-1.pth", USUAL)
    assert path == tmp_path / "checkpoints" / "weights-1.pth"
    assert path.read_bytes() == b"weights"
    monkeypatch.setattr(_fetch, "urlopen", None)
    assert url_file(f"{server}/some/weights-1.pth", USUAL) == path


def test_a_server_without_the_file_is_not_an_offline_machine(server: str) -> None:
    with pytest.raises(PluxelError) as caught:
        url_file(f"{server}/some/other.pth", USUAL)
    assert str(caught.value) == f"the server has no {server}/some/other.pth"


def test_a_silent_server_does_not_hold_up(monkeypatch) -> None:
    def silent(*_: object, timeout: float) -> None:
        time.sleep(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(_fetch, "urlopen", silent)
    monkeypatch.setattr(_fetch, "SECONDS", 0.01)
    monkeypatch.setattr(_fetch, "try_to_load_from_cache", lambda *_, **__: None)
    with pytest.raises(PluxelError, match=r"cannot be reached \(timed out\)"):
        hub_file("some/weights", ["model.safetensors"], USUAL)


def test_a_cached_file_of_the_hub_needs_no_network(monkeypatch, tmp_path: Path) -> None:
    def cached(repository: str, name: str, revision: str | None) -> str | None:
        assert (repository, revision) == ("some/weights", "v2")
        return str(tmp_path / name) if name == "b.bin" else None

    monkeypatch.setattr(_fetch, "try_to_load_from_cache", cached)
    monkeypatch.setattr(_fetch, "urlopen", None)
    assert hub_file("some/weights@v2", ["a.safetensors", "b.bin"], USUAL) == tmp_path / "b.bin"


def test_offline_mode_is_respected(monkeypatch) -> None:
    monkeypatch.setattr(_fetch, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(_fetch, "urlopen", None)
    monkeypatch.setattr(_fetch, "try_to_load_from_cache", lambda *_, **__: None)
    with pytest.raises(PluxelError, match=r"cannot be reached \(HF_HUB_OFFLINE is set\)"):
        hub_file("some/weights", ["model.safetensors"], USUAL)
