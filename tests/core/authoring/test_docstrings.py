"""The docstrings of what authors build on say what each argument is."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pluxel.core
import pluxel.core.authoring
import pytest

UNSPECIFIC = re.compile(r"\b(str|int|float|bool|Callable|Any)\b|Path \|")
"""Types that do not say what a value means."""

PARAMETERS = [
    pytest.param(function, parameter, id=f"{name}-{parameter.name}")
    for module in (pluxel.core, pluxel.core.authoring)
    for name in sorted(module.__all__)
    if inspect.isfunction(function := getattr(module, name))
    for parameter in inspect.signature(function).parameters.values()
    if UNSPECIFIC.search(str(parameter.annotation))
]


@pytest.mark.parametrize(("function", "parameter"), PARAMETERS)
def test_a_docstring_explains_each_argument(function: Any, parameter: inspect.Parameter) -> None:
    """It names the argument, or one of several: ``names`` may appear as "the name"."""
    name = parameter.name
    text = inspect.getdoc(function) or ""
    assert re.search(rf"\b({name}|{name.removesuffix('s')})\b", text), text


def test_the_rule_covers_what_begins_messages() -> None:
    found = {f"{one.values[0].__name__}.{one.values[1].name}" for one in PARAMETERS}
    assert {"existing_folder.what", "unknown_split.known", "log_matches.what"} <= found


def test_files_of_a_folder_explain_their_source() -> None:
    """A class, whose arguments its own docstring explains."""
    text = inspect.getdoc(pluxel.core.authoring.FolderFiles) or ""
    for name in ("suffix", "source"):
        assert f"``{name}``: " in text
    known = inspect.getdoc(pluxel.core.authoring.unknown_split) or ""
    assert "``where``: " in known
