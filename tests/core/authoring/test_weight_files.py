"""Weights from caches and the network, and the errors without both."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pluxel.core.authoring import weight_files
from pluxel.core.authoring.weight_files import hub_file, url_file
from pluxel.core.contracts.normalization import Normalization
from pluxel.registry import PluxelError

USUAL = Normalization()

HUB = "https://huggingface.co/timm/{}/resolve/main/model.safetensors"
TORCH = "https://download.pytorch.org/models/"
# Arguments of the backbone -> name and URL of the weights.
OFFLINE = {
    "vgg:VGG16": ("model.safetensors of timm/vgg16.tv_in1k", HUB.format("vgg16.tv_in1k")),
    "timm_features:TimmBackbone": (
        "model.safetensors of timm/resnet18.a1_in1k",
        HUB.format("resnet18.a1_in1k"),
    ),
    "alexnet:AlexNet": ("alexnet-owt-7be5be79.pth", TORCH + "alexnet-owt-7be5be79.pth"),
    "googlenet:GoogLeNet": ("googlenet-1378be20.pth", TORCH + "googlenet-1378be20.pth"),
}

SCRIPT = """
import importlib, json, sys
import torch
from pluxel.registry import PluxelError
tried = []
sys.addaudithook(lambda event, _: tried.append(event) if event == "socket.connect" else None)
for target in sys.argv[1:]:
    module, name = target.split(":")
    arguments = {"model": "resnet18"} if "timm" in module else {}
    backbone = getattr(importlib.import_module(f"pluxel.plugins.backbones.{module}"), name)
    with torch.device("meta"):
        built = backbone(3, pretrained=True, **arguments)
    tried.clear()
    try:
        built.load_pretrained()
    except PluxelError as error:
        print(json.dumps([target, str(error), len(tried)]))
"""


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """Return the errors of a process with empty caches and an unreachable network."""
    home, nowhere = tmp_path_factory.mktemp("home"), "http://127.0.0.1:9"
    environment = {n: value for n, value in os.environ.items() if "proxy" not in n.lower()}
    environment |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME"), str(home))
    environment |= {"http_proxy": nowhere, "https_proxy": nowhere}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *OFFLINE]
    done = subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=True
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {target: (message, tries) for target, message, tries in said}


@pytest.mark.parametrize("target", OFFLINE)
def test_without_cache_and_network_the_error_says_what_to_do(
    offline: dict[str, tuple[str, int]], target: str
) -> None:
    message, tries = offline[target]
    what, url = OFFLINE[target]
    first, fetch, beside, instead = message.splitlines()
    assert first.startswith(f"the pretrained weights {what} are not in the cache, and the network")
    file = url.rsplit("/", 1)[-1]
    assert fetch == f"  note: download {url} on another machine, and set  pretrained: PATH/{file}"
    assert beside.startswith("  note: and next to it  normalization: {mean: [0.")
    assert instead == "  note: or start from random weights:  pretrained: false"
    # The first request of the client asks the hub once more.
    assert tries <= 2, "a client that tries again holds up for most of a minute"


TOKEN = "hf_secret"


class Server(http.server.BaseHTTPRequestHandler):
    """Serve any file named weights, and cut off those named broken; me/gated needs a token."""

    def do_HEAD(self) -> None:
        token = self.headers.get("Authorization")
        if self.path.startswith("/me/gated") and token != f"Bearer {TOKEN}":
            self.send_response(403 if token else 401)
        elif self.path.startswith("/me/none"):
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
        elif self.path.startswith(("/some/weights", "/me/gated/weights")):
            self.send_response(200)
            self.send_header("ETag", '"1"')
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", "7")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"wei" if "broken" in self.path else b"weights")

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
    monkeypatch.setattr(weight_files, "urlopen", None)
    assert url_file(f"{server}/some/weights-1.pth", USUAL) == path


SHA256 = hashlib.sha256(b"weights").hexdigest()


def test_a_file_must_match_the_hash_in_its_name(server: str) -> None:
    for name in (f"weights-{SHA256[:8]}.pth", f"weights-{SHA256}.pth"):
        assert url_file(f"{server}/some/{name}", USUAL).read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("weights-0badc0de.pth", f'invalid hash value (expected "0badc0de", got "{SHA256}")'),
        (f"weights-broken-{SHA256[:8]}.pth", "invalid hash value"),
        ("weights_broken.pth", "got 3 of 7 bytes"),
    ],
)
def test_a_failed_download_leaves_no_file(
    server: str, tmp_path: Path, name: str, reason: str
) -> None:
    url = f"{server}/some/{name}"
    with pytest.raises(PluxelError) as caught:
        url_file(url, USUAL)
    first, fetch, *_ = str(caught.value).splitlines()
    assert first.startswith(f"the download of the pretrained weights {name} failed ({reason}")
    assert fetch.startswith(f"  note: download {url} on another machine")
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_failed_download_from_the_hub_is_reported(server: str, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("peer closed connection\n(incomplete body)")

    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(weight_files, "hf_hub_url", lambda *_, **__: f"{server}/some/weights")
    monkeypatch.setattr(weight_files, "hf_hub_download", fail)
    with pytest.raises(PluxelError, match=r"model.safetensors of some/weights failed \(peer clos"):
        hub_file("some/weights", ["model.safetensors"], USUAL)


def test_a_missing_file_is_not_reported_as_offline(server: str) -> None:
    with pytest.raises(PluxelError) as caught:
        url_file(f"{server}/some/other.pth", USUAL)
    assert str(caught.value) == f"the server has no {server}/some/other.pth"


def test_a_silent_server_times_out(monkeypatch) -> None:
    waited: list[float] = []

    def silent(*_: object, timeout: float) -> None:
        waited.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr(weight_files, "urlopen", silent)
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", silent)
    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *_, **__: None)
    with pytest.raises(PluxelError, match=r"cannot be reached \(timed out\)"):
        hub_file("some/weights", ["model.safetensors"], USUAL)
    with pytest.raises(PluxelError, match=r"cannot be reached \(timed out\)"):
        url_file("https://example.org/none.pth", USUAL)
    assert waited == [5, 5]


@pytest.fixture
def hub(server: str, tmp_path: Path, monkeypatch) -> Path:
    """Return the file that a download from the hub gives, which the server stands for."""
    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(weight_files, "hf_hub_url", lambda *names, **_: "/".join([server, *names]))
    monkeypatch.setattr(weight_files, "hf_hub_download", lambda *_, **__: tmp_path / "x.bin")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "x.bin"


def test_the_token_of_the_user_opens_a_gated_repository(hub: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert hub_file("me/gated", ["none.bin", "weights.bin"], USUAL) == hub
    with pytest.raises(PluxelError, match="'me/gated' has none of the files none.bin$"):
        hub_file("me/gated", ["none.bin"], USUAL)


@pytest.mark.parametrize("token", [None, "hf_wrong"])
def test_a_gated_repository_is_not_taken_for_an_empty_one(
    hub: Path, monkeypatch, token: str | None
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PluxelError) as caught:
        hub_file("me/gated", ["weights.bin"], USUAL)
    first, note, *_ = str(caught.value).splitlines()
    code = 403 if token else 401
    assert first == (
        f"the repository 'me/gated' does not exist, or you have no access to it ({code})"
    )
    assert note == (
        "  note: for a gated or private repository, accept its terms on its page, and set HF_TOKEN "
        "or run  hf auth login"
    )


def test_a_repository_that_does_not_exist_is_named(hub: Path) -> None:
    with pytest.raises(PluxelError, match=r"^the repository 'me/none' does not exist \(404\)"):
        hub_file("me/none", ["weights.bin"], USUAL)


def test_a_server_that_denies_access_is_not_one_without_the_file(server: str) -> None:
    url = f"{server}/me/gated/weights.bin"
    with pytest.raises(PluxelError, match=f"^the server denies access to {url} \\(401 Unauth"):
        url_file(url, USUAL)


def test_a_cached_file_of_the_hub_needs_no_network(monkeypatch, tmp_path: Path) -> None:
    def cached(repository: str, name: str, revision: str | None) -> str | None:
        assert (repository, revision) == ("some/weights", "v2")
        return str(tmp_path / name) if name == "b.bin" else None

    monkeypatch.setattr(weight_files, "try_to_load_from_cache", cached)
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", None)
    assert hub_file("some/weights@v2", ["a.safetensors", "b.bin"], USUAL) == tmp_path / "b.bin"


def test_offline_mode_is_respected(monkeypatch) -> None:
    monkeypatch.setattr(weight_files, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(weight_files, "get_hf_file_metadata", None)
    monkeypatch.setattr(weight_files, "try_to_load_from_cache", lambda *_, **__: None)
    with pytest.raises(PluxelError, match=r"cannot be reached \(HF_HUB_OFFLINE is set\)"):
        hub_file("some/weights", ["model.safetensors"], USUAL)
