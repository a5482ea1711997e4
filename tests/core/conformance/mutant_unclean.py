"""A plugin whose component changes the process when it is imported."""

from pluxel.registry import Component, hookimpl


@hookimpl
def pluxel_losses() -> list[Component]:
    return [Component("unclean", "mutant_unclean_target:Unclean", "x")]
