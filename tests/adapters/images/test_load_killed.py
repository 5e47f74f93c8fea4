"""``kill -9`` at random instants of a load: nothing is lost, nothing is done twice, no original is left anywhere."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from adapters.images.disposal import sweep
from tests.adapters.images.made import Archive, all_archived, let_leases_end, opened, study

SPAN = 6.0
"""Seconds in which a load on this machine takes in, de-identifies and archives a few studies, about."""
SEED = int(os.environ.get("GSANODE_SEED", "1"))


def killed_at_random(archive: Archive, rounds: int) -> None:
    draw = random.Random(SEED)
    count = 0
    for number in range(1, rounds + 1):
        study(archive.incoming / str(number), 3, study=number, PatientID=f"patient {number}")
        count += 3
        loading = archive.loading()
        time.sleep(draw.uniform(0, SPAN))  # the instant is what is tested
        os.killpg(loading.pid, signal.SIGKILL)
        loading.wait()
        let_leases_end(archive)
    code, outcome = archive.load()
    assert code == 0, outcome
    assert all_archived(archive)
    objects = archive.archived()
    assert len(objects) == count
    assert len({data.SOPInstanceUID for data in objects}) == count
    assert len(archive.individuals()) == rounds
    sweep(archive.engine, archive.quarantine, before=time.time() + 1)
    assert archive.originals() == []
    archive.expect_clean()


def test_few_instants(tmp_path: Path) -> None:
    with opened(tmp_path / "m") as archive:
        killed_at_random(archive, 3)


@pytest.mark.prove
@pytest.mark.timeout(3000)
def test_images_50_instants(database_url: str, tmp_path: Path) -> None:
    with opened(tmp_path / "m", database_url) as archive:
        killed_at_random(archive, 50)
