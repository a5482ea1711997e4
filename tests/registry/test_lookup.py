"""The host finds the component with a name, or reports what to write instead."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from pluxel import plugins
from pluxel.registry import (
    AmbiguousComponent,
    Component,
    Host,
    PluxelError,
    UnknownComponent,
    hookimpl,
)


def component(
    name: str, aliases: Sequence[str] = (), renamed_from: Sequence[str] = ()
) -> Component:
    """Return a record whose target does not exist."""
    return Component(name, "m:C", "One.", tuple(aliases), tuple(renamed_from))


def decoders(*components: Component) -> object:
    """Return a plugin that offers these components."""

    @hookimpl
    def pluxel_decoders() -> list[Component]:
        return list(components)

    return SimpleNamespace(pluxel_decoders=pluxel_decoders)


def broken() -> object:
    """Return a plugin that fails because of a missing dependency."""

    @hookimpl
    def pluxel_decoders() -> list[Component]:
        raise ModuleNotFoundError("No module named 'torchh'")

    return SimpleNamespace(pluxel_decoders=pluxel_decoders)


BUILT_IN = {"pluxel": plugins}


def message(host: Host, kind: str, name: str) -> str:
    """Return the message of the error for an unknown name."""
    with pytest.raises(UnknownComponent) as caught:
        host.get(kind, name)
    return str(caught.value)


DECODERS = "20 are available: run pluxel plugins list --kind decoder"


@pytest.mark.parametrize("spelling", ["fcn8s", "pluxel/fcn8s", "Pluxel/fcn8s"])
def test_bare_and_qualified_names(spelling: str) -> None:
    assert Host(BUILT_IN).get("decoder", spelling).qualified == "pluxel/fcn8s"


def test_a_qualified_name_accepts_every_spelling_of_the_distribution() -> None:
    host = Host({"acme-seg": decoders(component("wnet"))})
    assert host.get("decoder", "Acme_Seg/wnet") == host.get("decoder", "wnet")


def test_the_provider_of_a_module_is_its_top_level_package() -> None:
    host = Host([plugins])
    assert host.get("decoder", "pluxel/fcn8s").provider == "pluxel"


def test_components_are_sorted_by_name() -> None:
    host = Host({"b": decoders(component("y"), component("a")), "a": decoders(component("y"))})
    assert [each.qualified for each in host.components("decoder")] == ["b/a", "a/y", "b/y"]


def test_the_error_for_a_misspelled_name_mentions_a_broken_plugin() -> None:
    assert message(Host({**BUILT_IN, "broken-seg": broken()}), "decoder", "fcn8") == (
        "unknown decoder 'fcn8'. Did you mean 'fcn8s'?\n"
        "  note: plugin broken-seg (ModuleNotFoundError: No module named 'torchh') "
        "failed to load and may provide it"
    )


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("decoder", "vgg16", "unknown decoder 'vgg16'. There is a backbone with that name"),
        (
            "decoder",
            "mamba",
            f"unknown decoder 'mamba'. {DECODERS}",
        ),
        ("embedding", "glov", "unknown embedding 'glov'. Did you mean 'glove'?"),
        ("decoder", "pluxl/fcn8s", "unknown decoder 'pluxl/fcn8s'. Did you mean 'pluxel/fcn8s'?"),
        ("decoder", "pluxel/fcn8", "unknown decoder 'pluxel/fcn8'. Did you mean 'pluxel/fcn8s'?"),
        (
            "decoder",
            "",
            f"unknown decoder ''. {DECODERS}",
        ),
    ],
)
def test_the_error_for_an_unknown_name(kind: str, name: str, text: str) -> None:
    assert message(Host(BUILT_IN), kind, name) == text


def test_a_long_list_is_replaced_by_the_command() -> None:
    host = Host({"acme": decoders(*(component(f"net{i}") for i in range(13)))})
    assert message(host, "decoder", "zzz") == (
        "unknown decoder 'zzz'. 13 are available: run pluxel plugins list --kind decoder"
    )


def test_an_unknown_kind() -> None:
    host = Host({})
    with pytest.raises(PluxelError, match=r"^unknown kind 'decodr'. Did you mean 'decoder'\?$"):
        host.get("decodr", "fcn8s")
    with pytest.raises(PluxelError, match=r"^unknown kind 'x'. Available: backbone, decoder, "):
        host.components("x")


@pytest.mark.parametrize("clash", [component("wnet"), component("other", aliases=["wnet"])])
def test_a_bare_name_with_two_owners_is_an_error_with_both_spellings(clash: Component) -> None:
    host = Host({"acme-seg": decoders(component("wnet")), "zeta-seg": decoders(clash)})
    with pytest.raises(AmbiguousComponent) as caught:
        host.get("decoder", "wnet")
    assert str(caught.value) == (
        f"decoder 'wnet' is offered by 2 plugins. Write 'acme-seg/wnet' or 'zeta-seg/{clash.name}'"
    )
    assert host.get("decoder", "acme-seg/wnet").provider == "acme-seg"
    assert host.get("decoder", "zeta-seg/wnet").provider == "zeta-seg"
    assert len(host.owners("decoder", "wnet")) == 2


def test_a_built_in_is_not_shadowed_silently() -> None:
    host = Host({**BUILT_IN, "acme-seg": decoders(component("fcn8s"))})
    with pytest.raises(AmbiguousComponent, match="'acme-seg/fcn8s'"):
        host.get("decoder", "fcn8s")


def test_an_alias_is_accepted_and_suggested() -> None:
    host = Host({"acme": decoders(component("wnet", aliases=["u_shaped"]))})
    assert host.get("decoder", "u_shaped").name == "wnet"
    assert host.get("decoder", "acme/u_shaped").name == "wnet"
    assert "Did you mean 'u_shaped'?" in message(host, "decoder", "u_shape")


def test_a_former_name_works_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    host = Host({"acme": decoders(component("wnet", renamed_from=["unet_v1"]))})
    with caplog.at_level(logging.WARNING, "pluxel"):
        assert [host.get("decoder", "unet_v1").name for _ in range(3)] == ["wnet"] * 3
        host.get("decoder", "wnet")
    assert caplog.messages == ["decoder 'unet_v1' is now called 'wnet'"]


def test_errors_can_be_pickled() -> None:
    error = UnknownComponent("unknown decoder 'x'", ["a note"])
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (UnknownComponent, "unknown decoder 'x'\n  note: a note")


def test_the_error_if_no_plugin_offers_the_kind() -> None:
    text = "unknown embedding 'glove'. No embedding is available"
    assert message(Host({"mine": decoders()}), "embedding", "glove") == text
