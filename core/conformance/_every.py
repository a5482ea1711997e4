"""What every component must guarantee, whatever its kind."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...registry import KINDS
from ..common.randomness import seeded
from ..config.sections.parameters import check_defaults
from ..config.sections.plain import to_plain
from ..contracts.near_misses import near_misses
from ..contracts.signature import read_signature
from ._check import require
from ._datasets import digest
from ._fresh import Fresh, imported_afresh, module_at
from ._losses import example
from ._metrics import batch_of, images
from ._networks import Network, image_for, pyramid
from ._state import differences, is_foreign, recorded, restored, snapshot
from ._subject import Subject
from ._trackers import in_run


def light_registration(subject: Subject) -> None:
    """Registering the plugin imports no other package, so that the command line starts at once.

    A plugin in a single file may: its component is there, and it is loaded on request only.
    """
    found = _afresh(subject)
    provider = subject.host.providers[subject.component.provider]
    module = subject.component.target.partition(":")[0]
    if provider.name.endswith(".py") and module == module_at(provider.location):
        return
    require(
        not found.modules,
        f"the module of the plugin imports {', '.join(found.modules)}: import them in the module "
        "of the component",
    )


def clean_import(subject: Subject) -> None:
    """Importing the components changes nothing else in the process, and prints nothing."""
    found = _afresh(subject)
    require(not found.changes, f"importing the plugin changes {', '.join(found.changes)}")


def _afresh(subject: Subject) -> Fresh:
    provider = subject.host.providers[subject.component.provider]
    own = [
        one.target.partition(":")[0]
        for kind in KINDS
        for one in subject.host.components(kind)
        if one.provider == provider.name
    ]
    found = imported_afresh(module_at(provider.location), tuple(dict.fromkeys(own)))
    require(not found.error, f"a new process cannot import the plugin: {found.error}")
    return found


def target(subject: Subject) -> None:
    """The registered target is a class that can be imported."""
    subject.host.load(subject.component)


def parameters(subject: Subject) -> None:
    """Every parameter has a type that YAML can express, and a default that fits it."""
    found = check_defaults(subject.host, subject.kind, subject.component)
    odd = near_misses(subject.kind, found)
    require(not odd, "; ".join(odd))


def schema(subject: Subject) -> None:
    """Parameters with their defaults survive JSON, and an editor can describe them."""
    factory = subject.factory()
    written = json.loads(json.dumps(to_plain(factory.params, absolute=False)))
    again = subject.factory(**written)
    require(again.params == factory.params, f"the parameters {written} are read back differently")
    signature = read_signature(subject.kind, subject.component, factory.target)
    described = signature.parameters.model_json_schema()
    names = {*described.get("properties", {})}
    require(names == {*factory.params}, f"the JSON Schema describes {sorted(names)}")


def builds(subject: Subject) -> None:
    """It can be built from its defaults, offers what its kind requires, and computes results."""
    results(subject, build(subject))


def copies(subject: Subject) -> None:
    """A deep copy, and one by pickle, give the same results."""
    built = build(subject)
    made = {"deepcopy": copy.deepcopy(built), "pickle": _pickled(built)}
    expected = results(subject, built)
    for how, one in made.items():
        require(_same(results(subject, one), expected), f"a copy by {how} gives other results")


def same_seed(subject: Subject) -> None:
    """After the same seed, it is built with the same weights and gives the same results."""
    first, second = (results(subject, build(subject)) for _ in range(2))
    require(_same(first, second), "two components built after the same seed give other results")


def random_numbers(subject: Subject) -> None:
    """Building it does not set the seed of PyTorch for the rest of the program."""
    states = []
    with seeded(0):
        for seed in (1, 2):
            torch.manual_seed(seed)
            results(subject, _unseeded(subject))
            states.append(torch.get_rng_state())
    require(not torch.equal(*states), "building or using it sets PyTorch's seed")


def process_state(subject: Subject) -> None:
    """Building and using it leaves the rest of the process alone.

    That is: random numbers, gradient mode, default dtype, threads, logging, warnings, environment.
    """
    with restored():
        results(subject, build(subject))  # the first time, libraries are imported, which change it
    before = snapshot()
    results(subject, build(subject))
    changed = differences(before, snapshot())
    require(not changed, f"building or using it changes {', '.join(changed)}")


def output(subject: Subject) -> None:
    """It writes nothing to standard output, which belongs to the program."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        results(subject, build(subject))
    require(not printed.getvalue(), f"it prints {printed.getvalue()[:60]!r}")


def own_files(subject: Subject) -> None:
    """It writes only to Pluxel's cache and to temporary files."""
    _ = subject.parameters  # may write files
    with recorded() as events:
        results(subject, build(subject))
    written = [path for what, path in events if what == "write"]
    foreign = [path for path in written if is_foreign(path, subject.folder)]
    require(not foreign, f"it writes to {', '.join(dict.fromkeys(foreign))}")


def offline(subject: Subject) -> None:
    """Building and using it does not access the network."""
    with recorded() as events:
        results(subject, build(subject))
    hosts = [address for what, address in events if what == "connect"]
    require(not hosts, f"it connects to {', '.join(dict.fromkeys(hosts))}")


def build(subject: Subject) -> Any:
    """Return the component, built after a fixed seed."""
    with seeded(0):
        return _unseeded(subject)


def _unseeded(subject: Subject) -> Any:
    match subject.kind:
        case "backbone":
            return subject.backbone(seed=None)
        case "decoder":
            return subject.decoder(pyramid(), seed=None)
        case kind:
            return getattr(subject, kind)()


def results(subject: Subject, built: Any) -> list[Any]:
    """Return what a component computes from fixed arguments."""
    return _RESULTS[subject.kind](subject, built)


def _of_backbone(_: Subject, built: Any) -> list[Any]:
    with torch.no_grad():
        return list(built(image_for(built, 64, 64)))


def _of_decoder(subject: Subject, built: Any) -> list[Any]:
    network = Network(subject, pyramid(), built).eval()
    with torch.no_grad():
        scores = network(image_for(network.backbone, 64, 64))
    return [scores, *built.state_dict().values()]


def _of_loss(_: Subject, built: Any) -> list[Any]:
    logits, labels = example()
    return [built(logits, labels)]


def _of_dataset(_: Subject, built: Any) -> list[Any]:
    return [digest(built[0])]


def _of_embedding(_: Subject, built: Any) -> list[Any]:
    return [built.itos[0], torch.as_tensor(built.vectors[:4])]


def _of_metric(_: Subject, built: Any) -> list[Any]:
    rows = built.statistics(batch_of(*images()))
    found = built.scores(rows.sum(0))
    return [rows, *(value.nan_to_num(-1) for value in found.values()), [*found]]


def _of_tracker(_: Subject, built: Any) -> list[Any]:
    in_run(copy.deepcopy(built))  # a tracker has one training only
    return []


_RESULTS: dict[str, Callable[[Subject, Any], list[Any]]] = {
    "backbone": _of_backbone,
    "decoder": _of_decoder,
    "loss": _of_loss,
    "dataset": _of_dataset,
    "embedding": _of_embedding,
    "metric": _of_metric,
    "tracker": _of_tracker,
}


def _same(found: list[Any], expected: list[Any]) -> bool:
    return len(found) == len(expected) and all(
        torch.equal(mine, its) if isinstance(mine, Tensor) else mine == its
        for mine, its in zip(found, expected, strict=True)
    )


def _pickled(component: Any) -> Any:
    return pickle.loads(pickle.dumps(component))


CHECKS = (
    light_registration,
    clean_import,
    target,
    parameters,
    schema,
    builds,
    copies,
    same_seed,
    random_numbers,
    process_state,
    output,
    own_files,
    offline,
)
