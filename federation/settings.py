"""Settings of a gateway process (``kind: gateway``)."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, InstanceOf, StringConstraints, model_validator

from federation.mappings import Mappings, read_mappings
from web.settings import Identity, ProcessSettings, Strict, Url

NodeId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
BaseUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?$", max_length=255)]
Path = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~-]+)+$")]


class Standard(Strict):
    """A standard that a member serves: ``path`` hangs under the member's public URL."""

    artifact: str
    path: Path
    version: str | None = None


DISCOVERED = (
    Standard(artifact="beacon", path="/ga4gh/beacon/v2"),
    Standard(artifact="drs", path="/ga4gh/drs/v1"),
    Standard(artifact="htsget", path="/ga4gh/htsget/v1/reads"),
    Standard(artifact="htsget", path="/ga4gh/htsget/v1/variants"),
)


class Member(Strict):
    """A node that the gateway asks. Without ``standards`` the usual places are looked at."""

    id: NodeId
    name: str
    url: BaseUrl
    standards: tuple[Standard, ...] = DISCOVERED

    @property
    def names_standards(self) -> bool:
        """Whether it is said which standards it serves."""
        return self.standards != DISCOVERED

    def owns(self, url: str) -> bool:
        """Whether ``url`` is of one of its services."""
        return url in {self.url + standard.path for standard in self.standards}

    def base(self, artifact: str) -> str | None:
        """Base URL of a standard at this member, or None where it is not served."""
        for standard in self.standards:
            if standard.artifact == artifact:
                return self.url + standard.path
        return None


class Broker(Strict):
    """The broker that exchanges a caller's token, and the gateway's name there."""

    issuer: BaseUrl
    client_id: str


class Link(Strict):
    """Two members that hold the same people and share a key for their pseudonyms."""

    left: NodeId
    right: NodeId


class FloorSettings(Strict):
    """The smallest number of people that may be told (and 0 is not told either), and to what it is rounded down."""

    minimum: int = Field(default=1, ge=0)
    round_to: int = Field(default=1, ge=1)

    def strictest(self, *others: FloorSettings) -> FloorSettings:
        """The floor that satisfies this one and all ``others``."""
        floors = (self, *others)
        return FloorSettings(
            minimum=max(floor.minimum for floor in floors), round_to=max(floor.round_to for floor in floors)
        )


class Limits(Strict):
    """Bounds on what a node may make the gateway do. Sizes in bytes, times in seconds."""

    answer_bytes: int = Field(default=64_000_000, ge=1)
    failures_to_open: int = Field(default=5, ge=1)
    open_seconds: float = Field(default=10.0, gt=0)
    health_seconds: float = Field(default=30.0, gt=0)
    capabilities_seconds: float = Field(default=300.0, gt=0)
    cached_tokens: int = Field(default=10_000, ge=1)


class Operator(Strict):
    """Who may have nodes join and leave by a call, beside the gateway's own operator: an issuer and its keys."""

    issuer: Identity
    jwks_uri: Url


class JoiningSettings(Strict):
    """How nodes join by a call. ``networks`` are inner networks in which such nodes may be, by default none."""

    operators: tuple[Operator, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    most: int = Field(default=1000, ge=0)


def _table(value: object) -> Mappings:
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a table of mappings (SSSOM, TSV)")
    return read_mappings(value)


class GatewaySettings(ProcessSettings):
    """Everything a gateway process is told; ``mappings`` is the path of a table of equivalent terms."""

    kind: Literal["gateway"] = "gateway"
    id: str = "cn.ac.cncb.gsa.federation"
    name: str = "GSA Family"
    name_zh: str = "GSA 家族"
    members: tuple[Member, ...] = Field(min_length=1)
    broker: Broker | None = None
    links: tuple[Link, ...] = ()
    deadline_seconds: float = Field(default=2.0, gt=0, le=60)
    floor: FloorSettings = FloorSettings()
    limits: Limits = Limits()
    joining: JoiningSettings = JoiningSettings()
    mappings: Annotated[InstanceOf[Mappings], BeforeValidator(_table)] = Mappings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [member.id for member in self.members]
        for value, what in ((ids, "id"), ([member.url for member in self.members], "url")):
            twice = sorted({item for item in value if value.count(item) > 1})
            if twice:
                raise ValueError(f"members: {what} {twice[0]!r} appears twice; each must be unique")
        if self.public_url in [member.url for member in self.members]:
            raise ValueError("members: the gateway itself cannot be one of them")
        for link in self.links:
            for side in (link.left, link.right):
                if side not in ids:
                    raise ValueError(f"links: {side!r} is not a member; allowed: {', '.join(ids)}")
            if link.left == link.right:
                raise ValueError(f"links: {link.left!r} cannot be linked to itself")
        return self

    def linked(self, one: str, other: str) -> bool:
        """Whether two members (by id) share a join key."""
        return any({link.left, link.right} == {one, other} for link in self.links)
