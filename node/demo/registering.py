"""Registers the submissions of a family by the real registration, and fills the indexes that Beacon asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, select

from adapters.catalog.engine import connect
from adapters.catalog.models import Dataset, Individual
from adapters.registration.accessions import Accessions
from adapters.registration.dicom import DicomFolder
from adapters.registration.individuals import BeaconLists
from adapters.registration.manifest import Manifest
from adapters.registration.phenopackets import Phenopackets
from adapters.registration.plan import Origin
from adapters.registration.registration import Archive, Described, Source, register
from adapters.registration.withdraw import withdraw_dataset, withdraw_individual
from adapters.registration.workbook import Workbook
from adapters.registration.write import Refused
from adapters.store.opening import open_stores
from adapters.terms import loading
from adapters.terms.indexing import index_individuals
from adapters.variants import ingest
from auth.broker.settings import BrokerSettings
from federation.settings import GatewaySettings
from migrations.schema import upgrade
from node.commands.process import KINDS
from node.demo.directory import DemoError
from node.demo.submission import Document, Submission
from node.settings import MemberSettings, profile
from web.settings import load

Told = Callable[[str], None]
SHOWN_PROBLEMS = 5


@contextmanager
def database(config: Path) -> Iterator[Engine]:
    """The database of a process, at the schema of this software."""
    settings = load(config, KINDS)
    assert isinstance(settings, MemberSettings | BrokerSettings | GatewaySettings)
    engine = connect(settings.database)
    try:
        upgrade(engine, settings.kind)
        yield engine
    finally:
        engine.dispose()


def fill(config: Path, submissions: Iterable[Submission], ontologies: Sequence[Path], told: Told) -> None:
    """Register the submissions of the member of ``config`` in their order; nothing changes if they are there already.

    :param ontologies: OBO or obographs files whose terms Beacon filters may use.
    :raises DemoError: if registration refuses one, with its first problems.
    """
    settings = load(config, KINDS)
    assert isinstance(settings, MemberSettings)
    known = profile(settings.member)
    with database(config) as engine:
        stores = open_stores({name: store.model_dump(mode="json") for name, store in settings.stores.items()})
        accessions = Accessions(known.accessions.model_dump())
        archive = Archive(engine, stores, accessions, known.tiers, known.hgr_required)
        for path in ontologies:
            told(f"{settings.member}: terms of {path.name}")
            loading.load(engine, path)
        for submission in submissions:
            told(f"{settings.member}: {submission.accession}")
            _register(archive, submission)


def _register(archive: Archive, submission: Submission) -> None:
    if _withdrawn(archive.engine, submission):
        return
    described = Described(submission.descriptor, Origin(f"{submission.accession}/dataset.yaml"))
    for document in submission.documents:
        try:
            register(archive, described, source(document), hooks=[index_individuals])
        except Refused as refused:
            shown = "".join(f"\n    {p.origin}: {p.message}" for p in refused.problems[:SHOWN_PROBLEMS])
            raise DemoError(f"{document.path}: {len(refused.problems)} problems{shown}") from refused
    for variants in submission.variants:
        ingest.load(archive.engine, variants.path, submission.accession, file=variants.file, assembly=variants.assembly)
    if submission.withdrawn:
        withdraw_dataset(archive.engine, submission.accession)
    for person in submission.withdrawn_people:
        withdraw_individual(archive.engine, person)


def _withdrawn(engine: Engine, submission: Submission) -> bool:
    """Whether the last step was done before: nothing can be registered again that was withdrawn."""
    sets = select(Dataset.accession).where(Dataset.accession == submission.accession, Dataset.withdrawn_at.is_not(None))
    people = select(Individual.accession).where(
        Individual.accession.in_(submission.withdrawn_people), Individual.withdrawn_at.is_not(None)
    )
    with engine.connect() as connection:
        return bool(connection.execute(sets).first() or connection.execute(people).first())


def source(document: Document) -> Source:
    """How registration reads a document."""
    match document.kind:
        case "workbook":
            return Workbook(document.path, document.store, document.layout)
        case "beacon":
            return BeaconLists(document.path, document.mapping, numbering=True)
        case "phenopackets":
            return Phenopackets(document.path, document.mapping, numbering=True)
        case "manifest":
            return Manifest(document.path, document.store)
        case _:
            return DicomFolder(document.store, document.path.as_posix(), document.mapping, document.exclude)
