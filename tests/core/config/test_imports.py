"""Names of the package cost nothing before they are used."""

from __future__ import annotations

import subprocess
import sys

import pluxel.core.config
import pytest


def test_the_package_is_light() -> None:
    code = "import sys, pluxel.core.config; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "torch", "yaml"} & set(done.stdout.split())


@pytest.mark.parametrize("name", pluxel.core.config.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(pluxel.core.config, name) is not None


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Confg'"):
        pluxel.core.config.Confg  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
