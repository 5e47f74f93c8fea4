"""The profile of a file of reads: which genomes of the sets explain its k-mers, and what share of them each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sourmash
from sourmash.search import GatherDatabases

from adapters.qc.findings import Finding, Place
from adapters.qc.taxonomy.lineages import Lineage, is_of
from adapters.qc.taxonomy.sets import KSIZE, ReferenceSet

LEAST_HASHES: Final = 3
"""K-mers that a genome must share with the reads to be told of."""
UNNAMED: Final = ("metagenome", "mixed", "synthetic", "unidentified")
"""Declared organisms that no genome can contradict."""
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A genome: the share (0 to 1) of the reads' k-mers that it and none before it explains, and of its own k-mers
    that were found."""

    genome: str
    lineage: Lineage
    share: float
    covered: float


def profile(sequences: Iterable[str], sets: Sequence[ReferenceSet]) -> list[Match]:
    """Genomes that explain the reads, the largest share first."""
    scaled = max(one.scaled for one in sets)
    sketch = sourmash.MinHash(n=0, ksize=KSIZE, scaled=scaled, track_abundance=True)
    for sequence in sequences:
        sketch.add_sequence(sequence, force=True)
    if not sketch:
        return []
    query = sourmash.SourmashSignature(sketch, name="reads").to_frozen()
    flat = sourmash.SourmashSignature(sketch.flatten(), name="reads").to_frozen()
    least = LEAST_HASHES * scaled
    counters = [counter for one in sets if (counter := _counter(one, flat, least)) is not None]
    if not counters:
        return []
    lineages = {name: lineage for one in sets for name, lineage in one.lineages.items()}
    found = GatherDatabases(query, counters, threshold_bp=least, ignore_abundance=False)
    matches = [
        Match(one.match.name, lineages.get(one.match.name, ()), float(one.f_unique_weighted), float(one.f_match))
        for one in found
    ]
    return sorted(matches, key=lambda match: -match.share)


def _counter(one: ReferenceSet, query: Any, least: int) -> Any:
    try:
        return one.index.counter_gather(query, least)
    except ValueError:  # sourmash says so when nothing of a set is found
        return None


def document(matches: Sequence[Match], sets: Sequence[ReferenceSet]) -> dict[str, Any]:
    """The profile as it stands in the report: a table of genomes, and the tree of their lineages with shares."""
    tree: dict[str, Any] = {"name": "", "rank": "", "share": 0.0, "children": []}
    for match in matches:
        node = tree
        node["share"] += match.share
        for taxon in match.lineage:
            node = _child(node, taxon.name, taxon.rank)
            node["share"] += match.share
    return {
        "sets": [one.name for one in sets],
        "assigned": round(min(1.0, sum(match.share for match in matches)), 6),
        "genomes": [
            {
                "genome": match.genome,
                "organism": match.lineage[-1].name if match.lineage else "",
                "taxid": match.lineage[-1].taxid if match.lineage else 0,
                "lineage": [taxon.name for taxon in match.lineage],
                "share": round(match.share, 6),
                "covered": round(match.covered, 6),
            }
            for match in matches
        ],
        "tree": _rounded(tree),
    }


def _child(node: dict[str, Any], name: str, rank: str) -> dict[str, Any]:
    children: list[dict[str, Any]] = node["children"]
    for child in children:
        if child["name"] == name:
            return child
    children.append({"name": name, "rank": rank, "share": 0.0, "children": []})
    return children[-1]


def _rounded(node: dict[str, Any]) -> dict[str, Any]:
    children = sorted((_rounded(child) for child in node["children"]), key=lambda child: -child["share"])
    return {**node, "share": round(node["share"], 6), "children": children}


def contradiction(matches: Sequence[Match], organism: str, least: float) -> list[Finding]:
    """The finding of reads that are of other organisms than the declared one.

    :param least: share of all k-mers that others must explain before it is one.
    """
    if not organism or any(word in organism.casefold() for word in UNNAMED):
        return []
    others = [match for match in matches if not is_of(match.lineage, organism)]
    share = sum(match.share for match in others)
    if share < least or share <= sum(match.share for match in matches) - share:
        return []
    places = tuple(
        Place(detail=f"{match.lineage[-1].name if match.lineage else match.genome}: {match.share:.1%}")
        for match in others[:SHOWN]
    )
    said = f"{share:.1%} of the reads' k-mers are of other organisms than the declared {organism}"
    return [Finding("organism", 1, "files", said, places)]
