"""DRS objects as JSON: a file, a bundle or a manifest, and which credentials it wants (DRS-10 to DRS-33)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from adapters.catalog.catalog import DatasetRecord, FileRecord
from node.drs.bundles import Bundle
from node.drs.names import portable, unique
from web.errors import Failure

Body = dict[str, Any]
OUTSIDE = "ftp"  # the place of a file that is a plain URL of the archive's own service
OPEN: Body = {"supported_types": ["None"]}


class Records:
    """Writes DRS objects.

    :param host: host of ``drs://`` URIs.
    :param htsget: path of the htsget service by file format.
    :param presigning: stores that give presigned URLs.
    """

    def __init__(
        self, *, host: str, public_url: str, broker: str, htsget: Mapping[str, str], presigning: frozenset[str]
    ) -> None:
        self._host = host
        self._public_url = public_url
        self._htsget = htsget
        self._presigning = presigning
        self._guarded: Body = {
            "supported_types": ["PassportAuth", "BearerAuth"],
            "passport_auth_issuers": [public_url],
            "bearer_auth_issuers": [broker],
        }

    def authorizations(self, dataset: DatasetRecord) -> Body:
        """Which credentials the bytes of the data set want (DRS-31, DRS-32)."""
        return OPEN if dataset.tier == "open" else self._guarded

    def file(self, file: FileRecord) -> Body:
        """The record of a file (DRS-10 to DRS-18)."""
        shown = self._common(file.id, file.name, file.size, file.created_at, file.checksums)
        shown["mime_type"] = file.mime_type
        shown["access_methods"] = list(self._methods(file))
        if file.title:
            shown["description"] = file.title
        return shown

    def bundle(self, bundle: Bundle, manifest: str, *, expand: bool) -> Body:
        """The record of a bundle.

        :param manifest: id of the manifest of its files.
        :param expand: whether nested bundles show their contents too (DRS-22).
        :raises Failure: 500 if no type of checksum is common to its members.
        """
        if not bundle.checksums:
            raise Failure(500, f"the files of {bundle.id} have no type of checksum in common")
        shown = self._common(bundle.id, bundle.id, bundle.size, bundle.created_at, bundle.checksums)
        listed = self._uri(manifest)
        shown["description"] = f"{bundle.title or bundle.id} (its files are listed in {listed})"
        shown["aliases"] = [listed]
        shown["contents"] = self._contents(bundle, expand=expand)
        return shown

    def _common(self, id: str, name: str, size: int, created: dt.datetime, checksums: Mapping[str, str]) -> Body:
        moment = created.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {
            "id": id,
            "name": portable(name),
            "self_uri": self._uri(id),
            "size": size,
            "created_time": moment,
            "updated_time": moment,
            "checksums": [{"type": kind, "checksum": value} for kind, value in sorted(checksums.items())],
        }

    def _contents(self, bundle: Bundle, *, expand: bool) -> list[Body]:
        names = unique([(member.id, _name(member)) for member in bundle.members])
        shown: list[Body] = []
        for member in bundle.members:
            item: Body = {"name": names[member.id], "id": member.id, "drs_uri": [self._uri(member.id)]}
            if expand and isinstance(member, Bundle):
                item["contents"] = self._contents(member, expand=True)
            shown.append(item)
        return shown

    def _methods(self, file: FileRecord) -> Iterator[Body]:
        """Every way to the bytes; each has an access_url or an access_id (DRS-12)."""
        wants = self.authorizations(file.dataset)
        if not here(file):
            yield from self._elsewhere(file, wants)
            return
        yield {"type": "https", "access_id": "https", "available": file.available, "authorizations": wants}
        yield from self._elsewhere(file, wants)
        if file.format in self._htsget and file.index:
            url = f"{self._public_url}{self._htsget[file.format]}/{quote(file.id, safe='')}"
            method: Body = {"type": "htsget", "access_url": {"url": url}, "authorizations": wants}
            yield method if file.available else {**method, "available": False}

    def _elsewhere(self, file: FileRecord, wants: Body) -> Iterable[Body]:
        for store, key in file.locations:
            if store == OUTSIDE and file.dataset.tier == "open":
                yield {"type": "ftp", "access_url": {"url": key}, "available": file.available}
            elif store in self._presigning:
                yield {"type": "s3", "access_id": f"s3.{store}", "available": file.available, "authorizations": wants}

    def _uri(self, id: str) -> str:
        return f"drs://{self._host}/{quote(id, safe='')}"


def here(file: FileRecord) -> bool:
    """Whether the bytes are to be had at this node: all but open files of which it has a plain URL and nothing else."""
    return file.dataset.tier != "open" or not file.locations or any(store != OUTSIDE for store, _ in file.locations)


def _name(member: Bundle | FileRecord) -> str:
    return member.id if isinstance(member, Bundle) else member.name
