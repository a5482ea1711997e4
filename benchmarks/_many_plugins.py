"""A folder of installed plugins, some of which are broken, each in another way."""

from __future__ import annotations

from pathlib import Path

GOOD = """\
from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_losses():
    return [Component("{name}", "{name}.loss:Loss", "The loss {name}.")]
"""
LOSS = """\
class Loss:
    def __init__(self, *, factor: float = 1.0):
        self.factor = factor

    def __call__(self, logits, target):
        return self.factor * logits.mean()
"""
BROKEN = {
    "import torchh\n": "ModuleNotFoundError: No module named 'torchh'",
    "from pluxel.registry import Nothing\n": (
        "ImportError: cannot import name 'Nothing' from 'pluxel.registry'"
    ),
    "def broken(:\n": "SyntaxError: invalid syntax (plugin.py, line 1)",
    "raise SystemExit(3)\n": "SystemExit: 3",
    "1 / 0\n": "ZeroDivisionError: division by zero",
    "pluxel_api_version = 99\n": "it needs version 99 of the plugin API",
    "from pluxel.registry import hookimpl\n\n\n@hookimpl\ndef pluxel_loss():\n    return []\n": (
        "unknown hook 'pluxel_loss'. Did you mean 'pluxel_losses'?"
    ),
    "def pluxel_losses():\n    return []\n": "pluxel_losses is not decorated with @hookimpl",
    GOOD.replace("{name}.loss:Loss", "{name}.loss.Loss"): (
        "target '{name}.loss.Loss' is not 'package.module:Class'. Did you mean '{name}.loss:Loss'?"
    ),
    "": "No module named '{name}'; the module of its entry point does not exist. Reinstall it",
}
"""Code of a plugin -> what the message about it says; ``""``: without code."""


def install(folder: Path, count: int) -> dict[str, str]:
    """Install plugins, every tenth of which is broken.

    Returns the names of the broken ones, each with its cause.
    """
    causes: dict[str, str] = {}
    ways = [*BROKEN.items()]
    for number in range(count):
        name = f"dummy_{number:03}"
        code = GOOD
        if number % 10 == 0:
            code, cause = ways[number // 10 % len(ways)]
            causes[name.replace("_", "-")] = cause.replace("{name}", name)
        _install(folder, name, code.replace("{name}", name))
    return causes


def _install(folder: Path, name: str, code: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: pluxel\n"
    (info / "METADATA").write_text(f"{headers}\n# {name}\n\n{'A long description. ' * 300}\n")
    (info / "entry_points.txt").write_text(f"[pluxel]\nmain = {name}.plugin\n")
    if code:
        package = folder / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(code)
        (package / "loss.py").write_text(LOSS)
