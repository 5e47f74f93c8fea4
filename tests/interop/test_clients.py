"""Unmodified clients of the field against the demo family."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import htsget
import pysam
import pytest

from tests.interop.family import Family
from tests.support import program

pytestmark = pytest.mark.interop
REGION = ("chr19", 44_900_000, 44_902_000)


def run(*command: str, cwd: Path | None = None, **environment: str) -> bytes:
    """Standard output of a program that must succeed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def reads_url(family: Family, id: str) -> str:
    return f"{family.url('gsa-human')}/ga4gh/htsget/v1/reads/{id}"


def bearer(family: Family, folder: Path) -> dict[str, str]:
    """What htslib wants for a bearer token over plain http."""
    file = folder / "token.json"
    file.write_text(json.dumps({"access_token": family.token("researcher")}))
    return {
        "HTS_AUTH_LOCATION": str(file),
        "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
    }


def test_samtools_counts_the_same_reads_remotely_and_locally(family: Family, tmp_path: Path) -> None:
    samtools = program("samtools")
    file = family.file("gsa-human", "open", "BAM")
    local = str(family.stored("gsa-human", file["name"]))
    url = reads_url(family, file["id"])
    # samtools asks htsget servers for a region only where the URL says so; its own region argument wants an index file.
    query = f"{url}?referenceName={REGION[0]}&start={REGION[1]}&end={REGION[2]}"
    region = f"{REGION[0]}:{REGION[1] + 1}-{REGION[2]}"
    whole = int(run(samtools, "view", "-c", url, cwd=tmp_path))
    assert whole == int(run(samtools, "view", "-c", local)) > 0
    slice_ = tmp_path / "slice.bam"
    slice_.write_bytes(run(samtools, "view", "-b", query, cwd=tmp_path))
    run(samtools, "index", str(slice_))
    wanted = run(samtools, "view", local, region)
    assert run(samtools, "view", str(slice_), region) == wanted != b""


def test_samtools_is_refused_a_controlled_file_even_with_a_token_without_a_grant(
    family: Family, tmp_path: Path
) -> None:
    samtools = program("samtools")
    file = family.file("gsa-human", "controlled", "BAM")
    environment = {**os.environ, **bearer(family, tmp_path)}
    for given in (os.environ, environment):
        done = subprocess.run(
            [samtools, "view", "-c", reads_url(family, file["id"])],
            cwd=tmp_path,
            env=dict(given),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0


def test_bcftools_reads_the_same_variants_remotely_and_locally(family: Family, tmp_path: Path) -> None:
    bcftools = program("bcftools")
    file = family.file("gsa-human", "open", "VCF")
    local = str(family.stored("gsa-human", file["name"]))
    url = f"{family.url('gsa-human')}/ga4gh/htsget/v1/variants/{file['id']}"
    wanted = run(bcftools, "view", "-H", local)
    assert wanted
    assert run(bcftools, "view", "-H", url, cwd=tmp_path) == wanted


def test_the_htsget_client_fetches_a_slice(family: Family, tmp_path: Path) -> None:
    file = family.file("gsa-human", "open", "BAM")
    slice_, name = tmp_path / "slice.bam", REGION[0]
    with slice_.open("wb") as out:
        htsget.get(reads_url(family, file["id"]), out, reference_name=name, start=REGION[1], end=REGION[2])
    pysam.index(str(slice_))

    def overlapping(path: str) -> list[str]:
        with pysam.AlignmentFile(path) as opened:
            return [read.to_string() for read in opened.fetch(*REGION)]

    wanted = overlapping(str(family.stored("gsa-human", file["name"])))
    assert overlapping(str(slice_)) == wanted
    assert wanted
    assert slice_.stat().st_size < file["size"] / 2


def test_curl_resumes_a_download(family: Family, tmp_path: Path) -> None:
    curl = program("curl")
    file = family.file("gsa-human", "open", "BAM")
    stored = family.stored("gsa-human", file["name"]).read_bytes()
    url = f"{family.url('gsa-human')}/ga4gh/drs/v1/objects/{file['id']}/access/https"
    signed = json.loads(run(curl, "-sSf", url))["url"]
    part = tmp_path / "part"
    part.write_bytes(stored[:1000])
    run(curl, "-sSf", "-C", "-", "-o", str(part), signed)
    assert part.read_bytes() == stored


def test_gsanode_download_fetches_verifies_and_resumes(family: Family, tmp_path: Path) -> None:
    file = family.file("gsa-human", "open", "BAM")
    stored = family.stored("gsa-human", file["name"]).read_bytes()
    (tmp_path / f"{file['name']}.part").write_bytes(stored[:777])
    command = [sys.executable, "-m", "node.cli", "download", f"drs://gsa-human.localhost/{file['id']}"]
    out = run(*command, "--out", str(tmp_path), GSANODE_CLIENT=family.facts["client"])
    fetched = Path(out.decode().strip()).read_bytes()
    assert hashlib.sha256(fetched).digest() == hashlib.sha256(stored).digest()
    (tmp_path / f"{file['name']}").unlink()
    (tmp_path / f"{file['name']}.part").write_bytes(b"\0" * 777)
    out = run(*command, "--out", str(tmp_path), GSANODE_CLIENT=family.facts["client"])
    assert Path(out.decode().strip()).read_bytes() == stored
