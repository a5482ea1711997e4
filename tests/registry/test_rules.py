"""Each mistake that a plugin can make when it registers fails that plugin only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pluxel.registry import KINDS, Component, Host, LoadFailure, hookimpl, hookspecs

UNET = Component("wnet", "acme_seg.wnet:UNet", "U-Net.")


def failure(plugin: object) -> LoadFailure:
    """Load a bad plugin beside a good one; return the failure of the bad one."""

    @hookimpl
    def pluxel_losses() -> list[Component]:
        return [Component("good", "m:C", "Good.")]

    host = Host({"bad": plugin, "good": SimpleNamespace(pluxel_losses=pluxel_losses)})
    assert [component.qualified for component in host.components("loss")] == ["good/good"]
    assert list(host.providers) == ["good"]
    (only,) = host.failures
    assert only.provider == "bad"
    return only


def offering(returned: object) -> object:
    """Return a plugin whose decoder hook returns ``returned``."""

    @hookimpl
    def pluxel_decoders() -> object:
        return returned

    return SimpleNamespace(pluxel_decoders=pluxel_decoders)


@pytest.mark.parametrize(("kind", "hook"), KINDS.items())
def test_every_kind_has_a_documented_hook_that_registers(kind: str, hook: str) -> None:
    assert getattr(hookspecs, hook).__doc__

    @hookimpl(specname=hook)
    def offer() -> list[Component]:
        return [UNET]

    host = Host({"acme": SimpleNamespace(offer=offer)})
    assert host.get(kind, "acme/wnet").target == "acme_seg.wnet:UNet"
    assert sum(len(host.components(each)) for each in KINDS) == 1


def test_a_class_instance_can_be_a_plugin() -> None:
    class Acme:
        @hookimpl
        def pluxel_decoders(self) -> list[Component]:
            return [UNET]

    host = Host([Acme()])
    assert host.get("decoder", "acme/wnet").provider == "acme"
    assert host.providers["acme"].location == __file__


def test_a_misspelled_hook_names_the_right_one() -> None:
    @hookimpl
    def pluxel_decoder() -> list[Component]:
        return [UNET]

    error = failure(SimpleNamespace(pluxel_decoder=pluxel_decoder)).error
    assert error == "unknown hook 'pluxel_decoder'. Did you mean 'pluxel_decoders'?"


def test_a_hook_of_a_later_version_may_be_declared_optional() -> None:
    @hookimpl(optionalhook=True)
    def pluxel_exporters() -> None:
        raise AssertionError

    plugin = offering([UNET])
    plugin.pluxel_exporters = pluxel_exporters
    host = Host({"acme": plugin})
    assert not host.failures
    assert host.components("decoder")


def test_the_error_for_a_plugin_without_a_hook_mentions_the_decorator() -> None:
    error = failure(SimpleNamespace(decoders=[UNET])).error
    assert error == (
        "it implements no hook: decorate a function such as pluxel_decoders with @hookimpl"
    )


def test_an_undecorated_hook_is_an_error() -> None:
    plugin = offering([UNET])
    plugin.pluxel_losses = lambda: [UNET]
    assert failure(plugin).error == "pluxel_losses is not decorated with @hookimpl"


@pytest.mark.parametrize(
    ("returned", "error"),
    [
        (UNET, "pluxel_decoders returned a Component, not a list of Component"),
        (None, "pluxel_decoders returned a NoneType, not a list of Component"),
        ({"wnet": UNET}, "pluxel_decoders returned a dict, not a list of Component"),
        (
            [UNET, "wnet"],
            "pluxel_decoders returned a list that contains a str: every item must be a Component",
        ),
        ([UNET, UNET], "bad offers decoder 'wnet' twice"),
        (
            [UNET, Component("unet2", "m:C", "U-Net 2.", aliases=("wnet",))],
            "bad offers decoder 'wnet' twice",
        ),
        (
            [Component("wnet", "m:C", "U-Net.", renamed_from=("wnet",))],
            "bad offers decoder 'wnet' twice",
        ),
    ],
)
def test_invalid_results_of_a_hook_are_rejected(returned: object, error: str) -> None:
    assert failure(offering(returned)).error == error


def test_a_partly_invalid_plugin_registers_nothing() -> None:
    @hookimpl
    def pluxel_datasets() -> list[Component]:
        return [Component("Bad Name", "m:C", "Bad.")]

    plugin = offering([UNET])
    plugin.pluxel_datasets = pluxel_datasets
    kept = failure(plugin)
    assert "Did you mean 'bad_name'?" in kept.error
    assert 'Component("Bad Name"' in kept.traceback


def test_a_hook_takes_no_arguments() -> None:
    @hookimpl
    def pluxel_decoders(config: object) -> list[Component]:
        return [UNET]

    error = failure(SimpleNamespace(pluxel_decoders=pluxel_decoders)).error
    assert error.startswith("PluginValidationError: ")
    assert "config" in error


def test_an_exception_in_a_hook_is_kept_with_its_traceback() -> None:
    @hookimpl
    def pluxel_decoders() -> list[Component]:
        raise ValueError("two\nlines")

    kept = failure(SimpleNamespace(pluxel_decoders=pluxel_decoders))
    assert kept.error == "ValueError: two"
    assert str(kept) == "plugin bad (ValueError: two) failed to load"
    assert 'raise ValueError("two\\nlines")' in kept.traceback


def test_components_of_different_kinds_may_share_a_name() -> None:
    @hookimpl
    def pluxel_losses() -> list[Component]:
        return [UNET]

    plugin = offering([UNET])
    plugin.pluxel_losses = pluxel_losses
    assert not Host({"acme": plugin}).failures
