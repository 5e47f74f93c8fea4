"""The configuration of the six processes of a demo family, as a person would write it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from node.demo.directory import atomic_write
from node.settings import profile

Roots = Mapping[str, Mapping[str, Path]]

NAMES = {"gsa": "GSA", "gsa-human": "GSA-Human", "omix": "OMIX", "obia": "OBIA"}
MEMBERS = tuple(NAMES)
PROCESSES = ("gateway", "broker", *MEMBERS)
LINKED = ("gsa-human", "obia")
ORGANIZATION = {"id": "org.example.gsa-demo", "name": "GSA demo family", "url": "https://ngdc.cncb.ac.cn"}
FLOOR = {"minimum": 10, "round_to": 5}
CLIENT = "client.yaml"
LOOPBACK = "http://127.0.0.1/gsanode"
TEST_REDIRECT = "http://127.0.0.1:8765/callback"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each process of the family listens: ``base`` and the five ports after it, on this machine only."""

    base: int
    host: str = "127.0.0.1"

    def port(self, process: str) -> int:
        """TCP port of a process."""
        return self.base + PROCESSES.index(process)

    def url(self, process: str) -> str:
        """Public URL of a process, without a trailing slash."""
        return f"http://{self.host}:{self.port(process)}"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only this family knows; made once per directory."""

    join_key: str
    client_secret: str
    image_key: str
    url_keys: dict[str, str]
    key_secrets: dict[str, str]

    @classmethod
    def fresh(cls) -> Secrets:
        """New random secrets."""
        url_keys = {member: secrets.token_hex(32) for member in MEMBERS}
        key_secrets = {process: secrets.token_hex(32) for process in PROCESSES}
        join_key, image_key = secrets.token_hex(32), secrets.token_hex(32)
        return cls(join_key, secrets.token_urlsafe(24), image_key, url_keys, key_secrets)


def write(folder: Path, addresses: Addresses, known: Secrets, roots: Roots) -> dict[str, Path]:
    """Write one YAML file per process into ``folder``/config (readable by the owner only); answers their paths.

    :param roots: by member, its stores: the folder behind each store's name.
    """
    written = {}
    for process in PROCESSES:
        path = folder / "config" / f"{process}.yaml"
        content = {
            **_common(folder, addresses, known, process),
            **_specific(folder, addresses, known, roots, process),
        }
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        atomic_write(path, text.encode(), mode=0o600)
        written[process] = path
    atomic_write(folder / CLIENT, yaml.safe_dump(_researcher(addresses), sort_keys=False).encode())
    return written


def _researcher(addresses: Addresses) -> dict[str, Any]:
    """``client.yaml``: how the command line of a researcher reaches the family."""
    return {
        "broker": addresses.url("broker"),
        "client_id": "gsanode",
        "redirect_uri": LOOPBACK,
        "hosts": {f"{member}.localhost": addresses.url(member) for member in MEMBERS},
    }


def _common(folder: Path, addresses: Addresses, known: Secrets, process: str) -> dict[str, Any]:
    return {
        "kind": process if process in ("gateway", "broker") else "member",
        "public_url": addresses.url(process),
        "listen": {"host": addresses.host, "port": addresses.port(process)},
        "database": f"sqlite:///{folder / 'databases' / process}.sqlite",
        "organization": ORGANIZATION,
        "environment": "dev",
        "grace_seconds": 5,
        "key_secret": known.key_secrets[process],
    }


def _specific(folder: Path, addresses: Addresses, known: Secrets, roots: Roots, process: str) -> dict[str, Any]:
    if process == "gateway":
        return _gateway(addresses)
    if process == "broker":
        return _broker(addresses, known)
    return _member(folder, addresses, known, roots[process], process)


def _gateway(addresses: Addresses) -> dict[str, Any]:
    members = [{"id": member, "name": NAMES[member], "url": addresses.url(member)} for member in MEMBERS]
    return {
        "members": members,
        "broker": {"issuer": addresses.url("broker"), "client_id": "gateway"},
        "links": [{"left": LINKED[0], "right": LINKED[1]}],
        "floor": FLOOR,
    }


def _broker(addresses: Addresses, known: Secrets) -> dict[str, Any]:
    members = [addresses.url(member) for member in MEMBERS]
    return {
        "name": "GSA Family",
        "clients": [
            *(_client(addresses, process, members) for process in ("gateway", *MEMBERS)),
            {
                "client_id": "gsanode",
                "name": "gsanode on the command line",
                "kind": "public",
                "redirect_uris": [LOOPBACK],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ],
            },
            {
                "client_id": "family-tests",
                "name": "Tests of the demo family",
                "redirect_uris": [TEST_REDIRECT],
                "grant_types": [
                    "authorization_code",
                    "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ],
                "client_secret": known.client_secret,
            },
        ],
        "issuers": [{"issuer": member} for member in members],
        "audiences": {member: [member] for member in members},
    }


def _client(addresses: Addresses, process: str, members: list[str]) -> dict[str, Any]:
    url = addresses.url(process)
    client = {
        "client_id": process,
        "name": {"gateway": "GSA Family", **NAMES}[process],
        "redirect_uris": [f"{url}/callback"],
        "jwks_uri": f"{url}/.well-known/jwks.json",
        "resource": url,
    }
    if process == "gateway":
        exchange = "urn:ietf:params:oauth:grant-type:token-exchange"
        return client | {"audiences": members, "grant_types": ["authorization_code", "refresh_token", exchange]}
    return client


def _member(
    folder: Path, addresses: Addresses, known: Secrets, stores: Mapping[str, Path], member: str
) -> dict[str, Any]:
    partners = [other for other in LINKED if other != member] if member in LINKED else []
    gateway = addresses.url("gateway")
    return {
        "member": member,
        "drs_host": f"{member}.localhost",
        "stores": {name: {"kind": "local", "root": str(root)} for name, root in stores.items()},
        "broker": {"issuer": addresses.url("broker"), "client_id": member},
        "trust": [],
        "gateways": [{"issuer": gateway, "jwks_uri": f"{gateway}/.well-known/jwks.json"}],
        "partners": [{"member": other, "key": known.join_key, "url": addresses.url(other)} for other in partners],
        "floor": FLOOR,
        "url_key": known.url_keys[member],
        "mail": {"folder": str(folder / "mail" / member)},
        "audit_anchors": str(folder / "audit" / f"{member}.txt"),
        **(_images(folder, known, next(iter(stores)), member) if "dicomweb" in profile(member).standards else {}),
    }


def _images(folder: Path, known: Secrets, store: str, member: str) -> dict[str, Any]:
    """How images come in."""
    incoming = folder / "incoming" / member
    incoming.mkdir(parents=True, exist_ok=True)
    return {
        "images": {
            "quarantine": str(folder / "quarantine" / member),
            "store": store,
            "key": known.image_key,
            "incoming": [str(incoming)],
            "settle_seconds": 5,
        }
    }
