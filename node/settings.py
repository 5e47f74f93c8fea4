"""Settings of a member process, and the member profiles of ``config/members`` that hold every difference."""

from __future__ import annotations

from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from node.privacy import Floor, Privacy
from web.settings import ProcessSettings, SettingsError, Strict, Url, read, validated

MEMBERS = "config.members"


class LocalStore(Strict):
    """A tree of files under ``root``."""

    kind: Literal["local"]
    root: Path


class S3Store(Strict):
    """A bucket of an S3-compatible service."""

    kind: Literal["s3"]
    endpoint: str
    bucket: str
    region: str = "us-east-1"
    access_key: str
    secret_key: str


Store = Annotated[LocalStore | S3Store, Field(discriminator="kind")]


VisaType = Literal[
    "AffiliationAndRole", "AcceptedTermsAndPolicies", "ResearcherStatus", "ControlledAccessGrants", "LinkedIdentities"
]


class BrokerClient(Strict):
    """The broker this member signs people in with, and its own client id there."""

    issuer: str
    client_id: str


class TrustedIssuer(Strict):
    """A visa issuer and what it may speak for. All strings match exactly, prefixes (ending with ``/``) in ``datasets``.

    ``max_age`` is in seconds after ``asserted``; ``status`` its signed status list, ``userinfo`` where its access-token
    visas are confirmed (``auth.trust.TrustEntry``).
    """

    issuer: Url
    jwks_uri: Url
    sources: list[str]
    datasets: list[str]
    types: list[VisaType]
    subjects_of: str | None = None
    max_age: int | None = Field(default=None, ge=60)
    status: Url | None = None
    userinfo: Url | None = None


class TrustedBroker(Strict):
    """Another broker whose Passports and access tokens are accepted beside those of our own.

    ``token_types`` are the ``typ`` of its access tokens; ``opaque`` says that they may be no JWTs at all, which at most
    one broker may say.
    """

    issuer: Url
    jwks_uri: Url
    userinfo: Url
    token_types: tuple[Literal["at+jwt", "jwt"], ...] = ("at+jwt",)
    opaque: bool = False


class TrustedGateway(Strict):
    """A gateway that may ask this member for its side of a join."""

    issuer: str
    jwks_uri: str


class JoinPartner(Strict):
    """A member whose individuals are linked with ours, and the key (hex, 32 bytes) that only the two share.

    ``semi_join``: it may be told which of its people are in a large side of ours, so that less has to travel. ``url``:
    its public URL, where it says which individuals exist, and as which it may ask us.
    """

    member: str
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    semi_join: bool = False
    url: Url | None = None


class SmtpServer(Strict):
    """A mail server; its certificate is verified unless ``tls`` is ``none``."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""


class Mail(Strict):
    """How messages leave: an SMTP server, or a folder that takes them as files."""

    smtp: SmtpServer | None = None
    folder: Path | None = None
    sender: str = "node@localhost"


class Accel(Strict):
    """nginx in front serves files of local stores itself (``deploy/nginx.conf``) from an internal location.

    Store ``NAME`` is the folder ``prefix``/``NAME`` there.
    """

    prefix: str = Field(default="/archive", pattern=r"^(/[A-Za-z0-9._-]+)+$")


class ScreenProgram(Strict):
    """A program that finds human reads. ``{files}`` in ``command`` is where the files go, ``{summary}`` the path of the
    JSON object that it writes, in which ``reads`` and ``human`` name two counts. More than ``share`` is refused. A set
    of files is given together, or one by one if they are more than ``at_once``."""

    command: tuple[str, ...] = Field(min_length=1)
    reads: str
    human: str
    share: float = Field(default=0.001, ge=0, le=1)
    at_once: int | None = Field(default=None, ge=1)


class JobSettings(Strict):
    """How a machine works on jobs: how many at a time, and what an attempt may take.

    ``scratch`` is a folder for what attempts write (the system's own if it is absent), ``attempts`` how often one is
    made, ``taxonomy`` a folder of reference sets: reads that contradict their declared organism fail the check.
    """

    slots: int = Field(default=1, ge=1, le=256)
    memory_mb: int = Field(default=2048, ge=512)
    seconds: int = Field(default=24 * 3600, ge=1)
    attempts: int = Field(default=3, ge=1, le=20)
    scratch: Path | None = None
    taxonomy: Path | None = None
    screen: ScreenProgram | None = None


class SealedOriginals(Strict):
    """Originals are kept in ``folder`` as Crypt4GH files for the owner of the key behind ``recipient``."""

    recipient: Path
    folder: Path


class ListenTls(Strict):
    """Certificate and key of this node, and the authorities of those whose certificates are let in (PEM files)."""

    certificate: Path
    key: Path
    clients: Path


class Sender(Strict):
    """An application entity that may send to a collection; from ``address`` only, if it is given."""

    ae_title: str = Field(pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")
    collection: str
    address: str | None = None


class Listening(Strict):
    """Where C-STORE is taken (``gsanode images listen``): on a loopback address, or with TLS on any."""

    host: str = "127.0.0.1"
    port: int = Field(default=11112, ge=1, le=65535)
    ae_title: str = Field(default="GSANODE", pattern=r"^[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?$")
    associations: int = Field(default=8, ge=1, le=256)
    tls: ListenTls | None = None
    senders: tuple[Sender, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _closed(self) -> Listening:
        if self.tls is None and not is_loopback(self.host):
            raise ValueError(f"listen.host: without tls only a loopback address is allowed, not {self.host}")
        if len({one.ae_title for one in self.senders}) < len(self.senders):
            raise ValueError("listen.senders: an ae_title is given twice")
        return self


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ImageSettings(Strict):
    """How images come in. ``quarantine`` is a folder for originals, on a disk that all workers share and no store has.

    De-identified images go to ``store``. ``key`` (hex, 32 bytes) draws new UIDs and dates: never change it. Images are
    loaded from the ``incoming`` folders; ``pixels`` says how closely text is looked for (nobody looks without it);
    ``settle_seconds`` is how long a study must have been silent before it is worked on; no object may have more than
    ``object_bytes``; senders must wait while a collection has ``quota_bytes`` in quarantine.
    """

    quarantine: Path
    store: str
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    incoming: tuple[Path, ...] = ()
    pixels: Literal["fast", "thorough"] | None = None
    originals: Literal["deleted"] | SealedOriginals = "deleted"
    settle_seconds: float = Field(default=30, ge=0, le=3600)
    object_bytes: int = Field(default=4 << 30, ge=1 << 10)
    quota_bytes: int = Field(default=1 << 40, ge=1 << 10)
    listen: Listening | None = None

    def agree(self, stores: dict[str, Store]) -> None:
        """:raises ValueError: if there is no such store, or originals would lie in one."""
        if self.store not in stores:
            raise ValueError(f"images.store: {self.store!r} is not in stores; allowed: {', '.join(stores)}")
        closed = [self.quarantine] + ([] if self.originals == "deleted" else [self.originals.folder])
        roots = [store.root.resolve() for store in stores.values() if isinstance(store, LocalStore)]
        for folder in map(Path.resolve, closed):
            if any(folder.is_relative_to(root) or root.is_relative_to(folder) for root in roots):
                raise ValueError(f"images: {folder} is in a store, or a store in it; originals must be apart")


class WorkerSettings(Strict):
    """A worker of a member: it shares the member's database and stores, and nothing else. It listens nowhere."""

    kind: Literal["worker"]
    member: str
    database: str
    stores: dict[str, Store]
    jobs: JobSettings = JobSettings()
    images: ImageSettings | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _images_agree(self) -> WorkerSettings:
        if self.images:
            self.images.agree(self.stores)
        return self


class MemberSettings(ProcessSettings):
    """A member process.

    ``url_key`` (hex, 32 bytes) signs byte URLs; every process of the member shares it. ``url_seconds`` is the longest
    life of such a URL. ``audit_anchors`` is a file to which the head of the audit log is appended every minute.
    """

    kind: Literal["member"]
    member: str
    drs_host: str
    stores: dict[str, Store]
    broker: BrokerClient
    trust: list[TrustedIssuer]
    brokers: tuple[TrustedBroker, ...] = ()
    gateways: tuple[TrustedGateway, ...] = ()
    partners: tuple[JoinPartner, ...] = ()
    floor: Floor = Floor()
    privacy: Privacy = Privacy()
    mail: Mail = Mail()
    audit_anchors: Path | None = None
    url_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    url_seconds: int = Field(default=900, ge=10, le=3600)
    accel: Accel | None = None
    jobs: JobSettings = JobSettings()
    images: ImageSettings | None = None

    @model_validator(mode="after")
    def _images_agree(self) -> MemberSettings:
        if self.images:
            self.images.agree(self.stores)
        return self

    @model_validator(mode="after")
    def _each_named_once(self) -> MemberSettings:
        brokers = [self.broker.issuer, *(broker.issuer for broker in self.brokers)]
        issuers = [self.public_url, *(issuer.issuer for issuer in self.trust)]
        for key, named in (("brokers", brokers), ("trust", issuers)):
            if doubled := {one for one in named if named.count(one) > 1}:
                raise ValueError(f"{key}: given twice, or is this node's own: {', '.join(sorted(doubled))}")
        if sum(broker.opaque for broker in self.brokers) > 1:
            raise ValueError("brokers: opaque tokens say nothing of their broker, so that only one may have them")
        return self


class Accessions(Strict):
    """Patterns (full match) of a member's accessions; an absent entity does not occur in this member."""

    dataset: str
    file: str
    bioproject: str = r"PRJC[A-Z]\d{6}"
    biosample: str | None = None
    individual: str | None = None
    sample: str | None = None
    experiment: str | None = None
    run: str | None = None
    analysis: str | None = None
    dac: str | None = None
    link: str | None = None


class BeaconProfile(Strict):
    """The Beacon face of a member: its entry types, and those of them that answer only narrowed questions."""

    id: str
    name: str
    entry_types: list[str]
    filtered_only: list[str] = Field(default_factory=list)


class DacProfile(Strict):
    """How the committees of a member work. ``one_click``: their mails carry a link whose page approves with a click."""

    one_click: bool = False


class OfferedTerms(Strict):
    """Terms that signed-in people may accept at a member; a changed text needs a new ``url``."""

    url: Annotated[Url, Field(max_length=255)]
    title: str
    title_zh: str
    text: tuple[str, ...] = Field(min_length=1)
    text_zh: tuple[str, ...] = Field(min_length=1)


class Profile(Strict):
    """What differs between the members (DESIGN section 4): data, never code.

    Data sets of the tiers in ``hgr_required`` are not registered without numbers of human genetic resources.
    """

    name: str
    title: str
    title_zh: str
    description: str
    description_zh: str
    accessions: Accessions
    dataset_entity: str
    tiers: list[Literal["open", "registered", "controlled"]]
    standards: list[Literal["drs", "beacon", "htsget", "dicomweb", "dac", "visas", "join", "links"]]
    beacon: BeaconProfile
    human_reads: Literal["allowed", "refused"] = "allowed"
    dac: DacProfile = DacProfile()
    terms: tuple[OfferedTerms, ...] = ()
    hgr_required: list[Literal["open", "registered", "controlled"]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _terms_can_be_accepted(self) -> Profile:
        if self.terms and not {"dac", "visas"} <= set(self.standards):
            raise ValueError("terms: only a member with the standards dac and visas has a page where they are accepted")
        if len({one.url for one in self.terms}) != len(self.terms):
            raise ValueError("terms: a url is given twice")
        return self


def profile(name: str) -> Profile:
    """The profile of member ``name``.

    :raises SettingsError: if there is none, naming those that exist.
    """
    folder = files(MEMBERS)
    known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    if name not in known:
        raise SettingsError(f"key 'member': {name!r} has no profile; allowed: {', '.join(known)}")
    path = Path(str(folder.joinpath(f"{name}.yaml")))
    return validated(read(path), Profile, path)
