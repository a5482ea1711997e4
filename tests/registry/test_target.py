"""The host imports the class that a record names, or reports what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pluxel.registry import Component, ComponentImportError, Host, MissingPackage


def text(target: str, extra: str | None = None) -> str:
    """Return the message of the error for a target."""
    component = Component("wnet", target, "U-Net.", extra=extra, provider="acme-seg")
    with pytest.raises((ComponentImportError, MissingPackage)) as caught:
        Host([]).load(component)
    return str(caught.value)


def test_nested_classes_can_be_targets(site: Any) -> None:
    site.module("acme_nets", "class Outer:\n    class Inner: pass\n")
    host = Host([])
    outer = host.load(Component("a", "acme_nets:Outer", "A."))
    assert host.load(Component("b", "acme_nets:Outer.Inner", "B.")) is outer.Inner


def test_registering_does_not_import_the_target(site: Any) -> None:
    site.install(
        "acme-seg",
        """
        from pluxel.registry import Component, hookimpl

        @hookimpl
        def pluxel_decoders():
            return [Component("wnet", "acme_unet:UNet", "U-Net.")]
        """,
    )
    site.module("acme_unet", "raise SystemExit(4)")
    host = Host()
    component = host.get("decoder", "wnet")
    assert not host.failures
    with pytest.raises(
        ComponentImportError, match=r"^acme-seg/wnet cannot be imported \(SystemExit: 4\)$"
    ):
        host.load(component)


def test_a_missing_module_names_the_extra(site: Any) -> None:
    site.module("acme_nets", "import torchh")
    missing = "acme-seg/wnet needs the module 'torchh', which is not installed"
    assert text("acme_nets:UNet", extra="fast") == f"{missing}: pip install 'acme-seg[fast]'"
    assert text("acme_nets:UNet") == missing


def test_a_target_without_module_suggests_a_similar_name() -> None:
    registered = "acme-seg/wnet is registered as"
    assert text("pluxel.plugins.decoders.fccn:FCN") == (
        f"{registered} pluxel.plugins.decoders.fccn:FCN, but there is no module "
        "'pluxel.plugins.decoders.fccn'. Did you mean 'fcn'?"
    )
    assert text("torchh.nets:UNet", extra="fast") == (
        f"{registered} torchh.nets:UNet, but there is no module 'torchh'"
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import acme_nets.missing", "import acme_nets.missing"),
        ("def deeper(): 1 / 0\ndeeper()", "in deeper"),
        ("def broken(:", "SyntaxError: invalid syntax"),
    ],
)
def test_the_traceback_begins_in_the_code_of_the_plugin(site: Any, code: str, shown: str) -> None:
    site.module("acme_nets", code)
    with pytest.raises(ComponentImportError) as caught:
        Host([]).load(Component("wnet", "acme_nets:UNet", "U-Net."))
    assert shown in caught.value.traceback
    assert "import_module" not in caught.value.traceback


def test_the_extra_is_suggested_for_import_errors_only(site: Any) -> None:
    site.module("acme_bug", "1 / 0")
    assert text("acme_bug:UNet", extra="fast") == (
        "acme-seg/wnet cannot be imported (ZeroDivisionError: division by zero)"
    )


def test_the_cause_is_kept(site: Any) -> None:
    with pytest.raises(ComponentImportError) as caught:
        Host([]).load(Component("wnet", "torchh:UNet", "U-Net."))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_class_suggests_a_similar_name(site: Any) -> None:
    site.module("acme_nets", "class UNet: pass\ndef build(): pass\n")
    assert text("acme_nets:UNett") == (
        "acme-seg/wnet is registered as acme_nets:UNett, but acme_nets has no 'UNett'. "
        "Did you mean 'UNet'?"
    )


def test_a_function_is_not_a_class(site: Any) -> None:
    site.module("acme_nets", "def build(): pass\n")
    assert text("acme_nets:build") == (
        "acme-seg/wnet is registered as acme_nets:build, but that is a function, not a class"
    )


def test_ctrl_c_is_not_an_import_failure(site: Any) -> None:
    site.module("acme_slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Host([]).load(Component("wnet", "acme_slow:UNet", "U-Net."))
