"""Where a folder lies: on disks of this machine, or across a network that may let it wait."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
LOCAL = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
ESCAPED = re.compile(r"\\([0-7]{3})")


def all_local(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a resolved folder and everything below it are on file systems of this machine's own disks or memory.

    What is mounted later is not seen. Where the system does not tell (other systems than Linux), the answer is no.

    :param mounts: the table of mounts, in the form of proc(5), ``/proc/pid/mountinfo``.
    """
    try:
        table = [_entry(line) for line in mounts.read_text("utf-8", "surrogateescape").splitlines()]
    except OSError:
        return False
    above = [(point, kind) for point, kind in table if folder.is_relative_to(point)]
    below = [kind for point, kind in table if point != folder and point.is_relative_to(folder)]
    if not above:
        return False
    longest = max(len(point.parts) for point, _ in above)
    # The last of those that are mounted at the same place covers the others.
    holding = [kind for point, kind in above if len(point.parts) == longest][-1]
    return LOCAL.issuperset([holding, *below])


def _entry(line: str) -> tuple[Path, str]:
    """Mount point and type of file system."""
    fields, _, system = line.partition(" - ")
    point = ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields.split(" ")[4])
    return Path(point), system.split(" ")[0]
