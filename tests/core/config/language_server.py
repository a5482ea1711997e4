"""A client of yaml-language-server, which most editors use for YAML.

npm installs the version of editor/package-lock.json into the environment, once.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from filelock import FileLock

LOCK = Path(__file__).with_name("editor") / "package-lock.json"
CURSOR = "¦"
SETTINGS = {"completion": True, "hover": True, "validate": True, "schemaStore": {"enable": False}}


class Offered(NamedTuple):
    """A proposal for completion."""

    label: str
    text: str
    """The documentation beside it."""


def installed() -> Path:
    """Return the program of the language server, after installing it if necessary."""
    version = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"language-server-{version}"
    program = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    with FileLock(f"{folder}.lock"):
        if not (folder / "installed").exists():
            npm = shutil.which("npm")
            assert npm, "this test needs npm: install Node.js 20 or later"
            folder.mkdir(exist_ok=True)
            for name in ("package.json", LOCK.name):
                shutil.copy(LOCK.with_name(name), folder)
            command = [npm, "ci", "--silent", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=300)
            (folder / "installed").touch()
    return program


class Editor:
    """Opens YAML texts in a folder, as an editor does; ``¦`` is the position of the cursor."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = itertools.count(1)
        self._diagnostics: dict[str, list[Any]] = {}
        self._process = subprocess.Popen(
            ["node", str(installed()), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        document = {
            "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
            "hover": {"contentFormat": ["markdown"]},
        }
        capabilities = {"textDocument": document, "workspace": {"configuration": True}}
        self._request(
            "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities}
        )
        self._send({"method": "initialized", "params": {}})

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def complete(self, text: str) -> list[Offered]:
        """Return what the editor offers at the cursor."""
        found = self._at_cursor("textDocument/completion", text)
        return [Offered(item["label"], _documentation(item)) for item in found["items"]]

    def hover(self, text: str) -> str:
        """Return what the editor shows about the word at the cursor."""
        found = self._at_cursor("textDocument/hover", text)
        return found["contents"]["value"] if found else ""

    def problems(self, text: str, folder: Path | None = None) -> list[str]:
        """Return ``line: message`` of everything that the editor marks as wrong."""
        uri = self._open(text, folder)
        while uri not in self._diagnostics:
            self._receive()
        found = self._diagnostics[uri]
        return [f"{one['range']['start']['line'] + 1}: {one['message']}" for one in found]

    def _at_cursor(self, method: str, text: str) -> Any:
        before, _, after = text.partition(CURSOR)
        lines = before.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        uri = self._open(before + after)
        return self._request(method, {"textDocument": {"uri": uri}, "position": position})

    def _open(self, text: str, folder: Path | None = None) -> str:
        uri = ((folder or self._folder) / f"{next(self._ids)}.yaml").absolute().as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        return uri

    def _request(self, method: str, params: Any) -> Any:
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            answer = self._receive()
            if answer.get("id") == number and "method" not in answer:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        """Return the next message, after answering what the server asks."""
        output = self._process.stdout
        assert output
        length = 0
        while line := output.readline().strip():
            name, _, value = line.partition(b": ")
            length = int(value) if name == b"Content-Length" else length
        assert length, "the language server has ended"
        message = json.loads(output.read(length))
        match message.get("method"):
            case "workspace/configuration":
                asked = message["params"]["items"]
                values = [SETTINGS if one.get("section") == "yaml" else {} for one in asked]
                self._send({"id": message["id"], "result": values})
            case "textDocument/publishDiagnostics":
                self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
            case str() if "id" in message:
                self._send({"id": message["id"], "result": None})
        return message


def _documentation(item: dict[str, Any]) -> str:
    text = item.get("documentation", "")
    return text if isinstance(text, str) else text["value"]
