"""The host finds installed distributions on ``sys.path``; a bad plugin does not affect others."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pluxel.registry import Host, PluxelError, UnknownComponent

OFFER = """
from pluxel.registry import Component, hookimpl

@hookimpl
def pluxel_decoders():
    return [Component({name!r}, "nowhere:C", "One.")]
"""


def names(host: Host) -> list[str]:
    """Return the qualified names of the decoders that are not built in."""
    decoders = host.components("decoder")
    return [each.qualified for each in decoders if each.provider != "pluxel"]


def test_provenance(site: Any) -> None:
    site.install("acme-seg", OFFER.format(name="wnet"), version="1.2")
    host = Host()
    provider = host.providers["acme-seg"]
    assert (provider.version, provider.entry_points) == ("1.2", ("main = acme_seg",))
    assert provider.location == str(site.folder / "acme_seg.py")
    assert host.get("decoder", "wnet").provider == "acme-seg"
    assert host.get("decoder", "fcn8s").provider == "pluxel"


def test_distribution_names_are_normalized(site: Any) -> None:
    site.install("Acme_Seg", OFFER.format(name="wnet"))
    site.module("Acme_Seg", OFFER.format(name="wnet"))
    assert names(Host()) == ["acme-seg/wnet"]


def test_several_entry_points_are_one_provider(site: Any) -> None:
    points = "[pluxel]\nfirst = acme_first\nsecond = acme_second\n"
    site.install("acme", None, entry_points=points)
    site.module("acme_first", OFFER.format(name="one"))
    site.module("acme_second", OFFER.format(name="two"))
    host = Host()
    assert names(host) == ["acme/one", "acme/two"]
    assert host.providers["acme"].entry_points == ("first = acme_first", "second = acme_second")


def test_two_entry_points_of_a_distribution_may_not_offer_the_same_name(site: Any) -> None:
    points = "[pluxel]\nfirst = acme_first\nsecond = acme_second\n"
    site.install("acme", None, entry_points=points)
    for module in ("acme_first", "acme_second"):
        site.module(module, OFFER.format(name="wnet"))
    host = Host()
    assert names(host) == ["acme/wnet"]
    assert [each.error for each in host.failures] == ["acme offers decoder 'wnet' twice"]


def test_two_distributions_may_share_an_entry_point_name(site: Any) -> None:
    site.install("acme", OFFER.format(name="one"))
    site.install("zeta", OFFER.format(name="two"))  # both are called main
    assert names(Host()) == ["acme/one", "zeta/two"]


def test_an_attribute_of_a_module_can_be_the_plugin(site: Any) -> None:
    code = """
    from pluxel.registry import Component, hookimpl

    class Plugin:
        @hookimpl
        def pluxel_decoders(self):
            return [Component("wnet", "nowhere:C", "One.")]

    plugin = Plugin()
    """
    site.install("acme", code, entry_points="[pluxel]\nmain = acme:plugin\n")
    assert names(Host()) == ["acme/wnet"]


def test_only_the_first_of_two_versions_on_the_path_registers(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("acme", OFFER.format(name="new"), version="2.0")
    shadowed = type(site)(site.folder / "shadowed")
    shadowed.install("acme", OFFER.format(name="old"), version="1.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(shadowed.folder), str(site.folder)])
    host = Host()
    assert names(host) == ["acme/new"]
    assert host.providers["acme"].version == "2.0"
    assert not host.failures


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import torchh", "ModuleNotFoundError: No module named 'torchh'"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("class Odd(BaseException): pass\nraise Odd", "Odd"),
        ("def broken(:", "SyntaxError: invalid syntax (broken_seg.py, line 1)"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        (
            None,
            "ModuleNotFoundError: No module named 'broken_seg'; the module of its entry point does "
            "not exist. Reinstall it, or remove it: pip uninstall broken-seg",
        ),
    ],
)
def test_a_failing_plugin_does_not_affect_others(site: Any, code: str | None, error: str) -> None:
    site.install("broken-seg", code)
    site.install("acme", OFFER.format(name="wnet"))
    site.install("zeta", OFFER.format(name="refine"))
    host = Host()
    assert names(host) == ["zeta/refine", "acme/wnet"]
    assert [(each.provider, each.error) for each in host.failures] == [("broken-seg", error)]
    # No traceback if a package is missing, or if no code of the plugin ran.
    traceback = host.failures[0].traceback
    assert bool(traceback) == ("ModuleNotFoundError" not in error)
    assert "pluxel" not in traceback.partition("broken_seg")[0]


def test_ctrl_c_is_not_a_plugin_failure(site: Any) -> None:
    site.install("acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Host()


def test_a_distribution_that_no_longer_declares_a_plugin_hides_older_ones(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("acme", None, version="2.0", entry_points="[console_scripts]\nacme = acme:main\n")
    shadowed = type(site)(site.folder / "shadowed")
    shadowed.install("Acme", OFFER.format(name="old"), version="1.0")
    monkeypatch.setattr(sys, "path", [str(site.folder), str(shadowed.folder), *sys.path])
    assert names(Host()) == []


def test_the_built_ins_need_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.distributions", list)
    host = Host()
    assert host.get("decoder", "fcn8s").qualified == "pluxel/fcn8s"
    assert host.providers["pluxel"].version == ""
    assert "pluxel" not in Host(deny=["pluxel"]).providers


@pytest.mark.parametrize(
    "text",
    [
        *("[pluxel\nmain = acme\n", "pluxel]\nmain = acme\n", "main = pluxel_acme\n"),
        *("[ pluxel ]\nmain = acme\n", "[Pluxel]\nmain = acme\n", "\ufeff[pluxel]\nmain = a\n"),
        *("[pluxel]\nno equals sign\n", "[pluxel]\nmain =\n", b"[pluxel]\nmain = \xff\n"),
        "[pluxel]\nmain = acme\n".encode("utf-16"),
    ],
)
def test_malformed_metadata_affect_only_their_distribution(site: Any, text: str | bytes) -> None:
    site.install("broken-seg", None, entry_points="")
    site.install("acme", OFFER.format(name="wnet"))
    path = site.folder / "broken_seg-1.0.dist-info" / "entry_points.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    host = Host()
    assert names(host) == ["acme/wnet"]
    assert [each.provider for each in host.failures] == ["broken-seg"]


def test_a_distribution_without_metadata_is_named_by_its_folder(site: Any) -> None:
    site.install("acme", "import torchh")
    (site.folder / "acme-1.0.dist-info" / "METADATA").unlink()
    assert [each.provider for each in Host().failures] == [str(site.folder)]


def test_other_entry_point_groups_are_ignored(site: Any) -> None:
    site.install("acme", "raise SystemExit", entry_points="[pluxel_other]\nmain = acme\n")
    host = Host()
    assert "acme" not in host.providers
    assert not host.failures


def test_plugin_output_does_not_reach_stdout(site: Any, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", "print('using device cuda')\n" + OFFER.format(name="wnet"))
    assert names(Host()) == ["acme/wnet"]
    assert capsys.readouterr() == ("", "using device cuda\n")


class TestAllowAndDeny:
    """Plugins are allowed or denied by name, before any of their code runs."""

    @pytest.fixture(autouse=True)
    def _two_plugins(self, site: Any) -> None:
        site.install("acme-seg", OFFER.format(name="wnet"))
        site.install("zeta-seg", OFFER.format(name="refine"))

    def test_all_plugins_load_by_default(self) -> None:
        assert names(Host()) == ["zeta-seg/refine", "acme-seg/wnet"]

    @pytest.mark.parametrize("spelling", ["zeta-seg", "Zeta_Seg"])
    def test_deny(self, spelling: str) -> None:
        host = Host(deny=[spelling])
        assert names(host) == ["acme-seg/wnet"]
        assert "zeta_seg" not in sys.modules
        assert host.excluded == {"zeta-seg": "excluded (--deny-plugin or PLUXEL_PLUGINS)"}

    def test_allow_keeps_the_built_ins(self) -> None:
        host = Host(allow=["acme-seg"])
        assert names(host) == ["acme-seg/wnet"]
        assert "zeta_seg" not in sys.modules
        assert host.get("decoder", "fcn8s").provider == "pluxel"

    def test_an_empty_allow_list_admits_no_plugins(self) -> None:
        assert names(Host(allow=[])) == []

    def test_deny_overrides_allow(self) -> None:
        assert names(Host(allow=["acme-seg"], deny=["acme-seg"])) == []

    @pytest.mark.parametrize("way", ["argument", "environment"])
    def test_the_built_ins_can_be_denied_but_not_in_silence(
        self, way: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        if way == "environment":
            monkeypatch.setenv("PLUXEL_PLUGINS", "-pluxel")
        host = Host(deny=["pluxel"] if way == "argument" else [])
        assert "pluxel" not in host.providers
        assert caplog.messages == [
            "the built-in components are not available: plugin pluxel is excluded "
            "(--deny-plugin or PLUXEL_PLUGINS)"
        ]

    @pytest.mark.parametrize(
        ("value", "loaded"),
        [
            ("zeta-seg,", ["zeta-seg/refine"]),
            (" Zeta_Seg , acme-seg", ["zeta-seg/refine", "acme-seg/wnet"]),
            ("not-installed-here", []),
            ("-zeta_seg, -not-installed-here", ["acme-seg/wnet"]),
            ("zeta-seg,acme-seg,-acme-seg", ["zeta-seg/refine"]),
            ("", []),
        ],
    )
    def test_the_environment(
        self, value: str, loaded: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLUXEL_PLUGINS", value)
        host = Host()
        assert names(host) == loaded
        assert host.get("decoder", "fcn8s").provider == "pluxel"

    def test_an_argument_replaces_what_the_environment_allows(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLUXEL_PLUGINS", "zeta-seg")
        assert names(Host(allow=["acme-seg"])) == ["acme-seg/wnet"]

    def test_the_environment_and_the_arguments_deny_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLUXEL_PLUGINS", "-zeta-seg")
        assert names(Host(deny=["acme-seg"])) == []

    def test_the_error_for_an_unknown_name_lists_excluded_plugins(self) -> None:
        with pytest.raises(UnknownComponent) as caught:
            Host(allow=["acme-seg"]).get("decoder", "refine")
        assert caught.value.notes == (
            "plugin zeta-seg may provide it, but is not among the permitted plugins "
            "(--no-plugins, --allow-plugin or PLUXEL_PLUGINS)",
        )

    def test_unknown_names_in_the_environment_are_reported_once(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("PLUXEL_PLUGINS", "-acme-sge,-zeta_seg,-elsewhere,-pluxel")
        for _ in range(2):
            Host()
        reported = [text for text in caplog.messages if text.startswith("PLUXEL_PLUGINS")]
        assert reported == [
            "PLUXEL_PLUGINS: no plugin 'acme-sge' is installed. Did you mean 'acme-seg'? "
            "no plugin 'elsewhere' is installed."
        ]

    @pytest.mark.parametrize("verb", ["allow", "deny"])
    def test_a_misspelled_name_is_an_error(self, verb: str) -> None:
        with pytest.raises(PluxelError) as caught:
            Host(**{verb: ["acme-sge"]})
        assert str(caught.value) == (
            f"cannot {verb} plugin 'acme-sge': "
            "no installed distribution with that name offers one. Did you mean 'acme-seg'?"
        )


def test_explicit_plugins_replace_discovery(site: Any) -> None:
    site.install("acme", "raise SystemExit")
    host = Host([])
    assert not host.failures
    assert not host.providers


def test_the_registry_imports_only_the_standard_library_and_pluggy() -> None:
    code = (
        "import sys, pluxel.registry as r; r.Host([]);"
        "print(*{n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in shown.stdout.split() if not name.startswith("__")}
    assert loaded - {"_distutils_hack"} == {"pluggy", "pluxel"}
