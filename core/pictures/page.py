"""Web pages from Jinja templates: one file that loads nothing, and runs only its own scripts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..common.text import plural, visible
from .masks import OPACITY

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = "pluxel.core.pictures"
_NO_SOURCES: Mapping[str, str] = MappingProxyType({})


def render(
    template: str,
    title: str,
    *,
    package: str = _HERE,
    scripts: Sequence[str] = (),
    data: Any = None,
    sources: Mapping[str, str] = _NO_SOURCES,
    **values: Any,
) -> str:
    """Return a page from a template that extends ``page.html``, which has styles for all pages.

    Templates escape all values, and show control characters as `visible` does. The page has a
    policy for the browser: nothing is loaded, and no script runs but those that ``scripts`` names,
    so a name from a data set cannot become one.

    ``template``, ``scripts``: files in ``templates/`` of a package; scripts run in order, after
    ``page.js``, which has the functions for all pages.
    ``data``: JSON values for the scripts, ``pluxel.data`` there, and for the template.
    ``sources``: what the page may load all the same, by directive of its policy, as ``img-src``.
    """
    environment = _environment(package)
    names = ("page.js", *scripts) if scripts else ()
    texts = [_source(environment, name) for name in names]
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in texts)
    allowed = {"img-src": "data:", "style-src": "'unsafe-inline'", "script-src": hashes}
    for directive, more in sources.items():
        allowed[directive] = f"{allowed.get(directive, '')} {more}".strip()
    rules = dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    rules |= {name: given for name, given in allowed.items() if given}
    policy = "; ".join(f"{name} {given}" for name, given in rules.items())
    page = environment.get_template(template)
    return page.render(title=title, policy=policy, scripts=texts, data=data, **values)


def page_data(page: str) -> Any:
    """Return the data that `render` put into a page; None for another page.

    Raises: ValueError if the data is damaged.
    """
    reader = PageDataReader()
    reader.feed(page)
    return json.loads(reader.data) if reader.data else None


class PageDataReader(HTMLParser):
    """Finds the data of a page: ``data``, as JSON; empty if there is none."""

    data = ""
    _is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter the script with the data."""
        self._is_inside = tag == "script" and dict(attrs).get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        """Leave the script."""
        self._is_inside &= tag != "script"

    def handle_data(self, data: str) -> None:
        """Keep the text of the script, which may come in parts."""
        if self._is_inside:
            self.data += data


@cache
def _environment(package: str) -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    loaders = [PackageLoader(name) for name in dict.fromkeys((package, _HERE))]
    found = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,  # not of markup
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["opacity"] = OPACITY
    found.globals["include_raw"] = lambda name: _source(found, name)
    found.globals["plural"] = plural
    return found


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
