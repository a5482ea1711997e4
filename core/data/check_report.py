"""What `check_data` finds: problems, and statistics of splits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ..contracts.labels import IGNORE
from .alike import Alike, SampleAt
from .examine import Kind

HARMLESS = ("note", "repetition")
"""Kinds of findings that are not problems."""


@dataclass(frozen=True)
class Finding:
    """One finding; those of the kinds `HARMLESS` are not problems.

    ``sample``: the index of the sample; None for several or for the split as a whole.
    """

    kind: Kind
    split: str
    message: str
    sample: int | None = None


@dataclass
class ClassCount:
    """Number of pixels of a class in a split, and of images that contain it."""

    pixels: int = 0
    images: int = 0


@dataclass
class SplitReport:
    """Statistics of a split.

    ``sizes``: "HEIGHT×WIDTH" -> images. ``classes``: head -> class -> counts; ignored pixels
    count as the class ``ignore``.
    """

    samples: int
    sizes: dict[str, int] = field(default_factory=dict)
    classes: dict[str, dict[str, ClassCount]] = field(default_factory=dict)


@dataclass
class Report:
    """The result of `check_data`.

    ``stray``: head -> raw ids that are not in the label map. ``twins``: samples whose files are
    equal, in two splits. ``alike``: samples that show the same, in two splits or in one, but not in
    one group of a split. ``names``: split -> the file of each sample, or its name.
    """

    splits: dict[str, SplitReport] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    stray: dict[str, list[str]] = field(default_factory=dict)
    twins: list[Alike] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def problems(self) -> list[Finding]:
        """All findings except harmless ones."""
        return [finding for finding in self.findings if finding.kind not in HARMLESS]

    def name(self, place: SampleAt) -> str:
        """Return the file of a sample, or its name."""
        return self.names[place.split][place.index]

    def pairs(self) -> list[tuple[Kind, Alike]]:
        """Return all samples that are alike, with the kind of their finding."""
        return [
            *(("duplicate", one) for one in self.twins),
            *((kind_of(one), one) for one in self.alike),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
            "problems": len(self.problems),
            "add_to_labels": {
                head: dict.fromkeys(ids, IGNORE) for head, ids in self.stray.items() if ids
            },
            "alike": [
                {
                    "samples": [asdict(one.first), asdict(one.second)],
                    "similarity": one.similarity,
                    "mirrored": one.mirrored,
                }
                for _, one in self.pairs()
            ],
        }


def shows_the_same(alike: Alike, other: SampleAt, report: Report) -> str:
    """Return what a finding says of a sample that is like another one."""
    mirrored = ", mirrored" * alike.mirrored
    return (
        f"shows the same as {report.name(other)} of split {other.split} "
        f"(similarity {alike.similarity:.2f}{mirrored})"
    )


def kind_of(alike: Alike) -> Kind:
    """Return the kind of the finding about two samples that are alike."""
    return "repetition" if alike.first.split == alike.second.split else "near duplicate"
