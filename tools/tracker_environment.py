"""Build `.venv-trackers`, the environment in which the trackers of other packages are tested.

Some of these packages need older versions of packages that Pluxel uses, such as Pillow. They are
installed into an environment of their own, which takes everything else from the environment of the
Python that runs this script.
"""

from __future__ import annotations

import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv-trackers"
EXTRAS = ("mlflow", "tensorboard", "trackio", "wandb")


def build() -> None:
    """Build the environment, unless it is there already with the same requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = [one for name in EXTRAS for one in extras[name]]
    ours = sysconfig.get_path("purelib")
    stamp, content = FOLDER / "installed", "\n".join([ours, *requirements])
    with FileLock(f"{FOLDER}.lock"):
        if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == content):
            venv.create(FOLDER, clear=True, with_pip=True)
            python = FOLDER / "bin" / "python"
            path = "import sysconfig; print(sysconfig.get_path('purelib'))"
            theirs = subprocess.run(
                [python, "-c", path], capture_output=True, text=True, check=True
            )
            # Later in the path than their own packages, which so come first.
            line = f"import site; site.addsitedir({ours!r})\n"
            (Path(theirs.stdout.strip()) / "zz_pluxel.pth").write_text(line, encoding="utf-8")
            install = [python, "-m", "pip", "install", "--quiet", *requirements]
            subprocess.run(install, check=True)
        stamp.write_text(content, encoding="utf-8")  # for make, which compares times


if __name__ == "__main__":
    build()
