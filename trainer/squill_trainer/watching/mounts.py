"""Which file systems tell nothing of changes that other machines make."""

from __future__ import annotations

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_REMOTE = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("vboxsf", "virtiofs", "drvfs"),
        *("fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs"),
    )
)


def is_remote(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether ``path`` lies on a network file system; False where nothing says so (macOS)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kinds = {_unescaped(fields[1]): fields[2] for line in lines if len(fields := line.split()) > 2}
    place = Path(os.path.realpath(path))
    for above in (place, *place.parents):
        if str(above) in kinds:
            return kinds[str(above)] in _REMOTE
    return False


def _unescaped(text: str) -> str:
    """The kernel writes white space and backslashes in mount points as octal numbers."""
    for character in "\\ \t\n":
        text = text.replace(f"\\{ord(character):03o}", character)
    return text
