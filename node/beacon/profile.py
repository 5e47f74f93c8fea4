"""What a member's Beacon is: its identity, and the entry types it exposes (``config/beacon/entry_types.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from web.service_info import Organization

Body = dict[str, Any]


def _yaml(*path: str) -> Any:
    return yaml.load(files("config").joinpath("beacon", *path).read_bytes(), Loader=yaml.CSafeLoader)


@cache
def _definitions() -> Body:
    data: Body = _yaml("entry_types.yaml")
    return data


@cache
def test_records() -> Mapping[str, list[Body]]:
    """Virtual records by entry type, for requests in test mode."""
    data: Mapping[str, list[Body]] = _yaml("test_mode.yaml")
    return data


@cache
def own_schema(entry_type: str) -> Body:
    """The JSON Schema of an entry type of our own."""
    data: Body = _yaml("schemas", f"{entry_type}.yaml")
    return data


API_VERSION: str = _definitions()["api_version"]
FRAMEWORK: str = _definitions()["framework"]


class UnknownEntryType(ValueError):
    """The member exposes no such entry type."""


@dataclass(frozen=True)
class EntryType:
    """An entry type; ``collection_of`` is set where answers are collections instead of result sets.

    :param single: what one entry is called in the contract's operations.
    """

    id: str
    name: str
    description: str
    path: str
    single: str
    term: Mapping[str, str]
    schema: Mapping[str, str]
    aliases: tuple[str, ...]
    related: Mapping[str, str]
    collection_of: tuple[str, ...] = ()


@cache
def entry_type(id: str) -> EntryType:
    """The definition of an entry type.

    :raises UnknownEntryType: naming those that are defined.
    """
    known = _definitions()["entry_types"]
    if id not in known:
        raise UnknownEntryType(f"entry type {id!r} is not defined; allowed: {', '.join(known)}")
    row: dict[str, Any] = known[id]
    lists: dict[str, Any] = {name: tuple(row.get(name, ())) for name in ("aliases", "collection_of")}
    return EntryType(**{"id": id, **row, **lists})


def entry_types() -> list[EntryType]:
    """All defined entry types."""
    return [entry_type(id) for id in _definitions()["entry_types"]]


def named(name: str) -> EntryType:
    """The entry type of that id or alias.

    :raises UnknownEntryType: naming those that are defined.
    """
    for id in _definitions()["entry_types"]:
        if name == id or name in entry_type(id).aliases:
            return entry_type(id)
    raise UnknownEntryType(f"entry type {name[:40]!r} is unknown; allowed: {', '.join(_definitions()['entry_types'])}")


@dataclass(frozen=True)
class Profile:
    """A member's Beacon.

    :param id: unique in a network, reverse-domain (BEA-68).
    :param entry_types: ids of the entry types it exposes.
    :param environment: prod, test, dev or staging.
    :param base_url: where its paths hang, without a trailing slash.
    :param requests_url: where access to a controlled data set is requested, or None.
    :param default_granularity: what is answered to who asks for none, if it is allowed (BEA-27).
    :param filtered_only: ids of the entry types that answer only questions that narrow something down (BEA-30).
    """

    id: str
    name: str
    description: str
    organization: Organization
    base_url: str
    entry_types: tuple[str, ...]
    environment: str = "prod"
    requests_url: str | None = None
    default_granularity: str = "record"
    filtered_only: frozenset[str] = frozenset()

    def types(self) -> list[EntryType]:
        """The exposed entry types."""
        return [entry_type(id) for id in self.entry_types]

    def schemas(self, *ids: str) -> list[dict[str, str]]:
        """``returnedSchemas`` for these entry types (BEA-29)."""
        return [{"entityType": id, "schema": entry_type(id).schema["id"]} for id in ids]

    def definition(self, kind: EntryType) -> Body:
        """The entry type as ``/entry_types`` and ``/configuration`` describe it."""
        model = f"{_definitions()['model']}/{kind.schema.get('model')}"
        own = f"{self.base_url}/schemas/{kind.schema.get('own')}"
        collected = [entry_type(id) for id in kind.collection_of if id in self.entry_types]
        body = {
            "id": kind.id,
            "name": kind.name,
            "description": kind.description,
            "ontologyTermForThisType": dict(kind.term),
            "partOfSpecification": _definitions()["specification"],
            "defaultSchema": {
                "id": kind.schema["id"],
                "name": kind.schema["name"],
                "referenceToSchemaDefinition": model if "model" in kind.schema else own,
                "schemaVersion": kind.schema["id"].rpartition("-")[2],
            },
            "additionallySupportedSchemas": [],
            "nonFilteredQueriesAllowed": kind.id not in self.filtered_only,
        }
        return body | ({"aCollectionOf": [{"id": c.id, "name": c.name} for c in collected]} if collected else {})

    def endpoints(self, kind: EntryType) -> Body:
        """The endpoints of an entry type, for ``/map`` (BEA-04)."""
        root = f"{self.base_url}/{kind.path}"
        terms = f"{root}/{{id}}/filtering_terms" if kind.collection_of else f"{self.base_url}/filtering_terms"
        related = {id: path for id, path in kind.related.items() if id in self.entry_types}
        return {
            "entryType": kind.id,
            "rootUrl": root,
            "singleEntryUrl": f"{root}/{{id}}",
            "filteringTermsUrl": f"{root}/filtering_terms" if kind.id == "individual" else terms,
            "openAPIEndpointsDefinition": f"{self.base_url}/openapi.json",
            "endpoints": {
                id: {"returnedEntryType": id, "url": f"{root}/{{id}}/{path}"} for id, path in related.items()
            },
        }
