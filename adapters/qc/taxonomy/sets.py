"""Reference sets: sketches of genomes (``NAME.zip``, as sourmash keeps them) and their lineages (``NAME.json``)."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import sourmash
from sourmash.sourmash_args import SaveSignaturesToLocation

from adapters.qc.errors import CannotCheck
from adapters.qc.taxonomy.lineages import Lineage, Taxon

KSIZE: Final = 31
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
KRAKEN = re.compile(r">kraken:taxid\|(\d+)\|")


class BadSet(CannotCheck):
    """A reference set cannot be made or read; the message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Genome:
    """A genome to add: its FASTA file, plain or gzip, and its lineage."""

    path: Path
    lineage: Lineage


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """An opened set. ``scaled`` says that one of so many k-mers is kept; lineages are by name of the sketch."""

    name: str
    index: Any
    scaled: int
    lineages: dict[str, Lineage]


def taxid_in(path: Path) -> int | None:
    """The taxid that the first header of a FASTA file gives as Kraken does (``>kraken:taxid|9606|…``)."""
    with _text(path) as lines:
        found = KRAKEN.match(next(lines, ""))
    return int(found[1]) if found else None


def add(folder: Path, name: str, genomes: Sequence[Genome], scaled: int, told: Callable[[Path], None]) -> None:
    """Make a set of genomes, whole or not at all; a former one of this name is replaced.

    :raises BadSet: if a genome cannot be read or is too small to be told by its sketch.
    """
    with _made(folder, name) as (sketches, lineages):
        with SaveSignaturesToLocation(str(sketches)) as save:
            for genome in genomes:
                save.add(_sketch(genome.path, scaled))
                told(genome.path)
        lineages.write_text(json.dumps({g.path.name: [asdict(taxon) for taxon in g.lineage] for g in genomes}))


def adopt(folder: Path, name: str, database: Path, known: dict[str, Lineage]) -> int:
    """Take a database of sourmash as a set; how many sketches it has.

    :raises BadSet: if it is none, has no sketches of k = 31, or one that has no lineage.
    """
    try:
        index = sourmash.load_file_as_index(str(database)).select(ksize=KSIZE, moltype="DNA")
        names = [signature.name for signature in index.signatures()]
    except (ValueError, OSError) as error:
        raise BadSet(f"{database} is no database of sourmash: {error}") from error
    lineages = {found: _lineage_of(found, known) for found in names}
    without = [found for found, lineage in lineages.items() if not lineage]
    if not names:
        raise BadSet(f"{database} has no sketches of k = {KSIZE}")
    if without:
        said = f"{len(without):,} of {len(names):,} sketches have no lineage, the first is {without[0]!r}"
        raise BadSet(f"{database}: {said}")
    with _made(folder, name) as (sketches, table):
        shutil.copyfile(database, sketches)
        table.write_text(json.dumps({key: [asdict(taxon) for taxon in lineage] for key, lineage in lineages.items()}))
    return len(names)


def _lineage_of(name: str, known: dict[str, Lineage]) -> Lineage:
    """By the name of a sketch, its first word, or that without the version (``GCF_000005845.2``)."""
    word = name.split(" ")[0]
    return known.get(name) or known.get(word) or known.get(word.split(".")[0]) or ()


@contextmanager
def _made(folder: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """Places for sketches and lineages, which take their names when both are complete: the lineages last."""
    if not NAME.fullmatch(name):
        raise BadSet(f"{name!r} is no name of a set; allowed are letters, digits, '.', '_' and '-'")
    folder.mkdir(parents=True, exist_ok=True)
    sketches, lineages = folder / f".{name}.partial.zip", folder / f".{name}.partial.json"
    try:
        yield sketches, lineages
        (folder / f"{name}.json").unlink(missing_ok=True)
        sketches.replace(folder / f"{name}.zip")
        lineages.replace(folder / f"{name}.json")
    finally:
        sketches.unlink(missing_ok=True)
        lineages.unlink(missing_ok=True)


def _sketch(path: Path, scaled: int) -> Any:
    sketch = sourmash.MinHash(n=0, ksize=KSIZE, scaled=scaled)
    try:
        with _text(path) as lines:
            for sequence in _sequences(lines):
                sketch.add_sequence(sequence, force=True)
    except (OSError, UnicodeDecodeError) as error:
        raise BadSet(f"{path} cannot be read: {error}") from error
    if not sketch:
        raise BadSet(f"{path}: no k-mer of it is kept with --scaled {scaled}; the genome is too small, or no FASTA")
    return sourmash.SourmashSignature(sketch, name=path.name)


def _sequences(lines: Iterator[str]) -> Iterator[str]:
    parts: list[str] = []
    for line in lines:
        if line.startswith(">"):
            if parts:
                yield "".join(parts)
            parts = []
        else:
            parts.append(line.strip())
    if parts:
        yield "".join(parts)


@contextmanager
def _text(path: Path) -> Iterator[Iterator[str]]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as opened:
        yield iter(opened)


def names(folder: Path) -> list[str]:
    """Names of the sets in a folder."""
    return sorted(path.stem for path in folder.glob("[!.]*.json") if path.with_suffix(".zip").is_file())


def open_sets(folder: Path) -> list[ReferenceSet]:
    """All sets of a folder.

    :raises BadSet: if there is none, or one cannot be read.
    """
    if not (found := names(folder)):
        raise BadSet(f"{folder} holds no reference sets; gsanode taxonomy add makes one")
    return [_opened(folder, name) for name in found]


def _opened(folder: Path, name: str) -> ReferenceSet:
    try:
        index = sourmash.load_file_as_index(str(folder / f"{name}.zip")).select(ksize=KSIZE, moltype="DNA")
        scaled = max(int(signature.minhash.scaled) for signature in index.signatures())
        table = json.loads((folder / f"{name}.json").read_text())
        lineages = {key: tuple(Taxon(**taxon) for taxon in lineage) for key, lineage in table.items()}
    except (ValueError, OSError, TypeError) as error:
        raise BadSet(f"reference set {name} in {folder} cannot be read: {error}") from error
    return ReferenceSet(name, index, scaled, lineages)
