"""The tour: the family's main job, step by step, each request as a line that a person can repeat.

It is a client like any other: it knows the family from ``family.json`` alone and talks to it over HTTP.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import htsget
import pysam
import requests
from rich.console import Console
from rich.rule import Rule

from auth.login import BrokerClient, SignInFailed
from node.demo.exchange import Exchange, StepFailed

PURPOSE = "The tour of the demo family: association of heart phenotypes with reads."
FAULTS = (
    StepFailed,
    SignInFailed,
    requests.RequestException,
    OSError,
    LookupError,
    ValueError,
    htsget.exceptions.HtsgetException,
)


@dataclass(slots=True)
class Tour:
    """The tour through the family that ``family`` describes."""

    family: dict[str, Any]
    console: Console
    exchange: Exchange = field(init=False)
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.console)

    def run(self) -> bool:
        """Take every step; whether all of them held. A step that fails ends the tour with a message."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("Sign in", self._sign_in),
            ("Does anyone have this phenotype? One question to every Beacon", self._beacon),
            ("Fetch an open file by its DRS id, and verify it", self._open_file),
            ("Fetch only a slice of the reads with htsget", self._slice),
            ("A controlled file: refused, requested, granted, fetched, revoked", self._controlled),
            ("Join phenotypes of GSA-Human with images of OBIA", self._join),
        )
        with tempfile.TemporaryDirectory(prefix="gsanode-tour-") as folder:
            self.folder = Path(folder)
            for number, (title, step) in enumerate(steps, start=1):
                self.console.print()
                self.console.print(Rule(f"{number}. {title}", align="left", style="dim"))
                try:
                    step()
                except FAULTS as fault:
                    self.console.print(f"  ✗ {fault}", style="bold red", highlight=False, soft_wrap=True)
                    return False
        return True

    def _sign_in(self) -> None:
        self.exchange.command(f'export GSANODE_CLIENT="{self.family["client"]}"')
        for user in self.family["users"][:2]:
            self._token(user["name"])

    def _token(self, name: str, variable: str = "") -> None:
        """Run the code flow for a user; the token goes into the shell variable of the user's name."""
        variable = variable or name.upper()
        user = next(user for user in self.family["users"] if user["name"] == name)
        self.exchange.command(f"{variable}=$({_token_command(name)})")
        self.exchange.variables[variable] = self._broker().sign_in(name, user["password"]).access
        self.exchange.say(f"{user['role']} signed in; the token is in ${variable}")

    def _broker(self) -> BrokerClient:
        public = self.family["oauth"]["public"]
        return BrokerClient(self.family["oauth"]["issuer"], public["client_id"], public["redirect_uri"])

    def _beacon(self) -> None:
        term = self.family["tour"]["filter"]
        url = f"{self.family['urls']['gateway']}/ga4gh/beacon/v2/individuals?filters={term}&requestedGranularity=count"
        body = self.exchange.ask("GET", url).json()
        total = body["responseSummary"].get("numTotalResults")
        if not total:
            raise StepFailed(f"nobody of the family has {term}: {body['responseSummary']}")
        nodes = body["info"]["nodes"]
        self.exchange.say(f"{total} individuals with {term}; {len(nodes)} nodes were asked")

    def _open_file(self) -> None:
        file = self._file("open_file")
        record = self.exchange.ask("GET", file.objects).json()
        self.exchange.say(f"{record['name']}, {record['size']:,} bytes, at {record['self_uri']}")
        self.exchange.ask("GET", f"{file.objects}/access/https", keep=("URL", "url"))
        size = self.exchange.download("$URL", self.folder / record["name"], _sha256(record))
        self.exchange.say(f"{size:,} bytes; the SHA-256 is that of the record")

    def _slice(self) -> None:
        wanted, file = self.family["tour"]["reads"], self._file("reads")
        url = f"{file.member}/ga4gh/htsget/v1/reads/{file.id}"
        region = {key: wanted[key] for key in ("start", "end")}
        place = f"{wanted['reference']}:{wanted['start']}-{wanted['end']}"
        options = f"--reference-name {wanted['reference']} --start {wanted['start']} --end {wanted['end']}"
        self.exchange.command(f"htsget {options} -O slice.bam {url}")
        target = self.folder / "slice.bam"
        with target.open("wb") as out:
            htsget.get(url, out, reference_name=wanted["reference"], max_retries=0, **region)
        with pysam.AlignmentFile(str(target), "rb") as reads:
            inside = sum(_overlaps(read, wanted) for read in reads)
        if not inside:
            raise StepFailed(f"the slice holds no read of {place}")
        whole = self.exchange.ask("GET", file.objects).json()["size"]
        self.exchange.say(f"{inside:,} reads of {place} in {target.stat().st_size:,} of {whole:,} bytes")

    def _controlled(self) -> None:
        file = self._file("controlled")
        access = f"{file.objects}/access/https"
        self._hand_back()  # what a tour before this one, cut off, has left
        self.exchange.ask("GET", access, expect=(401,))
        self.exchange.say("nobody signed in: refused")
        refused = self.exchange.ask("GET", access, bearer="RESEARCHER", expect=(403,)).json()
        self.exchange.say(f"signed in, no grant: {refused['msg']}")
        self._granted(file.member, file.dataset)
        record = self._fetch_with_passport(file, access)
        self.exchange.ask("POST", f"{file.member}/dac/v1/requests/$REQUEST/revoke", bearer="DAC", body={})
        self.exchange.say("the committee revokes the grant")
        self.exchange.ask("POST", access, body={"passports": ["$PASSPORT"]}, expect=(401, 403))
        self.exchange.say(f"the same Passport opens {record['name']} no more")
        self.exchange.ask("GET", "$URL", expect=(401, 403))
        self.exchange.say("nor does the URL that was open")

    def _granted(self, member: str, dataset: str) -> None:
        """Request a data set, and decide as its committee; ``$REQUEST`` is the request's id."""
        every, one = f"{member}/dac/v1/requests", f"{member}/dac/v1/requests/$REQUEST"
        body = {"dataset": dataset, "purpose": PURPOSE}
        self.exchange.ask("POST", every, bearer="RESEARCHER", body=body, keep=("REQUEST", "id"), expect=(200, 201))
        self.exchange.ask("POST", f"{one}/submit", bearer="RESEARCHER", body={})
        waiting = self.exchange.ask("GET", f"{every}?state=submitted", bearer="DAC").json()["requests"]
        if self.exchange.variables["REQUEST"] not in [request["id"] for request in waiting]:
            raise StepFailed(f"the committee of {dataset} does not see the request")
        state = self.exchange.ask("POST", f"{one}/approve", bearer="DAC", body={}).json()["state"]
        self.exchange.say(f"{dataset}: requested, seen by its committee, {state}")

    def _hand_back(self) -> None:
        """The researcher gives up every grant that the tour is about, so that it can be taken again."""
        for part in ("controlled", "imaging"):
            wanted = self.family["tour"][part]
            every = f"{self.family['urls'][wanted['member']]}/dac/v1/requests"
            mine = f"{every}?dataset={wanted['dataset']}&state=approved"
            for request in self.exchange.ask("GET", mine, bearer="RESEARCHER").json()["requests"]:
                self.exchange.ask("POST", f"{every}/{request['id']}/close", bearer="RESEARCHER", body={})
                self.exchange.say(f"{wanted['dataset']}: the researcher gives the grant back")

    def _fetch_with_passport(self, file: TourFile, access: str) -> dict[str, Any]:
        self.exchange.command(f"PASSPORT=$({_token_command('researcher')} --passport)")
        self.exchange.variables["PASSPORT"] = self._broker().passport(self.exchange.variables["RESEARCHER"])
        record: dict[str, Any] = self.exchange.ask("GET", file.objects).json()
        self.exchange.ask("POST", access, body={"passports": ["$PASSPORT"]}, keep=("URL", "url"))
        size = self.exchange.download("$URL", self.folder / record["name"], _sha256(record))
        self.exchange.say(f"{record['name']}: {size:,} bytes; the SHA-256 is that of the record")
        return record

    def _join(self) -> None:
        tour = self.family["tour"]
        shown = self._search(tour["join"], "count")
        if not shown["count"]:
            raise StepFailed(f"the join gives no count: {shown}")
        self.exchange.say(
            f"anyone: {shown['count']} people have both (rounded down, floor {shown['floor']['minimum']})"
        )
        hidden = self._search(tour["rare_join"], "count")
        if not hidden["suppressed"] or hidden.get("count") is not None:
            raise StepFailed(f"a join below the floor is not suppressed: {hidden}")
        self.exchange.say("anyone: too few people have both, the floor hides the number")
        for part in ("controlled", "imaging"):
            self._granted(self.family["urls"][tour[part]["member"]], tour[part]["dataset"])
        self._token("researcher")
        records = self._search(tour["join"], "record", bearer="RESEARCHER")
        if not records.get("records"):
            raise StepFailed(f"the holder of both grants gets no records: {records}")
        first = records["records"][0]
        pair = " and ".join(one["accession"] for one in first["individuals"])
        self.exchange.say(f"with both grants: {records['numRecords']} records, the first of {first['person']}: {pair}")
        self._manifest(tour["join"], records["numRecords"])
        self._hand_back()

    def _manifest(self, clauses: list[dict[str, Any]], people: int) -> None:
        url = f"{self.family['urls']['gateway']}/federation/v1/manifest"
        body = {"question": {"all": clauses}, "format": "json"}
        listed = self.exchange.ask("POST", url, bearer="RESEARCHER", body=body).json()
        if listed["people"] != people or listed["leftOut"]:
            raise StepFailed(f"the manifest is not of all {people} people: {listed['people']}, {listed['leftOut']}")
        size, number = listed["totalSize"], len(listed["files"])
        self.exchange.say(
            f"their files: {number} in a manifest, {size:,} bytes; gsanode download --manifest fetches them"
        )

    def _search(self, clauses: list[dict[str, Any]], granularity: str, bearer: str = "") -> dict[str, Any]:
        url = f"{self.family['urls']['gateway']}/federation/v1/search"
        body = {"all": clauses, "granularity": granularity}
        answer: dict[str, Any] = self.exchange.ask("POST", url, bearer=bearer, body=body).json()
        if not answer["complete"]:
            raise StepFailed(f"not every node answered: {answer['nodes']}")
        return answer

    def _file(self, part: str) -> TourFile:
        """The file that a part of the tour is about."""
        wanted = self.family["tour"][part]
        dataset = next(d for d in self.family["datasets"] if d["accession"] == wanted["dataset"])
        id = next(file["id"] for file in dataset["files"] if file["name"] == wanted["name"])
        return TourFile(id, self.family["urls"][wanted["member"]], wanted["dataset"])


@dataclass(frozen=True, slots=True)
class TourFile:
    """A file of the tour: its DRS id, the URL of its member, its data set."""

    id: str
    member: str
    dataset: str

    @property
    def objects(self) -> str:
        """URL of its DRS record."""
        return f"{self.member}/ga4gh/drs/v1/objects/{self.id}"


def _token_command(name: str) -> str:
    return f'PASSWORD="<password of {name}>" gsanode token --user {name} --password-env PASSWORD'


def _sha256(record: dict[str, Any]) -> str:
    return str(next(one["checksum"] for one in record["checksums"] if one["type"] == "sha-256"))


def _overlaps(read: pysam.AlignedSegment, wanted: dict[str, Any]) -> bool:
    end = read.reference_end or 0
    inside: bool = read.reference_start < wanted["end"] and end > wanted["start"]
    return inside and read.reference_name == wanted["reference"]
