"""``gsanode deid``: a folder of DICOM files in, the same without what identifies out."""

from __future__ import annotations

import csv
import gc
import json
import os
import re
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.commands.failure import fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.deid.folder import Outcome, Progress
    from adapters.deid.objects import Look

deid = typer.Typer()

COLLECTION = re.compile(r"OBIA\d{6}")
DRAWN = 16  # files after which the bars move
INDIVIDUAL = re.compile(r"OBII\d{6,}")

FolderPath = Annotated[Path, typer.Argument(help="folder of DICOM files", exists=True, file_okay=False)]
OutOption = Annotated[Path, typer.Option("--out", help="folder for the de-identified files", file_okay=False)]
CollectionOption = Annotated[str, typer.Option("--collection", help="accession of the collection, OBIA000001")]
MappingOption = Annotated[
    Path, typer.Option("--mapping", help="TSV with patient_id and accession (OBII000001)", exists=True, dir_okay=False)
]
KeyOption = Annotated[str, typer.Option("--key-env", help="environment variable with the key: 64 or more hex digits")]
PrivateOption = Annotated[
    Path | None,
    typer.Option("--private", help="folder for ledger and refused.tsv, which name originals", file_okay=False),
]
PixelsOption = Annotated[
    str | None,
    typer.Option("--pixels", help="look for text in pixels and blank it: fast or thorough (needs the extra 'pixels')"),
]
ChecksumsOption = Annotated[
    Path | None,
    typer.Option("--checksums", help="file for the SHA-256 of every file written, for sha256sum -c", dir_okay=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print the outcome as JSON")]


@deid.command()
def run(
    folder: FolderPath,
    out: OutOption,
    collection: CollectionOption,
    mapping: MappingOption,
    key_env: KeyOption,
    private: PrivateOption = None,
    pixels: PixelsOption = None,
    checksums: ChecksumsOption = None,
    as_json: JsonOption = False,
) -> None:
    """De-identify the DICOM files below a folder. Originals stay as they are; what cannot be made safe is refused.

    Exit code 0: every file was passed on; 1: some were refused (see refused.tsv); 2: wrong use.
    """
    from adapters.deid.folder import Run, deidentify_folder
    from adapters.deid.identity import Keyed, WeakKey
    from adapters.deid.ledger import OtherRun
    from adapters.deid.rules import load

    if not COLLECTION.fullmatch(collection):
        fail(f"--collection {collection}: not OBIA and six digits")
    private = private or out.with_name(out.name + ".private")
    _apart(folder, out, private)
    gc.freeze()  # what is loaded by now stays; to look through it for garbage again and again takes time
    try:
        keyed = Keyed(_key(key_env), collection)
        with _progress() as progress:
            people, look = _accessions(mapping), _look(pixels)
            outcome = deidentify_folder(Run(folder, out, private, load(), keyed, people, look, progress, checksums))
    except WeakKey as error:
        fail(f"--key-env {key_env}: {error}")
    except OtherRun as error:
        fail(f"{private}: {error}")
    _show(outcome, private, as_json)
    if outcome.refused:
        raise typer.Exit(1)


def _look(pixels: str | None) -> Look | None:
    if pixels is None:
        return None
    from adapters.deid.text_detection import NoDetector, Scale, TextDetection

    if pixels not in set(Scale):
        fail(f"--pixels {pixels}: allowed: {', '.join(Scale)}")
    try:
        return TextDetection(Scale(pixels)).look
    except NoDetector as error:
        fail(f"--pixels {pixels}: {error}")


def _apart(folder: Path, out: Path, private: Path) -> None:
    """The three folders may not lie within each other: a second run would take in what the first wrote."""
    places = {"FOLDER": folder.resolve(), "--out": out.resolve(), "--private": private.resolve()}
    for name, place in places.items():
        for other, inside in places.items():
            if name != other and inside.is_relative_to(place):
                fail(f"{other} lies within {name}: {inside}")


def _key(variable: str) -> bytes:
    text = os.environ.get(variable)
    if text is None:
        fail(f"--key-env {variable}: no such environment variable")
    try:
        return bytes.fromhex(text)
    except ValueError:
        fail(f"--key-env {variable}: its value is not hex digits")


def _accessions(path: Path) -> dict[str, str]:
    """Accessions by patient id; lines are named by number, their values never shown."""
    accessions: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            if not {"patient_id", "accession"} <= set(rows.fieldnames or ()):
                fail(f"{path}: the first line must name the columns patient_id and accession")
            for number, row in enumerate(rows, 2):
                patient, accession = (row["patient_id"] or "").strip(), (row["accession"] or "").strip()
                if not patient or not INDIVIDUAL.fullmatch(accession):
                    fail(f"{path}: line {number}: needs a patient id, and an accession like OBII000001")
                if accessions.setdefault(patient, accession) != accession:
                    fail(f"{path}: line {number}: a patient id for the second time, with another accession")
    except UnicodeDecodeError:
        fail(f"{path}: not UTF-8")
    return accessions


@contextmanager
def _progress() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from adapters.deid.folder import Progress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        waiting: Counter[str] = Counter()
        tasks = {phase: bars.add_task(phase, total=None) for phase in ("read", "written")}

        class Shown(Progress):
            """Bars on the terminal."""

            def found(self, files: int) -> None:
                """See :class:`Progress`."""
                for task in tasks.values():
                    bars.update(task, total=files)

            def done(self, phase: str) -> None:
                """See :class:`Progress`."""
                waiting[phase] += 1
                if waiting[phase] == DRAWN:
                    bars.advance(tasks[phase], waiting.pop(phase))

        yield Shown()
        for phase, files in waiting.items():
            bars.advance(tasks[phase], files)


def _show(outcome: Outcome, private: Path, as_json: bool) -> None:
    kept = [
        {
            "creator": tag.creator,
            "group": f"{tag.group:04x}",
            "element": f"{tag.element:02x}",
            "basis": basis,
            "files": n,
        }
        for (basis, tag), n in sorted(outcome.kept.items(), key=lambda pair: pair[0][1])
    ]
    if as_json:
        summary = {"passed": outcome.passed, "refused": dict(outcome.refused), "private_kept": kept}
        typer.echo(json.dumps(summary))
        return
    typer.echo(f"{outcome.passed:,} files passed on; {len(kept)} kinds of private elements kept")
    for reason, count in sorted(outcome.refused.items()):
        typer.echo(f"{count:,} refused: {reason}")
    if outcome.refused:
        typer.echo(f"see {private / 'refused.tsv'}")
