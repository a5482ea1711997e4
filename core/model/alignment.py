"""The classes that a configuration wants for those of a dataset, and what was found for the log."""

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
    """Return raw id -> target or ``ignore`` for all ids of a map, and how that was found.

    ``given``: what is known already; its targets are not given away again where each goes once.
    Without ``config``, only classes of equal names match.

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
    """Return what says the same of a dataset's labels without ``align``.

    Raises: PluxelError if a class that is wanted gets nothing, unless ``partial`` allows it, and
    what `aligned` raises.
    """
    if (wanted := config.align) is None:
        return config
    ids, matches = aligned(label_map, wanted.to, wanted, config.map)
    _check_sources(wanted.to, ids, matches, partial_allowed=wanted.partial)
    log_matches(matches)
    found = {label_map.key_of(raw): name for raw, name in ids.items()}
    new = [name for name in LabelMap(ids).class_names if name not in label_map.class_names]
    return LabelsConfig(map=found, new_classes=new, palette=config.palette)


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
    notes = [f"ignored for want of a match: {', '.join(ignored)}"] if ignored else []
    raise PluxelError(
        f"nothing in the dataset means {names}: lower 'threshold', say in 'map' what does, "
        "or do without them by 'partial: true'",
        notes,
    )


def log_matches(matches: Sequence[ClassMatch], what: str = "classes") -> None:
    """Log which names were taken for others, and which for none."""
    matched = [
        f"{m.source} → {m.target} ({m.score:.2f})" for m in matches if m.target and not m.by_name
    ]
    ignored = [match.source for match in matches if match.target is None]
    parts = [", ".join(matched)] if matched else []
    parts += [f"ignored: {', '.join(ignored)}"] if ignored else []
    if parts:
        logger.info("%s: %s", what, "; ".join(parts))
