"""The conformance kit: checks of the contract of each kind, for the tests of a plugin.

`conformance` is the whole test file of a plugin; ``pluxel plugins test NAME`` runs the same checks.
Each check is a plain function of a `Subject`, so it can also be called alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.exports import exports

if TYPE_CHECKING:
    from ._check import Check as Check
    from ._check import ConformanceError as ConformanceError
    from ._collection import checks_of as checks_of
    from ._collection import subjects_of as subjects_of
    from ._pytest import conformance as conformance
    from ._subject import Subject as Subject
else:  # hidden from type checkers, for which `__getattr__` would provide every name
    __getattr__, __dir__ = exports(__name__)
