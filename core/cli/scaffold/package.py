"""Write a plugin that works before a line is changed: a package, or one file for ``--plugin``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from keyword import iskeyword
from string import Template

import yaml

from ....registry import KINDS
from .names import PackageNames
from .schema import with_modeline

NO_AUTHOR = "YOUR NAME"
"""What stands for the author's name if it is not known."""

_LINE = 100
"""The longest line of the code."""


_TEXTS = ("summary", "data", "usage", "more_commands", "more_files", "package_data")
"""What differs between the kinds, apart from whole files; in ``KIND/texts.yaml``.

``summary``: of the component. ``data``: what the recipe trains on. ``usage``: the component in a
pipeline. ``more_commands``: of the README. ``more_files``: rows of its table of files.
``package_data``: in pyproject.toml.
"""


@dataclass(frozen=True)
class NewPlugin:
    """What to write. ``is_taken``: whether another plugin offers a component of this name."""

    kind: str
    names: PackageNames
    author: str
    is_taken: bool = False

    @property
    def recipe(self) -> str:
        """The name of the pipeline of the package."""
        return f"{self.names.distribution}.yaml"

    def package(self) -> Iterator[tuple[str, str | bytes]]:
        """Yield the path and the content of every file of the package."""
        module, kind = self.names.module, self.kind
        yield "pyproject.toml", self._filled("package/pyproject.toml")
        yield "MANIFEST.in", self._filled("package/MANIFEST.in")
        yield "README.md", self._filled("package/README.md")
        yield "LICENSE", self._filled("package/LICENSE")
        yield ".gitignore", self._filled("package/gitignore")
        yield ".github/workflows/test.yml", self._filled("package/test.yml")
        yield ".github/workflows/publish.yml", self._filled("package/publish.yml")
        yield self.recipe, with_modeline(self._filled(f"{kind}/recipe.yaml"))
        yield f"{module}/__init__.py", self._filled("package/init.py")
        record = self._record(f"{module}.{kind}")
        yield f"{module}/plugin.py", self._filled("package/plugin.py", record=record)
        yield f"{module}/{kind}.py", self._filled(f"{kind}/component.py", registry="", hook="")
        yield "tests/test_conformance.py", self._tests()
        if kind == "embedding":
            yield f"{module}/vectors.txt", _template("embedding/vectors")
        if kind == "dataset":
            from .pictures import example_pairs

            for place, content in example_pairs():
                yield f"tests/data/{place}", content

    def file(self) -> str:
        """Return the text of one file with the component and its hook."""
        own = f"{self.kind}/here.py"
        return self._filled(
            own if _exists(own) else f"{self.kind}/component.py",
            registry="from pluxel.registry import Component, hookimpl\n",
            hook=self._filled("package/hook.py", record=self._record(self.names.module)),
            vectors=_template("embedding/vectors"),
        )

    @property
    def _class_name(self) -> str:
        """The name of the component's class, which differs from all other names of its file."""
        name = "".join(part.capitalize() for part in self.names.module.split("_"))
        parts = [f"{self.kind}/component.py", f"{self.kind}/here.py", "package/hook.py"]
        used = "".join(_template(part) for part in parts if _exists(part))
        is_used = iskeyword(name) or re.search(rf"(?<!\$)\b{name}\b", used)
        return f"{name}{self.kind.capitalize()}" if is_used else name

    def _record(self, module: str) -> str:
        """Return the statement that returns the record of the component, as ruff formats it."""
        target = f"{module}:{self._class_name}"
        values = [f'"{one}"' for one in (self.names.module, target, self._texts["summary"])]
        line = f"    return [Component({', '.join(values)})]"
        if len(line) <= _LINE:
            return line
        lines = ["    return [", "        Component("]
        lines += [f"            {value}," for value in values]
        return "\n".join([*lines, "        )", "    ]"])

    def _tests(self) -> str:
        own = f"{self.kind}/test_conformance.py"
        return self._filled(own if _exists(own) else "package/test_conformance.py")

    def _filled(self, name: str, **more: str) -> str:
        """Return a template with its placeholders replaced; the text ends in one line feed."""
        names = self.names
        values = {
            "author": self.author,
            "class_name": self._class_name,
            "component": names.module,
            "distribution": names.distribution,
            "hook": KINDS[self.kind],
            "kind": self.kind,
            "module": names.module,
            "quoted_author": json.dumps(self.author, ensure_ascii=False),
            "recipe": self.recipe,
            "version": version("pluxel"),
            "yaml_name": self._yaml_name,
            "year": str(date.today().year),
        }
        values |= {key: Template(one).substitute(values) for key, one in self._texts.items()}
        text = Template(_template(name)).substitute({**values, **more})
        return f"{text.rstrip()}\n"

    @cached_property
    def _texts(self) -> dict[str, str]:
        own = yaml.safe_load(_template(f"{self.kind}/texts.yaml"))
        return {name: own.get(name, "") for name in _TEXTS}

    @property
    def _yaml_name(self) -> str:
        own = self.names.module
        return f"{self.names.distribution}/{own}" if self.is_taken else own


def _template(name: str) -> str:
    return _path(name).read_text(encoding="utf-8")


def _exists(name: str) -> bool:
    return _path(name).is_file()


def _path(name: str) -> Traversable:
    # The suffix keeps linters and tests from reading templates as code.
    return files("pluxel.core.cli.scaffold").joinpath("templates", *f"{name}.txt".split("/"))
