"""Align the classes of a dataset with those that a configuration asks for, and log the matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...registry import PluxelError, did_you_mean
from ..common.logs import logger
from ..config.sections.labels import AlignConfig, LabelsConfig
from ..contracts.labels import IGNORE, LabelMap
from ..contracts.options import MATCH_THRESHOLD
from ..embeddings.matching import ClassMatch, align, vectors_of


def aligned(
    label_map: LabelMap,
    targets: Sequence[str],
    config: AlignConfig | None,
    given: Mapping[int | str, str] | None = None,
) -> tuple[dict[int, str], list[ClassMatch]]:
    """Map every raw id of a label map to a target or ``ignore``; return the map and the matches.

    ``given``: entries that need no search. One-to-one matching does not assign their targets again.
    Without ``config``, classes match only if their names are equal.

    Raises: PluxelError for a class in ``given`` that is not a target.
    """
    known = {label_map.id_of(key): name for key, name in (given or {}).items()}
    for name in known.values():
        if name not in (*targets, IGNORE):
            raise PluxelError(f"no class is called '{name}'.{did_you_mean(name, targets)}")
    open_ids = {raw: name for raw, name in label_map.ids.items() if raw not in known}
    one_to_one = config is not None and config.matching == "one_to_one"
    taken = set(known.values()) if one_to_one else set()
    matches = align(
        list(dict.fromkeys(name for name in open_ids.values() if name != IGNORE)),
        [name for name in targets if name not in taken],
        None if config is None else vectors_of(lambda: [make() for make in config.embedding]),
        threshold=MATCH_THRESHOLD if config is None else config.threshold,
        one_to_one=one_to_one,
    )
    found = {match.source: match.target or IGNORE for match in matches}
    ids = {raw: known.get(raw) or found.get(name, IGNORE) for raw, name in label_map.ids.items()}
    return ids | known, matches


def resolved_labels(label_map: LabelMap, config: LabelsConfig) -> LabelsConfig:
    """Return an equivalent configuration of the labels that needs no ``align``.

    Raises: PluxelError if no class of the dataset matches a class in ``to``, unless ``partial``
    allows it; and the errors of `aligned`.
    """
    if (section := config.align) is None:
        return config
    ids, matches = aligned(label_map, section.to, section, config.map)
    _check_sources(section.to, ids, matches, partial_allowed=section.partial)
    log_matches(matches)
    resolved = {label_map.key_of(raw): name for raw, name in ids.items()}
    new = [name for name in LabelMap(ids).class_names if name not in label_map.class_names]
    return LabelsConfig(map=resolved, new_classes=new, palette=config.palette)


def _check_sources(
    targets: Sequence[str],
    ids: Mapping[int, str],
    matches: Sequence[ClassMatch],
    partial_allowed: bool,
) -> None:
    missing = [name for name in targets if name not in ids.values()]
    if not missing or (partial_allowed and len(missing) < len(targets)):
        return
    names = ", ".join(f"'{name}'" for name in missing)
    ignored = [match.source for match in matches if match.target is None]
    notes = [f"ignored because nothing matched: {', '.join(ignored)}"] if ignored else []
    raise PluxelError(
        f"no class of the dataset matches {names}: lower 'threshold', assign classes in 'map', "
        "or allow missing classes with 'partial: true'",
        notes,
    )


def log_matches(matches: Sequence[ClassMatch], what: str = "classes") -> None:
    """Log which names matched by meaning, and which were ignored; ``what``: begins the line."""
    matched = [
        f"{m.source} → {m.target} ({m.score:.2f}{', doubtful' if m.is_doubtful else ''})"
        for m in matches
        if m.target and not m.by_name
    ]
    ignored = [match.source for match in matches if match.target is None]
    parts = [", ".join(matched)] if matched else []
    parts += [f"ignored: {', '.join(ignored)}"] if ignored else []
    if parts:
        logger.info("%s: %s", what, "; ".join(parts))
