"""What the examples' own pages tell to type."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from .conftest import EXAMPLES
from .test_acme_seg import pluxel

pytestmark = pytest.mark.slow

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "environment"),
    [("acme-seg", "installed_example"), ("glove-6b-50d", "installed_words")],
)
def test_commands_and_configurations(
    name: str, environment: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    env = request.getfixturevalue(environment)
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    blocks = dict(FENCE.findall(page))
    install, *commands = blocks.pop("sh").splitlines()
    assert install == f"pip install ./examples/{name}"  # as the fixture did
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "pluxel"
        assert pluxel(env, *arguments)
    (tmp_path / "mine.yaml").write_text(
        "base: shapes_fcn8s_resnet18\n" + blocks.pop("yaml"), encoding="utf-8"
    )
    assert pluxel(env, "config", "check", str(tmp_path / "mine.yaml"))
    assert not blocks
