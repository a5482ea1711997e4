"""Who may ask the server: browsers that name this machine, at a port that is free."""

from __future__ import annotations

import re

import pytest
from pluxel.core.common.local_server import is_allowed, is_same_origin, listen
from pluxel.registry import PluxelError


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ("127.0.0.1:8484", True),
        ("localhost:8484", True),
        ("LOCALHOST", True),
        ("[::1]:8484", True),
        ("192.168.0.7:8484", True),
        ("lab-pc:8484", True),
        ("evil.example:8484", False),
        ("127.0.0.1.evil.example:8484", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[evil.example]:1", False),
    ],
)
def test_only_names_of_this_machine_are_allowed(header: str, allowed: bool) -> None:
    assert is_allowed(header, ["lab-pc"]) == allowed


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        (None, True),
        ("http://127.0.0.1:8484", True),
        ("http://127.0.0.1:9999", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_only_pages_of_the_server_may_ask(origin: str | None, same: bool) -> None:
    assert is_same_origin(origin, "127.0.0.1:8484") == same


def test_a_taken_port_is_refused() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        message = (
            f"port {port} of 127.0.0.1 is taken by another program; --port 0 chooses a free one"
        )
        with pytest.raises(PluxelError, match=f"^{re.escape(message)}$"):
            listen("127.0.0.1", port)
    listen("127.0.0.1", port).close()


def test_a_host_of_others_is_refused() -> None:
    with pytest.raises(PluxelError, match=r"^cannot use port 0 of 192.0.2.1: "):
        listen("192.0.2.1", 0)
    with pytest.raises(PluxelError, match=r"^--host no.such.host.invalid: "):
        listen("no.such.host.invalid", 0)
