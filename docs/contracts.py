"""Write docs/contracts.md, the members of each kind of component, from the table in the code.

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

This page lists the required and the optional members of each kind of component. Components inherit
from no base class: a member with the right name is enough. `pluxel.core` contains the protocols of
the kinds, and `pluxel.core.authoring` those of the optional members. A type checker can compare a
class with them:

```python
from pluxel.core import Dataset
from pluxel.core.authoring import ListsNames
from pluxel.plugins.datasets.camvid import CamVid

kind: type[Dataset] = CamVid
names: type[ListsNames] = CamVid
```

Type checkers find an installation by `pip install .`. In an editable one, use
`pip install -e . --config-settings editable_mode=strict`, because the folders of the checkout are
mapped to packages.

`pluxel plugins doctor` and every configuration that names the component report members with a
misspelled name (`load_pretraind`) as a warning, and members of the wrong form as an error: a method
instead of a property, or other arguments. The doctor builds nothing, so attributes that a
constructor sets are first checked when `pluxel config check` builds the component.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join([INTRODUCTION, *(line for kind in CONTRACTS for line in _section(kind))])


def _section(kind: str) -> Iterator[str]:
    contract = CONTRACTS[kind]
    yield f"## {kind.capitalize()}\n"
    yield "{}\n".format((inspect.getdoc(contract.required) or "").replace("``", "`"))
    yield f"Wiring: {', '.join(f'`{name}`' for name in WIRING[kind]) or 'none'}.\n"
    yield "| required | |\n|---|---|"
    yield from _rows(contract.required)
    yield "\n| optional | protocol | |\n|---|---|---|"
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
