"""The host imports the class that a record names, or reports what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pluxel.registry import Component, ComponentImportError, Host


def text(target: str, extra: str | None = None) -> str:
    """Return the message of the error for a target."""
    component = Component("unet", target, "U-Net.", extra=extra, provider="acme-seg")
    with pytest.raises(ComponentImportError) as caught:
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
            return [Component("unet", "acme_unet:UNet", "U-Net.")]
        """,
    )
    site.module("acme_unet", "raise SystemExit(4)")
    host = Host()
    component = host.get("decoder", "unet")
    assert not host.failures
    with pytest.raises(
        ComponentImportError, match=r"^acme-seg/unet cannot be imported \(SystemExit: 4\)$"
    ):
        host.load(component)


def test_a_missing_module_names_the_extra() -> None:
    assert text("torchh.nets:UNet", extra="fast") == (
        "acme-seg/unet cannot be imported (ModuleNotFoundError: No module named 'torchh')\n"
        "  note: install its dependencies: pip install 'acme-seg[fast]'"
    )
    assert "note" not in text("torchh.nets:UNet")


def test_the_extra_is_suggested_for_import_errors_only(site: Any) -> None:
    site.module("acme_bug", "1 / 0")
    assert text("acme_bug:UNet", extra="fast") == (
        "acme-seg/unet cannot be imported (ZeroDivisionError: division by zero)"
    )


def test_the_cause_is_kept(site: Any) -> None:
    with pytest.raises(ComponentImportError) as caught:
        Host([]).load(Component("unet", "torchh:UNet", "U-Net."))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_class_suggests_a_similar_name(site: Any) -> None:
    site.module("acme_nets", "class UNet: pass\ndef build(): pass\n")
    assert text("acme_nets:UNett") == (
        "acme-seg/unet is registered as acme_nets:UNett, but acme_nets has no 'UNett'. "
        "Did you mean 'UNet'?"
    )


def test_a_function_is_not_a_class(site: Any) -> None:
    site.module("acme_nets", "def build(): pass\n")
    assert text("acme_nets:build") == (
        "acme-seg/unet is registered as acme_nets:build, but that is a function, not a class"
    )


def test_ctrl_c_is_not_an_import_failure(site: Any) -> None:
    site.module("acme_slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Host([]).load(Component("unet", "acme_slow:UNet", "U-Net."))
