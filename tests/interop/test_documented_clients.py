"""The clients of ``docs/clients.md`` do what the page says, with open files and with controlled ones after a grant."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pysam
import pytest
import requests

from tests.interop.documented import RUN, Reader, blocks, sections
from tests.interop.family import Family
from tests.interop.tls import authority, tls_front
from tests.support import program

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

MEMBER = "gsa-human"
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".interop"
HALF = 5000  # bytes that a broken-off download has left


@dataclass(frozen=True)
class Held:
    """A file of the family and where the archive keeps it."""

    facts: dict[str, Any]
    path: Path

    @property
    def name(self) -> str:
        return str(self.facts["name"])

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="module")
def passport_and_token(family: Family) -> Iterator[dict[str, str]]:
    """Somebody to whom the member's controlled data set was granted; the grant is withdrawn at the end."""
    member, dataset = family.url(MEMBER), family.dataset(MEMBER, "controlled")
    one = _granted(member, dataset, family)
    try:
        yield {"TOKEN": family.token("researcher"), "PASSPORT": family.token("researcher", "--passport")}
    finally:
        _asked(f"{one}/revoke", family.token("DAC member"), {})


def _granted(member: str, dataset: str, family: Family) -> str:
    """Request a data set and approve it; the request's address."""
    every = f"{member}/dac/v1/requests"
    researcher, committee = family.token("researcher"), family.token("DAC member")
    id = _asked(every, researcher, {"dataset": dataset, "purpose": "To try the clients of the documentation"})["id"]
    _asked(f"{every}/{id}/submit", researcher, {})
    assert _asked(f"{every}/{id}/approve", committee, {})["state"] == "approved"
    return f"{every}/{id}"


def _asked(url: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code < 300, answer.text
    return dict(answer.json())


def _named(family: Family) -> dict[str, str]:
    user = family.user("researcher")
    return {"NAME": user["name"], "PASSWORD": user["password"], "GSANODE_CLIENT": family.facts["client"]}


@pytest.fixture
def held(family: Family) -> Callable[[str, str], Held]:
    def find(tier: str, format: str) -> Held:
        facts = family.file(MEMBER, tier, format)
        return Held(facts, family.stored(MEMBER, facts["name"]))

    return find


@pytest.fixture
def reader(family: Family, tmp_path: Path) -> Callable[..., Reader]:
    """Somebody who wants a file; htslib may send tokens over the plain http of the trial."""

    def make(file: Held, **more: str) -> Reader:
        variables = {
            "NODE": family.url(MEMBER),
            "DRS_HOST": f"{MEMBER}.localhost",
            "ID": file.facts["id"],
            "FILE": file.name,
            "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
        }
        return Reader(tmp_path, {**_named(family), **variables, **more})

    return make


def region(file: Held) -> dict[str, str]:
    """A stretch in the middle of the file's records."""
    if file.facts["format"] == "BAM":
        with pysam.AlignmentFile(str(file.path)) as reads:
            places = [(read.reference_name, read.reference_start) for read in reads.fetch()]
    else:
        with pysam.VariantFile(str(file.path)) as variants:
            places = [(record.contig, record.start) for record in variants]
    name, start = places[len(places) // 2]
    return {"CHROM": str(name), "START": str(start), "END": str(start + 500)}


def local(command: str, file: Held, where: dict[str, str] | None = None) -> str:
    """What samtools or bcftools prints of the archive's own file, or of a region of it."""
    words = [program(command), "view", *(["-H"] if command == "bcftools" else [])]
    span = [f"{where['CHROM']}:{int(where['START']) + 1}-{where['END']}"] if where else []
    done = subprocess.run(
        [*words, *(["-r"] if span and command == "bcftools" else []), *(span if command == "bcftools" else []),
         str(file.path), *(span if command == "samtools" else [])],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout
    return done.stdout


def environment(name: str, *requirements: str) -> Path:
    """Programs of an environment made for one client, kept for the next run."""
    folder = ENVIRONMENTS / name
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        done = subprocess.run([*pip, *requirements], capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            missing = f"{name} cannot be installed: {done.stderr[-300:]}"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
        ready.touch()
    return folder / "bin"


def test_sign_in_prints_a_token_and_a_passport(reader: Callable[..., Reader], held: Callable[..., Held]) -> None:
    assert reader(held("open", "BAM")).types("Sign in") == ""


def test_gsanode_download(
    reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]
) -> None:
    for tier, block in (("open", 0), ("controlled", 1)):
        file = held(tier, "BAM")
        someone = reader(file)
        someone.types("gsanode download", block)
        assert (someone.folder / file.name).read_bytes() == file.content


def test_curl_resumes_and_takes_token_and_passport(
    reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]
) -> None:
    program("curl"), program("jq")
    file = held("open", "BAM")
    someone = reader(file)
    (someone.folder / file.name).write_bytes(file.content[:HALF])
    assert someone.types("curl").splitlines()[:2] == [file.name, str(len(file.content))]
    assert (someone.folder / file.name).read_bytes() == file.content
    file = held("controlled", "BAM")
    assert reader(file, TOKEN="none", PASSPORT="none").tries("curl", 1).returncode != 0
    someone = reader(file, **passport_and_token)
    someone.types("curl", 1)
    for name in (file.name, f"again.{file.name}"):
        assert (someone.folder / name).read_bytes() == file.content


@pytest.mark.parametrize(("section", "command"), [("wget", "wget"), ("aria2", "aria2c")])
def test_downloaders_resume(
    reader: Callable[..., Reader], held: Callable[..., Held], section: str, command: str
) -> None:
    program(command), program("jq")
    file = held("open", "BAM")
    someone = reader(file)
    (someone.folder / file.name).write_bytes(file.content[:HALF])
    someone.types(section)
    assert (someone.folder / file.name).read_bytes() == file.content
    assert not list(someone.folder.glob("*.1")), "a second file: it was not resumed"


def test_samtools(reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]) -> None:
    file = held("open", "BAM")
    where = region(file)
    whole = local("samtools", file)
    count, printed = reader(file, **where).types("samtools").split("\n", 1)
    assert int(count) == whole.count("\n")
    assert printed == local("samtools", file, where)
    file = held("controlled", "BAM")
    assert reader(file, TOKEN="none").tries("samtools", 2).returncode != 0
    someone = reader(file, **passport_and_token)
    someone.types("samtools", 2)
    got = Held(file.facts, someone.folder / "controlled.bam")
    assert local("samtools", got) == local("samtools", file)
    assert (someone.folder / "token.json").stat().st_mode & 0o077 == 0


def test_samtools_with_a_cram(reader: Callable[..., Reader], held: Callable[..., Held]) -> None:
    file, fasta = held("open", "CRAM"), held("open", "FASTA")
    where = {"CHROM": "chrM", "START": "1000", "END": "2000"}
    someone = reader(file, **where, REFERENCE=fasta.name, REFERENCE_ID=fasta.facts["id"])
    command = ["samtools", "view", "-T", str(fasta.path), str(file.path), "chrM:1001-2000"]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert someone.types("samtools", 1).removeprefix(f"{fasta.name}\n") == wanted != ""


def test_bcftools(reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]) -> None:
    file = held("open", "VCF")
    where = region(file)
    someone = reader(file, **where)
    someone.types("bcftools")
    assert (someone.folder / "all.txt").read_text() == local("bcftools", file)
    assert (someone.folder / "slice.txt").read_text() == local("bcftools", file, where)
    file = held("controlled", "VCF")
    assert reader(file, TOKEN="none").tries("bcftools", 1).returncode != 0
    someone = reader(file, **passport_and_token)
    someone.types("bcftools", 1)
    assert (someone.folder / "controlled.txt").read_text() == local("bcftools", file)


def test_pysam_with_a_token_after_a_grant(
    reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]
) -> None:
    file = held("controlled", "BAM")
    where = region(file)
    assert reader(file, TOKEN="none", **where).tries("pysam").returncode != 0
    printed = reader(file, **where, **passport_and_token).types("pysam")
    wanted = local("samtools", file, where).splitlines()
    assert set(wanted) <= set(printed.splitlines()) < set(local("samtools", file).splitlines())


def test_htsget(reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]) -> None:
    file = held("open", "BAM")
    where = region(file)
    someone = reader(file, **where)
    someone.types("htsget")
    pysam.index(str(someone.folder / "slice.bam"))
    assert local("samtools", Held(file.facts, someone.folder / "slice.bam"), where) == local("samtools", file, where)
    file = held("controlled", "BAM")
    someone = reader(file, **passport_and_token)
    someone.types("htsget", 1)
    assert (someone.folder / "controlled.bam").read_bytes() == file.content


def test_drs_cli(
    family: Family, reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]
) -> None:
    programs = environment("drs-cli", "drs-cli==0.2.3", "requests", "pydantic<2")
    parts = urlsplit(family.url(MEMBER))
    address = {"HOST_URL": f"http://{parts.hostname}", "PORT": str(parts.port)}
    for tier, given in (("open", {}), ("controlled", passport_and_token)):
        file = held(tier, "BAM")
        someone = reader(file, **address, **given)
        someone = Reader(someone.folder, someone.variables, programs)
        assert someone.types("drs-cli").split() == [file.name, str(len(file.content))]
        assert (someone.folder / file.name).read_bytes() == file.content


@contextlib.contextmanager
def port_443(family: Family, folder: Path) -> Iterator[Path]:
    """The member at https://localhost; the authority to trust."""
    trusted, server = authority(folder)
    port = urlsplit(family.url(MEMBER)).port
    assert port is not None
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(tls_front(server, port))
        except OSError as error:
            pytest.skip(f"this client knows no port but 443, which cannot be had: {error}")
        yield trusted


def test_ga4gh_drs_client(
    family: Family, reader: Callable[..., Reader], held: Callable[..., Held], passport_and_token: dict[str, str]
) -> None:
    programs = environment("ga4gh-drs-client", "ga4gh-drs-client==0.1.7")
    indexes = (("open", 0, {}), ("controlled", 1, passport_and_token))
    with port_443(family, reader(held("open", "TBI")).folder) as trusted:
        https = {"NODE": "https://localhost", "REQUESTS_CA_BUNDLE": str(trusted)}
        for tier, block, given in indexes:
            file = held(tier, "TBI")
            made = reader(file)
            someone = Reader(made.folder, {**made.variables, **https, **given}, programs)
            someone.types("ga4gh-drs-client", block)
            assert (someone.folder / file.facts["id"] / file.name).read_bytes() == file.content
            assert "\tPASSED\t" in (someone.folder / "drs_download_report.txt").read_text()
        made = reader(held("open", "BAM"))
        stopped = Reader(made.folder, {**made.variables, **https}, programs).tries("ga4gh-drs-client")
        assert stopped.returncode == 1, "the page says that it stops at an htsget method"


def test_every_block_of_the_page_was_run(request: pytest.FixtureRequest) -> None:
    here = {item.name.split("[")[0] for item in request.session.items if item.module is request.module}
    written = {name for name in vars(request.module) if name.startswith("test_")}
    if here != written:
        pytest.skip("only some of the clients were asked for")
    known = {(section, number) for section in sections() for number in range(len(blocks(section)))}
    assert known >= RUN
    missing = known - RUN
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"blocks of clients that were skipped above: {sorted(missing)}")
    assert not missing
