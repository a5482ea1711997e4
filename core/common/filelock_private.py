"""Whether the owner of a lease is dead; the only file that uses private names of filelock.

filelock decides this when it takes a lease over, but offers no public function that only looks.
"""

from __future__ import annotations

from pathlib import Path

from filelock import SoftFileLease

try:
    from filelock._identity import owner_is_stale
except ImportError:  # another version
    owner_is_stale = None


def owner_is_dead(lease: Path) -> bool:
    """Return whether the process that owns a lease ran on this machine, and has ended.

    False if that is unknown, as for an owner on another machine.
    """
    owner = SoftFileLease(lease).owner
    if owner is None or owner_is_stale is None:
        return False
    return owner_is_stale(owner.pid, owner.hostname, owner.start)
