"""Which folders may be looked at without waiting for a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.store.local import LocalStore
from adapters.store.mounts import all_local

DISK = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"
TABLE = {
    "the root's disk": ([DISK], "/srv/archive", True),
    "a disk of its own": ([DISK, "30 21 8:2 / /srv rw - xfs /dev/sdb rw"], "/srv/archive", True),
    "a network": ([DISK, "30 21 0:5 / /srv rw,noatime shared:9 master:1 - nfs4 server:/x rw"], "/srv/archive", False),
    "the mount itself": ([DISK, "30 21 0:5 / /srv/archive rw - nfs server:/x rw"], "/srv/archive", False),
    "a network below": ([DISK, "30 21 0:5 / /srv/archive/old rw - cifs //server/x rw"], "/srv/archive", False),
    "a network beside": ([DISK, "30 21 0:5 / /srv/archives rw - nfs4 server:/x rw"], "/srv/archive", True),
    "a disk over a network": (
        [DISK, "30 21 0:5 / /srv rw - nfs4 server:/x rw", "31 30 8:2 / /srv/archive rw - ext4 /dev/sdb rw"],
        "/srv/archive",
        True,
    ),
    "a network over a disk": (
        [DISK, "30 21 8:2 / /srv rw - ext4 /dev/sdb rw", "31 30 0:5 / /srv rw - nfs4 server:/x rw"],
        "/srv/archive",
        False,
    ),
    "a disk over it again": (
        [DISK, "30 21 0:5 / /srv rw - nfs4 server:/x rw", "31 30 8:2 / /srv rw - ext4 /dev/sdb rw"],
        "/srv/archive",
        True,
    ),
    "waiting to be mounted": ([DISK, "30 21 0:7 / /srv/archive/auto rw - autofs systemd-1 rw"], "/srv/archive", False),
    "a program as a disk": ([DISK, "30 21 0:6 / /srv rw - fuse.sshfs host: rw"], "/srv/archive", False),
    "a blank in its name": ([DISK, r"30 21 0:5 / /srv/my\040files rw - nfs4 server:/x rw"], "/srv/my files/a", False),
    "an empty table": ([], "/srv/archive", False),
}


@pytest.mark.parametrize(("lines", "folder", "wanted"), TABLE.values(), ids=TABLE.keys())
def test_where_a_folder_lies(lines: list[str], folder: str, wanted: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("".join(f"{line}\n" for line in lines))
    assert all_local(Path(folder), mounts) is wanted


def test_without_a_table_nothing_is_taken_to_be_local(tmp_path: Path) -> None:
    assert all_local(tmp_path, tmp_path / "absent") is False


def test_a_store_says_so_of_its_root(tmp_path: Path) -> None:
    assert LocalStore("a", tmp_path).prompt is all_local(tmp_path.resolve())
