"""Whether the owner of a lease is dead; the only file that uses private names of filelock.

filelock decides this when it takes a lease over, but offers no public function that only looks.
"""

from __future__ import annotations

from pathlib import Path


def owner_is_dead(lease: Path) -> bool:
    """Return whether the process that owns a lease ran on this machine, and has ended.

    False if that is unknown, as for an owner on another machine.
    """
    # Prediction works without filelock, and reads runs.
    from filelock import SoftFileLease  # noqa: PLC0415

    try:
        from filelock._identity import owner_is_stale  # noqa: PLC0415
    except ImportError:  # another version
        return False
    owner = SoftFileLease(lease).owner
    return owner is not None and owner_is_stale(owner.pid, owner.hostname, owner.start)
