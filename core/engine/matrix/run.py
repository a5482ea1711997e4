"""Try many networks, each in a process of its own; resume where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ....registry import Host, PluxelError, did_you_mean
from ...common.logs import logger
from ...common.progress import track
from ...config.sections.factory import Factory
from ...contracts.kinds import Decoder
from ...contracts.offers import offering
from ...contracts.optional import OffersModels
from .check import Trial, check, needs_data
from .isolated import CrashError, Isolated, LimitError
from .record import NetworkRecord, component_of, spelled
from .results import TrialResults


@dataclass(frozen=True)
class Plugins:
    """The plugins to load, so that another process can make the same host."""

    files: tuple[Path, ...] = ()
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()

    def host(self) -> Host:
        """Return a new host."""
        return Host(files=self.files, allow=self.allow, deny=self.deny)


@dataclass(frozen=True)
class Limits:
    """Limits of one process; ``budget``: see `Trial`."""

    seconds: float
    gibibytes: float
    budget: float


def run_matrix(
    plugins: Plugins,
    backbones: Sequence[str],
    pattern: str,
    decoders: Sequence[str],
    limits: Limits,
    path: Path,
) -> TrialResults:
    """Try each network that matches ``pattern``, and write the results to ``path`` as they come.

    Networks that ``path`` has are skipped, unless they come from another version of their library;
    those that exceeded a limit are tried again, last.
    Networks of different families take turns, so that an interrupted run covers every family.

    Raises: PluxelError for a backbone that is not a family of networks, for decoders that do not
    exist or need parameters, and if no network matches ``pattern``.
    """
    host = plugins.host()
    targets = _families(host, backbones)
    chosen = list(_in_turn(targets, pattern))
    if not chosen:
        raise PluxelError(_no_match(targets, pattern))
    if tuple(decoders) == ("all",):
        names = [*decoder_names(host)]
    else:  # before any process, so that errors are raised here
        names = [*build_decoders(host, decoders)]
    results = TrialResults.read(path) if path.exists() else TrialResults()
    results.renew(
        {name: one.model_library() for name, one in targets.items()},
        {
            name: [model for models in one.model_families().values() for model in models]
            for name, one in targets.items()
        },
        names,
    )
    todo = [
        record
        for record in chosen
        if (found := results.records.get(record.key)) is None or found.kind == "limit"
    ]
    todo.sort(key=lambda record: record.key in results.records)
    run = isolated(limits, [target.__module__ for target in targets.values()])
    with track("trying networks", len(todo)) as advance:
        for record in todo:
            advance(note=record.model)
            results.records[record.key] = tried(run, plugins, record, names, limits.budget)
            results.write(path)
    return results


def _no_match(targets: Mapping[str, type[OffersModels]], pattern: str) -> str:
    names = {
        model
        for one in targets.values()
        for models in one.model_families().values()
        for model in models
    }
    near = (
        did_you_mean(pattern, names)
        or f" It must match whole names, as '*{pattern.strip('*')}*' does"
    )
    return f"no network of {', '.join(targets)} matches '{pattern}'.{near}"


def isolated(limits: Limits, modules: Sequence[str]) -> Isolated:
    """Return what runs functions in processes; they start with this module and ``modules``."""
    return Isolated(limits.seconds, limits.gibibytes, [__name__, *modules])


def tried(
    run: Isolated, plugins: Plugins, record: NetworkRecord, decoders: Sequence[str], budget: float
) -> NetworkRecord:
    """Return the record of a network, tried in a process of its own.

    A network that exceeds the limit of memory computes shapes only, if it can.
    """
    try:
        return run(_check, plugins, record, decoders, budget)
    except CrashError as error:
        return replace(record, kind="crashed", reason=str(error)[:300])
    except LimitError as error:
        if budget and error.of_memory:
            without_data = tried(run, plugins, record, decoders, 0)
            if not needs_data(without_data):
                return without_data
        return replace(record, kind="limit", reason=str(error))


def _check(
    plugins: Plugins, record: NetworkRecord, decoders: Sequence[str], budget: float
) -> NetworkRecord:
    host = plugins.host()
    return check(host, record, Trial(build_decoders(host, decoders), budget))


def decoder_names(host: Host) -> Iterator[str]:
    """Yield the decoders that need no parameters."""
    for component in host.components("decoder"):
        try:
            build_decoders(host, [component.qualified])
        except _NeedsParametersError:
            continue
        except PluxelError as error:
            logger.warning("decoder %s is left out: %s", component.qualified, error)
            continue
        yield spelled(component)


def build_decoders(host: Host, names: Sequence[str]) -> Mapping[str, Factory[Decoder]]:
    """Return decoders with their default parameters, as `spelled`."""
    adapter: TypeAdapter[Any] = TypeAdapter(Factory[Decoder])
    built = {}
    for name in names:
        component = component_of(host, "decoder", name)
        section = {"type": component.qualified}
        try:
            built[spelled(component)] = adapter.validate_python(section, context={"host": host})
        except ValueError as error:
            raise _NeedsParametersError(f"decoder {name!r} needs parameters: {error}") from error
    return built


class _NeedsParametersError(PluxelError):
    """A decoder cannot be built from its defaults."""


def _families(host: Host, names: Sequence[str]) -> dict[str, Any]:
    """Return the classes of backbones that offer several networks; all of them for ``all``."""
    found: dict[str, Any] = {
        spelled(one): target for one, target in offering(host, "backbone", OffersModels)
    }
    if tuple(names) == ("all",):
        return found
    chosen = {spelled(component_of(host, "backbone", name)): name for name in names}
    for name, given in chosen.items():
        if name not in found:
            raise PluxelError(
                f"backbone {given!r} is a single network; families of networks: {', '.join(found)}"
            )
    return {name: found[name] for name in chosen}


def _in_turn(targets: Mapping[str, OffersModels], pattern: str) -> Iterator[NetworkRecord]:
    """Yield the first network of each family, then the second of each, and so on."""
    families = [
        [NetworkRecord(name, model, family) for model in models if fnmatchcase(model, pattern)]
        for name, target in targets.items()
        for family, models in target.model_families().items()
    ]
    return filter(None, chain.from_iterable(zip_longest(*families)))
