"""The broker's configuration: who may ask it for tokens, which visa issuers it knows, and how long things live."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from web.settings import Identity, Listen, OrganizationSettings, ProcessSettings, Strict, Url

Kind = Literal["public", "confidential"]
GrantType = Literal[
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
PASSPORT_SCOPE: Literal["ga4gh_passport_v1"] = "ga4gh_passport_v1"
Scope = Literal["openid", "profile", "ga4gh_passport_v1", "offline_access"]
SCOPES: tuple[Scope, ...] = ("openid", "profile", PASSPORT_SCOPE, "offline_access")


class ClientSettings(Strict):
    """One OAuth client.

    ``redirect_uris`` are compared as whole strings. A confidential client proves itself with a secret or with a key
    (``jwks`` or ``jwks_uri``: private_key_jwt, RFC 7523). ``audiences`` are the members for which it may exchange
    tokens (RFC 8693); ``resource`` is the URL that it serves itself, if any: it may introspect tokens made for it.
    """

    client_id: str = Field(pattern=r"^[\x21-\x7e]{1,255}$")
    name: str
    kind: Kind = "confidential"
    redirect_uris: tuple[Url, ...] = ()
    grant_types: tuple[GrantType, ...] = ("authorization_code", "refresh_token")
    scopes: tuple[Scope, ...] = SCOPES
    audiences: tuple[Identity, ...] = ()
    resource: Identity | None = None
    client_secret: SecretStr | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: Url | None = None

    @model_validator(mode="after")
    def _credentials(self) -> ClientSettings:
        given = [name for name in ("client_secret", "jwks", "jwks_uri") if getattr(self, name) is not None]
        if self.kind == "public" and given:
            raise ValueError(f"client {self.client_id}: a public client has no credentials, remove {', '.join(given)}")
        if self.kind == "confidential" and len(given) != 1:
            raise ValueError(f"client {self.client_id}: give exactly one of client_secret, jwks, jwks_uri")
        if self.audiences and self.kind == "public":
            raise ValueError(f"client {self.client_id}: only a confidential client exchanges tokens for audiences")
        return self


class IssuerSettings(Strict):
    """A visa issuer the broker collects from; ``visas_url`` + subject gives a person's visas."""

    issuer: Identity
    visas_url: Url = ""

    @model_validator(mode="before")
    @classmethod
    def _default_url(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("visas_url"):
            return {**given, "visas_url": f"{given.get('issuer')}/visas/v1/subjects/"}
        return given


class UpstreamSettings(Strict):
    """An OpenID provider at which people may sign in instead of with a local account.

    Its answers come to ``public_url``/sign-in/``id``/callback, an address of its own. Without ``client_secret`` the
    broker proves itself with its key (private_key_jwt): its key set is registered there.
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    name: str
    issuer: Url
    client_id: str
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "profile")


class Lifetimes(Strict):
    """How long things live, in seconds."""

    code: int = Field(default=60, ge=1, le=600)
    access_token: int = Field(default=900, ge=1, le=3600)
    audience_token: int = Field(default=300, ge=1, le=300)
    passport: int = Field(default=900, ge=1, le=3600)
    id_token: int = Field(default=600, ge=1, le=3600)
    refresh_token: int = Field(default=14 * 86400, ge=1)
    device_code: int = Field(default=600, ge=1, le=1800)
    session: int = Field(default=8 * 3600, ge=60)
    poll_interval: int = Field(default=5, ge=1)
    visas: float = Field(default=2.0, gt=0, le=30)  # time limit for one issuer's answer
    late_issuer: float = Field(default=30.0, ge=0)  # an issuer that missed the limit is left out this long


class PasswordSettings(Strict):
    """Cost of argon2id, and when an account is locked; the defaults follow OWASP's recommendation."""

    time_cost: int = Field(default=2, ge=1)
    memory_kib: int = Field(default=19456, ge=8)
    parallelism: int = Field(default=1, ge=1)
    lock_after: int = Field(default=5, ge=1)
    lock_seconds: int = Field(default=900, ge=1)


class BrokerSettings(ProcessSettings):
    """Everything of ``kind: broker``. ``public_url`` is the issuer, compared as a whole string.

    ``audiences`` says, per member, the issuers which that member trusts: a token made for that member releases no
    visa of any other issuer.
    """

    kind: Literal["broker"] = "broker"
    public_url: Identity
    name: str = "GSA Family"
    listen: Listen = Listen(port=8081)
    organization: OrganizationSettings = OrganizationSettings(
        id="cn.ac.cncb", name="China National Center for Bioinformation", url="https://www.cncb.ac.cn"
    )
    clients: tuple[ClientSettings, ...] = ()
    issuers: tuple[IssuerSettings, ...] = ()
    audiences: dict[Identity, tuple[Identity, ...]] = Field(default_factory=dict)
    lifetimes: Lifetimes = Lifetimes()
    passwords: PasswordSettings = PasswordSettings()
    upstreams: tuple[UpstreamSettings, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> BrokerSettings:
        ids = [client.client_id for client in self.clients]
        if doubled := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"clients: client_id given twice: {', '.join(sorted(doubled))}")
        for given in ([one.id for one in self.upstreams], [one.issuer for one in self.upstreams]):
            if doubled := {name for name in given if given.count(name) > 1}:
                raise ValueError(f"upstreams: given twice: {', '.join(sorted(doubled))}")
        known = {issuer.issuer for issuer in self.issuers}
        for member, issuers in self.audiences.items():
            if unknown := set(issuers) - known:
                raise ValueError(f"audiences[{member}]: not among issuers: {', '.join(sorted(unknown))}")
        for client in self.clients:
            if unknown := set(client.audiences) - set(self.audiences):
                raise ValueError(f"client {client.client_id}: audiences unknown: {', '.join(sorted(unknown))}")
        return self
