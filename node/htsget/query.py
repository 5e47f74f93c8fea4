"""What a client asks for: the parameters of a GET, or the body of a POST (htsget 1.3.0, CHECKLIST HTS-04 … HTS-15)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters.reads.region import UNPLACED, Format, Region
from web.errors import Failure

Datatype = Literal["reads", "variants"]

FORMATS: Mapping[Datatype, tuple[Format, ...]] = {
    "reads": (Format.BAM, Format.CRAM),
    "variants": (Format.VCF, Format.BCF),
}
FIELDS = ("QNAME", "FLAG", "RNAME", "POS", "MAPQ", "CIGAR", "RNEXT", "PNEXT", "TLEN", "SEQ", "QUAL")
SINGLE = frozenset({"format", "class", "referenceName", "start", "end", "fields", "tags", "notags"})
BODY = frozenset({"format", "class", "fields", "tags", "notags", "regions"})
LARGEST_POSITION = (1 << 32) - 1  # positions are 32-bit unsigned
LONGEST_TAG = 256
MAX_REGIONS = 10_000


@dataclass(frozen=True, slots=True)
class Query:
    """A question that makes sense by itself, whatever file it is about.

    :param regions: what is asked for; None for everything.
    """

    format: Format
    header_only: bool
    regions: tuple[Region, ...] | None


def from_parameters(datatype: Datatype, parameters: Sequence[tuple[str, str]]) -> Query:
    """The question of a GET.

    :param parameters: names and decoded values of the URL, in order.
    :raises Failure: 400 of the kind that the standard names.
    """
    given = dict(parameters)
    names = [name for name, _ in parameters if name in SINGLE]
    if len(names) > len(set(names)):
        raise invalid(f"{max(names, key=names.count)} is given more than once")
    format = _format(datatype, given.get("format"))
    if _header_only(given.get("class"), given.keys() - {"format", "class"}):
        return Query(format, True, None)
    if datatype == "reads":
        _check_fields(_list(given.get("fields")))
    _check_tags(_list(given.get("tags")), _list(given.get("notags")))
    region = _region(given.get("referenceName"), _position(given, "start"), _position(given, "end"))
    if region is not None and region.end is not None and region.start > region.end:
        raise _invalid_range(region)
    return Query(format, False, None if region is None else (region,))


def from_body(datatype: Datatype, parameters: Sequence[tuple[str, str]], body: Mapping[str, Any] | None) -> Query:
    """The question of a POST whose body follows its schema; without a body it is about the whole file.

    :param parameters: names and values of the URL; there must be none (HTS-12).
    :raises Failure: 400 of the kind that the standard names, 413 for too many regions.
    """
    if parameters:
        raise invalid(f"a POST takes its parameters in its body, not {parameters[0][0][:40]!r} in its URL")
    given = body or {}
    for name in sorted(given.keys() - BODY):
        place = "inside an item of regions" if name in SINGLE else "never"
        raise invalid(f"{name[:40]!r} is given beside {', '.join(sorted(BODY))}; it is allowed {place}")
    format = _format(datatype, given.get("format"))
    if _header_only(given.get("class"), given.keys() - {"format", "class"}):
        return Query(format, True, None)
    if datatype == "reads":
        _check_fields(given.get("fields"))
    _check_tags(given.get("tags"), given.get("notags"))
    if "regions" not in given:
        return Query(format, False, None)
    return Query(format, False, _regions(given["regions"]))


def invalid(message: str) -> Failure:
    """400 InvalidInput."""
    return Failure(400, message, kind="InvalidInput")


def _invalid_range(region: Region) -> Failure:
    message = f"the range from start {region.start} to end {region.end} is empty or turned round"
    return Failure(400, message, kind="InvalidRange")


def _format(datatype: Datatype, given: str | None) -> Format:
    """HTS-04: the names are compared without case; the first is the default."""
    allowed = FORMATS[datatype]
    if given is None:
        return allowed[0]
    if given.upper() not in allowed:
        message = f"format {given[:40]!r} is not served; {datatype} come as {' or '.join(allowed)}"
        raise Failure(400, message, kind="UnsupportedFormat")
    return Format(given.upper())


def _header_only(given: str | None, others: Sequence[str] | set[str]) -> bool:
    """HTS-05."""
    if given is None:
        return False
    if given != "header":
        raise invalid(f"class is {given[:40]!r}; the only class is 'header'")
    if others:
        raise invalid(f"class=header goes with format only, not with {min(others)[:40]!r}")
    return True


def _list(given: str | None) -> list[str] | None:
    """Items of a comma-separated parameter; an empty one has none (HTS-11)."""
    if given is None:
        return None
    return given.split(",") if given else []


def _check_fields(fields: Sequence[str] | None) -> None:
    """HTS-10. They do not narrow the answer: a slice has whole records, as service-info says."""
    for field in fields or ():
        if field not in FIELDS:
            raise invalid(f"field {field[:40]!r} is unknown; allowed: {', '.join(FIELDS)}")


def _check_tags(tags: Sequence[str] | None, excluded: Sequence[str] | None) -> None:
    """HTS-11. They do not narrow the answer either."""
    for tag in (*(tags or ()), *(excluded or ())):
        if not tag or len(tag) > LONGEST_TAG:
            raise invalid(f"tag {tag[:40]!r} is none: one has 1 to {LONGEST_TAG} characters")
    both = sorted(set(tags or ()) & set(excluded or ()))
    if both:
        raise invalid(f"{both[0][:40]!r} is in tags and in notags")


def _position(given: Mapping[str, str], name: str) -> int | None:
    """HTS-09: decimal digits, at most 32 bits."""
    if name not in given:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", given[name]) or int(given[name]) > LARGEST_POSITION:
        raise invalid(f"{name} is {given[name][:40]!r}; allowed: an integer from 0 to {LARGEST_POSITION}")
    return int(given[name])


def _region(reference: str | None, start: int | None, end: int | None) -> Region | None:
    """HTS-06."""
    if start is None and end is None:
        return None if reference is None else Region(reference)
    if reference is None:
        raise invalid("start and end need a referenceName")
    if reference == UNPLACED:
        raise invalid("unplaced reads (referenceName '*') have no start and no end")
    return Region(reference, start or 0, end)


def _regions(given: Sequence[Mapping[str, Any]]) -> tuple[Region, ...]:
    """HTS-07, HTS-13, HTS-15."""
    if not given:
        raise invalid("regions is empty; leave it out to have the whole file")
    if len(given) > MAX_REGIONS:
        raise Failure(413, f"{len(given)} regions in one request; allowed: {MAX_REGIONS}", kind="PayloadTooLarge")
    regions: list[Region] = []
    for item in given:
        region = _region(item["referenceName"], item.get("start"), item.get("end"))
        if region is None:
            continue
        if region.end is not None and region.start >= region.end:
            raise _invalid_range(region)
        regions.append(region)
    return tuple(regions)
