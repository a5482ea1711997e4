"""Plugins are found however they are installed, and what is left of others does no harm."""

from __future__ import annotations

import io
import os
import site as python_site
import sys
import zipfile
from contextlib import chdir, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pluxel.core import load_config
from pluxel.registry import Host, PluxelError, UnknownComponent
from setuptools import build_meta

pytestmark = pytest.mark.filterwarnings("ignore:Editable installation")

OFFER = """
from pluxel.registry import Component, hookimpl

class Net:
    pass

@hookimpl
def pluxel_decoders():
    return [Component({name!r}, "{module}:Net", "One.")]
"""
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "acme-seg"
version = "{version}"

[project.entry-points.pluxel]
main = "acme_seg.plugin"

[tool.setuptools]
packages = ["acme_seg"]
{layout}
"""


@pytest.fixture(autouse=True)
def _no_finder_outlives_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable installation may add a finder."""
    for name in ("meta_path", "path_hooks"):
        monkeypatch.setattr(sys, name, [*getattr(sys, name)])


@pytest.fixture(params=["ascending", "descending"])
def order_of_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """List folders in either order: which one a file system has is left to it."""
    listdir, descending = os.listdir, request.param == "descending"
    monkeypatch.setattr("os.listdir", lambda path=".": sorted(listdir(path), reverse=descending))


def found(host: Host) -> dict[str, str]:
    """Return decoder -> version of its plugin, after importing each; without built-in ones."""
    names = {}
    for each in host.components("decoder"):
        if each.provider != "pluxel":
            assert host.load(each).__name__ == "Net"
            names[each.qualified] = host.providers[each.provider].version
    return names


def project(folder: Path, version: str = "1.0", source: str = "") -> Path:
    """Write the project of a plugin; its package is in the folder ``source``."""
    package = folder / source / "acme_seg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(OFFER.format(name="wnet", module="acme_seg.plugin"))
    layout = f'package-dir = {{"" = "{source}"}}' if source else ""
    (folder / "pyproject.toml").write_text(PYPROJECT.format(version=version, layout=layout))
    return folder


def build(folder: Path, *, editable: bool = False) -> Path:
    """Build the wheel of a project with its real backend, and return it."""
    make = build_meta.build_editable if editable else build_meta.build_wheel
    with chdir(folder), redirect_stdout(io.StringIO()):
        return folder / make(str(folder))


def unpack(wheel: Path, folder: Path) -> None:
    """Install a wheel, as pip does, and let Python read its .pth files."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    python_site.addsitedir(str(folder))


@pytest.mark.parametrize("source", ["", "src"])
def test_a_wheel(site: Any, tmp_path: Path, source: str) -> None:
    unpack(build(project(tmp_path / "project", source=source)), site.folder)
    assert found(Host()) == {"acme-seg/wnet": "1.0"}


@pytest.mark.parametrize("source", ["", "src"])
def test_an_editable_installation(site: Any, tmp_path: Path, source: str) -> None:
    folder = project(tmp_path / "project", source=source)
    unpack(build(folder, editable=True), site.folder)
    host = Host()
    assert found(host) == {"acme-seg/wnet": "1.0"}
    assert host.providers["acme-seg"].location == str(folder / source / "acme_seg/plugin.py")


def test_an_editable_installation_in_its_own_folder(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build leaves metadata beside the sources, which Python finds, too."""
    folder = project(tmp_path / "project")
    build(folder)
    unpack(build(folder, editable=True), site.folder)
    assert (folder / "acme_seg.egg-info" / "entry_points.txt").is_file()
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.chdir(folder)
    host = Host()
    assert found(host) == {"acme-seg/wnet": "1.0"}
    assert host.providers["acme-seg"].entry_points == ("main = acme_seg.plugin",)


def test_an_editable_installation_whose_sources_are_gone(site: Any, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    unpack(build(folder, editable=True), site.folder)
    folder.rename(tmp_path / "moved")
    host = Host()
    assert found(host) == {}
    assert [each.error for each in host.failures] == [
        "ModuleNotFoundError: No module named 'acme_seg'; the module of its entry point does not "
        "exist. Reinstall it, or remove it: pip uninstall acme-seg"
    ]


def test_an_archive(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("acme-seg", OFFER.format(name="wnet", module="acme_seg"), version="1.2")
    archive = tmp_path / "plugins.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in site.folder.rglob("*"):
            file.write(path, path.relative_to(site.folder))
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path[1:]])
    host = Host()
    assert found(host) == {"acme-seg/wnet": "1.2"}
    assert host.providers["acme-seg"].location == f"{archive}/acme_seg.py"


def test_two_distributions_share_a_namespace_package(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(site)(tmp_path / "other")
    for folder, name in ((site, "seg"), (other, "words")):
        folder.install(f"acme-{name}", None, entry_points=f"[pluxel]\nmain = acme.{name}\n")
        folder.module(f"acme/{name}", OFFER.format(name=name, module=f"acme.{name}"))
    monkeypatch.setattr(sys, "path", [str(other.folder), *sys.path])
    assert found(Host()) == {"acme-seg/seg": "1.0", "acme-words/words": "1.0"}


@pytest.mark.usefixtures("order_of_files")
class TestTwoVersions:
    """One of them counts: the first on the path, and in one folder the newest."""

    @pytest.mark.parametrize("versions", [("1.0", "2.0"), ("2.0", "1.0"), ("1.9", "1.10")])
    def test_in_two_folders(
        self, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: tuple[str, str]
    ) -> None:
        for folder, version in zip((site.folder, tmp_path / "later"), versions, strict=True):
            folder.mkdir(exist_ok=True)
            unpack(build(project(tmp_path / f"project-{version}", version)), folder)
        monkeypatch.setattr(sys, "path", [str(site.folder), str(tmp_path / "later"), *sys.path])
        assert found(Host()) == {"acme-seg/wnet": versions[0]}

    @pytest.mark.parametrize("stale", ["0.9", "1.9", "1.10rc1"])
    def test_in_one_folder(self, site: Any, stale: str) -> None:
        """An update that was interrupted leaves the metadata of the old version."""
        site.install("acme-seg", None, version=stale, entry_points="[pluxel]\nmain = acme_old\n")
        site.install("acme-seg", OFFER.format(name="wnet", module="acme_seg"), version="1.10.1")
        host = Host()
        assert found(host) == {"acme-seg/wnet": "1.10.1"}
        assert not host.failures


@pytest.mark.usefixtures("order_of_files")
class TestLeftovers:
    """What an uninstallation leaves behind."""

    @pytest.mark.parametrize("version", ["0.9", "2.0"])
    def test_metadata_that_pip_renamed(self, site: Any, version: str) -> None:
        site.install("acme-seg", None, version=version, entry_points="[pluxel]\nmain = acme_old\n")
        old = site.folder / f"acme_seg-{version}.dist-info"
        old.rename(site.folder / f"~cme_seg-{version}.dist-info")
        assert found(Host()) == {}
        assert not Host().failures
        site.install("acme-seg", OFFER.format(name="wnet", module="acme_seg"))
        host = Host()
        assert found(host) == {"acme-seg/wnet": "1.0"}
        assert not host.failures

    def test_modules_without_metadata(self, site: Any) -> None:
        site.module("acme_seg", OFFER.format(name="wnet", module="acme_seg"))
        assert found(Host()) == {}

    def test_a_folder_of_metadata_without_files(self, site: Any) -> None:
        (site.folder / "acme_seg-1.0.dist-info").mkdir()
        host = Host()
        assert found(host) == {}
        assert not host.failures

    def test_entry_points_without_metadata(self, site: Any) -> None:
        site.install("acme-seg", None)
        (site.folder / "acme_seg-1.0.dist-info" / "METADATA").unlink()
        (failure,) = Host().failures
        assert failure.provider == str(site.folder)
        assert failure.error.endswith("Reinstall it, or delete what is left of it in this folder")

    def test_metadata_without_modules(self, site: Any) -> None:
        site.install("acme-seg", None)
        (failure,) = Host().failures
        assert failure.error.endswith("Reinstall it, or remove it: pip uninstall acme-seg")


class TestRenamedDistribution:
    """A distribution that declares its former name still answers to it."""

    CODE = "pluxel_renamed_from = ('Acme_Seg',)\n" + OFFER.format(name="wnet", module="acme_net")

    def test_the_former_name(self, site: Any, caplog: pytest.LogCaptureFixture) -> None:
        site.install("acme-net", self.CODE, version="2.0")
        host = Host()
        for _ in range(2):
            assert host.get("decoder", "acme-seg/wnet").qualified == "acme-net/wnet"
        assert caplog.messages == ["decoder 'acme-seg/wnet' is now called 'acme-net/wnet'"]
        provider = host.provider("acme-seg")
        assert provider
        assert (provider.name, provider.former_names) == ("acme-net", ("acme-seg",))
        assert host.provider("acme") is None

    def test_both_installed(self, site: Any, caplog: pytest.LogCaptureFixture) -> None:
        site.install("acme-net", self.CODE)
        site.install("acme-seg", OFFER.format(name="wnet", module="acme_seg"))
        assert Host().get("decoder", "acme-seg/wnet").provider == "acme-seg"
        assert not caplog.messages

    def test_a_run_with_the_former_name(self, site: Any, tmp_path: Path) -> None:
        text = "pluxel: {version: 0.1.0, providers: {acme-seg: '1.0', other: '1.0'}}\n"
        site.install("acme-net", self.CODE)
        path = tmp_path / "config.yaml"
        path.write_text(f"base: shapes_fcn8s_resnet18\n{text}")
        with pytest.raises(PluxelError) as caught:
            load_config(path, host=Host())
        assert "was written with other 1.0, which is not installed" in str(caught.value)
        assert "acme-seg" not in str(caught.value)

    @pytest.mark.parametrize("value", ["'acme-seg'", "(1,)"])
    def test_a_wrong_declaration(self, site: Any, value: str) -> None:
        site.install("acme-net", self.CODE.replace("('Acme_Seg',)", value))
        (failure,) = Host().failures
        assert failure.error.startswith(
            "pluxel_renamed_from must be a tuple of names of distributions, not "
        )


class TestKnownPlugins:
    """A component that a known plugin offers comes with the command that installs it."""

    @pytest.fixture(autouse=True)
    def _table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = {("decoder", "wnet"): "acme-seg", ("decoder", "fast"): "acme-seg[fast]"}
        monkeypatch.setattr("pluxel.registry._known.KNOWN", table)

    @staticmethod
    def message(kind: str, name: str) -> str:
        with pytest.raises(UnknownComponent) as caught:
            Host().get(kind, name)
        return caught.value.message

    @pytest.mark.parametrize("name", ["wnet", "acme-seg/wnet"])
    def test_the_command(self, name: str) -> None:
        assert self.message("decoder", name) == (
            f"unknown decoder {name!r}. acme-seg offers it, which is not installed: "
            "pip install 'acme-seg'"
        )

    def test_an_extra(self) -> None:
        assert self.message("decoder", "fast").endswith("pip install 'acme-seg[fast]'")

    @pytest.mark.parametrize(("kind", "name"), [("loss", "wnet"), ("decoder", "zeta/wnet")])
    def test_other_names(self, kind: str, name: str) -> None:
        assert "pip install" not in self.message(kind, name)

    @pytest.mark.parametrize("options", ["code", "deny"])
    def test_an_installed_plugin_is_not_installed_again(
        self, site: Any, options: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = "import torchh" if options == "code" else OFFER.format(name="wnet", module="m")
        site.install("acme-seg", code)
        if options == "deny":
            monkeypatch.setenv("PLUXEL_PLUGINS", "-acme-seg")
        assert "pip install" not in self.message("decoder", "wnet")


def test_no_plugin_is_known_before_it_is_published() -> None:
    assert dict(import_module("pluxel.registry._known").KNOWN) == {}
