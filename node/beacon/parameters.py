"""``requestParameters`` of a genomic question (CHECKLIST BEA-22 … BEA-24, BEA-45 … BEA-52)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.variants.query import VariantQuery
from web.errors import Failure

TEXTS = {
    "assemblyId": "assembly",
    "referenceName": "reference_name",
    "referenceBases": "reference_bases",
    "alternateBases": "alternate_bases",
    "variantType": "variant_type",
    "geneId": "gene",
    "aminoacidChange": "aminoacid_change",
    "genomicAlleleShortForm": "genomic_allele",
    "mateName": "mate_name",
}
NUMBERS = {"variantMinLength": "min_length", "variantMaxLength": "max_length"}
POSITIONS = ("start", "end")
NAMES = (*TEXTS, *NUMBERS, *POSITIONS)
# Names of GET parameters in the model's OpenAPI document, and ours for bodies that use them.
ALIASES = {"geneid": "geneId", "allele": "genomicAlleleShortForm", "aminoAcidChange": "aminoacidChange"}
ENTITIES = frozenset({"g_variant", "g_variants", "genomicVariant", "genomicVariation"})
MAX_TEXT = 20_000


def of_body(parameters: Any) -> Mapping[str, Any]:
    """The genomic part of a POST's ``requestParameters``; empty if it has none.

    :raises Failure: 400 for another entity, or for parameters that are not under their entity.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise Failure(400, 'query/requestParameters: must be an object per entity, such as {"g_variant": {…}}')
    found: dict[str, Any] = {}
    for entity, values in parameters.items():
        if entity == "$schema":
            continue
        if entity not in ENTITIES or not isinstance(values, Mapping):
            raise Failure(400, f'query/requestParameters: {str(entity)[:40]!r}; allowed: an object under "g_variant"')
        found |= values
    return found


def of_query(values: Mapping[str, str]) -> Mapping[str, Any]:
    """The genomic part of a GET's query: positions are comma-joined (BEA-23).

    :raises Failure: 400 for a number that is none.
    """
    found: dict[str, Any] = {}
    for name, text in values.items():
        wanted = ALIASES.get(name, name)
        if wanted in POSITIONS:
            found[wanted] = [_integer(wanted, part) for part in text.split(",")]
        elif wanted in NUMBERS:
            found[wanted] = _integer(wanted, text)
        elif wanted in TEXTS:
            found[wanted] = text
    return found


def variant_query(values: Mapping[str, Any]) -> VariantQuery | None:
    """The question, None if nothing is asked.

    :raises Failure: 400 naming the parameter that is unknown or of the wrong type.
    """
    if not values:
        return None
    read: dict[str, Any] = {}
    for name, value in values.items():
        wanted = ALIASES.get(name, name)
        if wanted in TEXTS:
            if not isinstance(value, str) or len(value) > MAX_TEXT:
                raise Failure(400, f"{wanted}: must be a text of at most {MAX_TEXT} characters")
            read[TEXTS[wanted]] = value
        elif wanted in NUMBERS:
            read[NUMBERS[wanted]] = _whole(wanted, value)
        elif wanted in POSITIONS:
            given = value if isinstance(value, list) else [value]
            if not 1 <= len(given) <= 2:
                raise Failure(400, f"{wanted}: one or two integers are allowed, not {len(given)}")
            read[wanted] = tuple(_whole(wanted, one) for one in given)
        else:
            raise Failure(400, f"g_variant: parameter {str(name)[:40]!r} is unknown; allowed: {', '.join(NAMES)}")
    return VariantQuery(**read)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise Failure(400, f"{name}: {str(value)[:40]!r} is not an integer below 2^31")
    return value


def _integer(name: str, text: str) -> int:
    if not text.strip().removeprefix("-").isdecimal() or len(text) > 20:
        raise Failure(400, f"{name}: {text[:40]!r} is not an integer")
    return int(text)
