"""Complete names, configurations, runs and overrides in a shell.

The keys of overrides come from the shipped JSON Schema, and the names of components from the
plugins, which the global options of the command line choose: nothing that is heavy to import. Only
the names of conformance checks, and the parameters of a component of a plugin, need torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ...registry import KINDS, Host, PluxelError
from ..common.text import readable
from ._session import configured

if TYPE_CHECKING:
    from ..conformance import Subject

Items = list[CompletionItem]
Completer = Callable[[click.Context, click.Parameter, str], Items]


def _quiet(complete: Callable[[click.Context, str], Iterator[CompletionItem]]) -> Completer:
    """Return a completer that offers nothing where a command would report an error."""

    @wraps(complete)
    def quiet(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
        try:
            return [one for one in complete(ctx, incomplete) if one.value.startswith(incomplete)]
        except (PluxelError, OSError, click.ClickException):
            return []

    return quiet


@_quiet
def complete_kind(_ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
    """Complete KIND."""
    yield from map(CompletionItem, KINDS)


@_quiet
def complete_name(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete NAME, a component of the KIND before it."""
    kind = ctx.params.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        yield from _components(configured(ctx.find_root()).host, kind, incomplete)


def complete_component(kind: str, *words: str) -> Completer:
    """Return a completer of the components of a kind, and of further words."""

    @_quiet
    def complete(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
        yield from map(CompletionItem, words)
        yield from _components(_host(ctx), kind, incomplete)

    return complete


@_quiet
def complete_plugin(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete PLUGIN: an installed one, or a Python file."""
    yield from map(CompletionItem, configured(ctx.find_root()).host.providers)
    yield from _files(incomplete, ".py")


@_quiet
def complete_installed(_ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
    """Complete the NAME of an installed plugin, without running its code."""
    host = Host(allow=())
    yield from map(CompletionItem, [*host.providers, *host.excluded])


@_quiet
def complete_check(ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
    """Complete NAME, a conformance check of the components that the command line selects."""
    from ..conformance import checks_of

    kinds = [subject.kind for subject in _subjects(ctx)] or ctx.params.get("kinds") or KINDS
    yield from map(
        CompletionItem, dict.fromkeys(name for kind in kinds for name in checks_of(kind))
    )


@_quiet
def complete_parameter(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete KIND/NAME.KEY=VALUE, a parameter of a component of PLUGIN."""
    component, dot, setting = incomplete.partition(".")
    subjects = {str(one): one for one in _subjects(ctx)}
    if not dot:
        yield from (CompletionItem(f"{name}.") for name in subjects)
    elif one := subjects.get(component):
        written = {one.kind: {"type": one.component.qualified}}
        for item in _settings(one.host, written, f"{one.kind}.{setting}"):
            yield CompletionItem(f"{component}.{item.value.partition('.')[2]}", help=item.help)


@_quiet
def complete_expected(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete KIND/NAME.CHECK=, a check of a component of PLUGIN."""
    from ..conformance import checks_of

    component, dot, _ = incomplete.partition(".")
    for one in _subjects(ctx):
        if not dot:
            yield CompletionItem(f"{one}.")
        elif str(one) == component:
            yield from (CompletionItem(f"{one}.{name}=") for name in checks_of(one.kind))


@_quiet
def complete_config(_ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete CONFIG: a YAML file, or the name of a shipped configuration."""
    from ..config.tree.files import shipped

    yield from _files(incomplete, ".yaml", ".yml")
    yield from map(CompletionItem, shipped())


@_quiet
def complete_run(_ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete RUN: a folder with the configuration of a run."""
    yield from _runs(incomplete)


@_quiet
def complete_config_or_run(_ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete CONFIG|RUN."""
    from ..config.tree.files import shipped

    yield from _files(incomplete, ".yaml", ".yml")
    yield from _runs(incomplete)
    yield from map(CompletionItem, shipped())


@_quiet
def complete_split(ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
    """Complete SPLIT, a key of ``splits`` in the configuration."""
    splits = _written(ctx).get("splits")
    yield from map(CompletionItem, splits if isinstance(splits, Mapping) else ("train", "val"))


@_quiet
def complete_override(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete KEY=VALUE: the keys, then the names and values that a key accepts."""
    host = _host(ctx)
    if "embedding" not in ctx.params:
        yield from _settings(host, _written(ctx), incomplete)
        return
    written = _written_words(ctx)
    yield from _settings(host, written, incomplete)
    for item in _settings(host, written, f"embedding.{incomplete}"):  # the prefix is optional
        yield CompletionItem(item.value.removeprefix("embedding."), help=item.help)


@_quiet
def complete_index(ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
    """Complete INDEX, the search of word vectors."""
    from ._completion_keys import KnownKeys

    keys = KnownKeys({"embedding": {}}, _host(ctx))
    yield from map(CompletionItem, keys.values_at("index"))


@_quiet
def complete_outputs(_ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Complete KINDS, the outputs of a prediction, separated by commas."""
    from ..engine.inference.outputs import OUTPUT_KINDS

    before, comma, _ = incomplete.rpartition(",")
    given = before.split(",")
    names = (one.name for one in OUTPUT_KINDS if one.name not in given)
    yield from (CompletionItem(f"{before}{comma}{name}") for name in names)


def complete_words(*words: str) -> Completer:
    """Return a completer of fixed words."""

    @_quiet
    def complete(_ctx: click.Context, _incomplete: str) -> Iterator[CompletionItem]:
        yield from map(CompletionItem, words)

    return complete


def _host(ctx: click.Context) -> Host:
    return configured(ctx.find_root()).host


def _subjects(ctx: click.Context) -> Sequence[Subject]:
    """Return the components of PLUGIN that ``--kind`` selects."""
    from ..conformance import subjects_of

    # click leaves the arguments in ``args`` if an option still lacks its value.
    plugin = ctx.params.get("plugin") or next(iter(ctx.args), None)
    if not plugin:
        return ()
    kinds = ctx.params.get("kinds") or tuple(KINDS)
    host = Host(files=[plugin]) if plugin.endswith(".py") else _host(ctx)
    return subjects_of(plugin, host, kinds=kinds)


def _settings(host: Host, written: Mapping[str, Any], incomplete: str) -> Iterator[CompletionItem]:
    """Yield how KEY=VALUE may go on. ``written``: what the configuration writes already."""
    from ._completion_keys import KnownKeys

    keys = KnownKeys(written, host)
    key, equals, value = incomplete.partition("=")
    if not equals:
        yield from (CompletionItem(one) for one in keys.below(key.rpartition(".")[0]))
        return
    if kinds := keys.kinds_at(key):
        named = (one for kind in kinds for one in _components(host, kind, value))
        yield from (CompletionItem(f"{key}={one.value}", help=one.help) for one in named)
        return
    yield from (CompletionItem(f"{key}={one}") for one in keys.values_at(key))


def _components(host: Host, kind: str, incomplete: str) -> Iterator[CompletionItem]:
    """Yield names with summaries; qualified ones after a '/', or if a bare one is ambiguous."""
    for one in host.components(kind):
        is_bare = "/" not in incomplete and len(host.owners(kind, one.name)) == 1
        yield CompletionItem(one.name if is_bare else one.qualified, help=readable(one.summary))


def _files(incomplete: str, *suffixes: str) -> Iterator[CompletionItem]:
    """Yield the files with these suffixes, and the folders, that a path may continue with."""
    folder = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    for path in sorted(Path(folder or ".").iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix in suffixes:
            yield CompletionItem(folder + path.name)
        elif path.is_dir():
            yield CompletionItem(f"{folder}{path.name}/")


def _runs(incomplete: str) -> Iterator[CompletionItem]:
    base = incomplete.rpartition("/")[0] or "."
    for depth in ("*", "*/*", "*/*/*"):
        for path in sorted(Path(base).glob(f"{depth}/config.yaml")):
            yield CompletionItem(str(path.parent))


def _written(ctx: click.Context) -> Mapping[str, Any]:
    """Return what the configuration of the command line and its overrides write, without checks."""
    from ._completion_keys import read_written

    rest = [*ctx.args]  # as above
    source = ctx.params.get("config") or ctx.params.get("run") or (rest.pop(0) if rest else "")
    given = (*(ctx.params.get("bare") or rest), *(ctx.params.get("settings") or ()))
    return read_written(str(source), given)


def _written_words(ctx: click.Context) -> Mapping[str, Any]:
    """Return what the options that select word vectors write."""
    from ._completion_keys import read_written

    given = ctx.params.get("settings") or ()
    named = ctx.params["embedding"] or os.environ.get("PLUXEL_EMBEDDING")
    name = [f"embedding.type={named}"] if named else []
    return {"embedding": {}, **read_written(ctx.params.get("config") or "", (*name, *given))}
