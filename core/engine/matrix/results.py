"""The file of results: one record per line, readable as JSON, written after each network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ....registry import PluxelError
from ...common.files import replacing
from .record import NetworkRecord


@dataclass
class TrialResults:
    """The records of a matrix.

    ``libraries``: backbone -> the library of its networks, with its version. ``listed``: backbone
    -> how many networks that library has. ``decoders``: that were tried.
    """

    libraries: dict[str, str] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)
    decoders: list[str] = field(default_factory=list)
    records: dict[tuple[str, str], NetworkRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> TrialResults:
        """Read a file of results. Raises: PluxelError if it is not one."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            records = [NetworkRecord.from_json(values) for values in data["records"]]
            libraries, decoders = dict(data["libraries"]), list(data["decoders"])
            listed = dict(data["listed"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PluxelError(f"{path} is not a file of results: {error}") from error
        return cls(libraries, listed, decoders, {record.key: record for record in records})

    def write(self, path: Path) -> None:
        """Write the records, sorted by name."""
        ordered = sorted(self.records.values(), key=lambda record: record.key)
        lines = ",\n".join(json.dumps(record.to_json(), ensure_ascii=False) for record in ordered)
        head = json.dumps(
            {"libraries": self.libraries, "listed": self.listed, "decoders": self.decoders}
        )
        with replacing(path) as unfinished:
            unfinished.write_text(f'{head[:-1]}, "records": [\n{lines}\n]}}\n', encoding="utf-8")

    def of(self, backbone: str) -> Iterator[NetworkRecord]:
        """Yield the records of a backbone."""
        return (record for record in self.records.values() if record.backbone == backbone)

    def renew(
        self, libraries: Mapping[str, str], names: Mapping[str, Sequence[str]], decoders: list[str]
    ) -> None:
        """Drop what was found with another version of a library, or with other decoders.

        ``names``: backbone -> all of its networks. Networks that a library no longer has stay, with
        the reason.
        """
        same = self.decoders == decoders
        for key, record in list(self.records.items()):
            backbone, model = key
            if backbone not in libraries:
                kept = record if same else None
            elif model not in names[backbone]:
                reason = f"{libraries[backbone]} does not have it"
                kept = NetworkRecord(backbone, model, record.family, kind="absent", reason=reason)
            else:
                kept = record if same and self.libraries[backbone] == libraries[backbone] else None
            if kept is None:
                del self.records[key]
            else:
                self.records[key] = kept
        self.libraries |= libraries
        self.listed |= {backbone: len(models) for backbone, models in names.items()}
        self.decoders = decoders
