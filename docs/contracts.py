"""Write docs/contracts.md, what components must and may offer, from the table of the code.

python docs/contracts.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pluxel.core.contracts.kinds import WIRING
from pluxel.core.contracts.offers import members_of
from pluxel.core.contracts.table import CONTRACTS

PAGE = Path(__file__).with_name("contracts.md")

INTRODUCTION = """\
# Contracts

<!-- Written by docs/contracts.py from core/contracts/; do not edit. -->

What a component of each kind must offer, and what it may offer beside that. There is no base class
to inherit from: a member of the right name is enough. The protocols are in `pluxel.core.authoring`,
those of the kinds themselves in `pluxel.core`. A type checker compares a class with them:

```python
from pluxel.core import Dataset
from pluxel.core.authoring import ListsNames
from pluxel.plugins.datasets.camvid import CamVid

kind: type[Dataset] = CamVid
names: type[ListsNames] = CamVid
```

`pluxel plugins doctor` reports public members whose name is nearly one of these (`load_pretraind`),
and members that are written as something else: a method instead of a property, or other arguments.
A configuration that names the component logs the same as a warning when it is loaded.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([INTRODUCTION, *(line for kind in CONTRACTS for line in _section(kind))])


def _section(kind: str) -> Iterator[str]:
    contract = CONTRACTS[kind]
    yield f"## {kind.capitalize()}\n"
    yield "{}\n".format((inspect.getdoc(contract.required) or "").replace("``", "`"))
    yield f"Wiring: {', '.join(f'`{name}`' for name in WIRING[kind]) or 'none'}.\n"
    yield "| must offer | |\n|---|---|"
    yield from _rows(contract.required)
    yield "\n| may offer | protocol | |\n|---|---|---|"
    for protocol in contract.optional:
        yield from _rows(protocol, f"`{protocol.__name__}` | ", f"{_flat(protocol)} ")
    yield ""


def _rows(protocol: type[Any], column: str = "", first: str = "") -> Iterator[str]:
    for name, member in members_of(protocol).items():
        yield f"| `{_written(name, member)}` | {column}{first}{_flat(member)} |"
        first = ""


def _written(name: str, member: Any) -> str:
    if isinstance(member, property):
        return name
    function = member.__func__ if isinstance(member, classmethod) else member
    arguments = ", ".join([*inspect.signature(function).parameters][1:])
    return f"{'classmethod ' if isinstance(member, classmethod) else ''}{name}({arguments})"


def _flat(documented: Any) -> str:
    return " ".join((inspect.getdoc(documented) or "").split()).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
