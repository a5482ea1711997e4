"""`pluxel app` as a process: it serves, ends with Ctrl-C, and refuses what it cannot serve."""

from __future__ import annotations

import io
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import Pluxel, start

pytestmark = pytest.mark.slow


def test_it_serves_until_ctrl_c(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    process = start("app", trained, "--port", "0", "--allow-host", "demo.example", cwd=tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline() or process.communicate(timeout=60)[1]
    assert line.startswith("http://127.0.0.1:")
    address = line.split()[0]
    with urllib.request.urlopen(address) as page:
        assert trained.name in page.read().decode()
    for name in ("demo.example", f"{socket.gethostname()}:8484"):
        assert _answer(address, name)[0] == 200, name
    status, text = _answer(address, "evil.example:80")
    assert status == 421
    assert text.endswith("start the app with --allow-host evil.example")
    file = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file, "PNG")
    sent = urllib.request.Request(f"{address}/predict/0", file.getvalue(), {"X-Name": "a.png"})
    with urllib.request.urlopen(sent) as answer:
        assert answer.status == 200
    assert len([*place.glob("pluxel-app-*/*/mask-0.png")]) == 1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "stopped\n"), err
    assert "Traceback" not in err
    assert [*place.iterdir()] == []
    assert [*tmp_path.iterdir()] == [place]


def _answer(address: str, host: str) -> tuple[int, str]:
    """Return status and text of the answer to a request for a host by another name."""
    request = urllib.request.Request(address, headers={"Host": host})
    try:
        with urllib.request.urlopen(request) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_refuses_what_it_cannot_serve(pluxel: Pluxel, trained: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = pluxel("app", trained, "--port", port)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is taken by another program; --port 0" in done.stderr
    (tmp_path / "empty").mkdir()
    done = pluxel("app", tmp_path / "empty", "--port", 0)
    assert done.returncode == 2
    assert "is not a run: it has no config.yaml" in done.stderr
    done = pluxel("app", trained, trained, "--port", 0)
    assert done.returncode == 2
    assert "a run is given twice" in done.stderr
