"""A GSA-Human member in which the same things exist in every state of visibility, one data set and person each."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pysam
from pydicom import dcmread
from pydicom.data import get_testdata_file
from sqlalchemy import Connection, Engine, insert

from adapters.catalog.catalog import today
from adapters.catalog.engine import writing
from adapters.catalog.models import (
    Analysis,
    Checksum,
    Cohort,
    CohortMember,
    Dataset,
    Experiment,
    File,
    FilePerson,
    ImagingInstance,
    ImagingSeries,
    ImagingStudy,
    Individual,
    Location,
    Membership,
    Run,
    Sample,
)
from adapters.terms.indexing import index_individuals
from adapters.variants import ingest

URL = "http://127.0.0.1:8083"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Case:
    """One data set with one person; ``number`` makes every name in it unique."""

    number: int
    state: str

    @property
    def dataset(self) -> str:
        return f"HRA00000{self.number}"

    @property
    def individual(self) -> str:
        return f"HRI00000{self.number}"

    @property
    def sample(self) -> str:
        return f"HRS00000{self.number}"

    @property
    def run(self) -> str:
        return f"HRR00000{self.number}"

    @property
    def analysis(self) -> str:
        return f"HRZ00000{self.number}"

    @property
    def cohort(self) -> str:
        return f"cohort-{self.number}"

    @property
    def tissue(self) -> str:
        return f"UBERON:000000{self.number}"

    @property
    def bam(self) -> str:
        return f"HRR00000{self.number}-01"

    @property
    def vcf(self) -> str:
        return f"HRR00000{self.number}-03"

    @property
    def term(self) -> str:
        return f"HP:000000{self.number}"

    @property
    def position(self) -> int:
        """0-based position on chr22 of the one allele that this person carries."""
        return 20_000_000 + 1000 * self.number

    @property
    def study(self) -> str:
        return f"1.2.3.{self.number}"

    @property
    def image(self) -> str:
        """Its place below the URL of a DICOMweb service."""
        return f"studies/{self.study}/series/{self.study}.1/instances/{self.study}.1.1"

    @property
    def body_part(self) -> str:
        return f"PART{self.number}"


EXISTS = Case(1, "exists")
ABSENT = [Case(2, "before its release"), Case(3, "withdrawn data set"), Case(4, "withdrawn individual")]
CASES = [EXISTS, *ABSENT]


def build(engine: Engine, root: Path) -> None:
    """Fill the catalog, the archive and the indexes; the person of the last case withdraws when all is in place."""
    with writing(engine).begin() as connection:
        for case in CASES:
            release = today() + dt.timedelta(days=1 if case.state == "before its release" else 0)
            connection.execute(
                insert(Dataset).values(
                    accession=case.dataset,
                    title=f"Set of {case.individual}",
                    tier="open",
                    dac="HDAC000001",
                    release_date=release,
                    created_at=NOW,
                    updated_at=NOW,
                )
            )
            record = {"phenotypicFeatures": [{"featureType": {"id": case.term, "label": f"feature {case.number}"}}]}
            person = insert(Individual).values(accession=case.individual, ordinal=case.number, record=record)
            connection.execute(person)
            connection.execute(insert(Membership).values(dataset=case.dataset, individual=case.individual))
            _specimens(connection, case)
            study = insert(ImagingStudy).values(uid=case.study, dataset=case.dataset, individual=case.individual)
            connection.execute(study)
            connection.execute(
                insert(ImagingSeries).values(
                    uid=f"{case.study}.1", study=case.study, modality="MR", body_part=case.body_part
                )
            )
            _image(connection, case, root)
        index_individuals(connection, [case.individual for case in CASES])
        for case in CASES:
            for id, name, format, index_of in _files(case, root):
                connection.execute(
                    insert(File).values(
                        id=id,
                        dataset=case.dataset,
                        name=name,
                        format=format,
                        size=(root / name).stat().st_size,
                        index_of=index_of,
                        created_at=NOW,
                    )
                )
                connection.execute(insert(Checksum).values(file=id, type="md5", value="00" * 16))
                connection.execute(insert(Location).values(file=id, store="archive", key=name))
                connection.execute(insert(FilePerson).values(file=id, individual=case.individual))
    for case in CASES:
        path = root / f"{case.dataset}.vcf.gz"
        ingest.load(engine, path, case.dataset, file=case.vcf, assembly="GRCh38")
    with writing(engine).begin() as connection:
        withdrawn_set, withdrawn_person = ABSENT[1], ABSENT[2]
        sets = Dataset.__table__.update().where(Dataset.accession == withdrawn_set.dataset)
        connection.execute(sets.values(withdrawn_at=NOW))
        people = Individual.__table__.update().where(Individual.accession == withdrawn_person.individual)
        connection.execute(people.values(withdrawn_at=NOW))


def _image(connection: Connection, case: Case, root: Path) -> None:
    """One slice of the series, in the archive and in the catalog."""
    uid, series = f"{case.study}.1.1", f"{case.study}.1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dcmread(str(get_testdata_file("CT_small.dcm")))
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = case.study, series, uid
        data.file_meta.MediaStorageSOPInstanceUID = uid
        data.save_as(root / f"{uid}.dcm")
    name, id = f"{uid}.dcm", f"OBIF0000000{case.number}"
    size = (root / name).stat().st_size
    rows: list[tuple[Any, dict[str, Any]]] = [
        (ImagingInstance, {"uid": uid, "series": series, "sop_class": "1.2.840.10008.5.1.4.1.1.2"}
            | {"syntax": "1.2.840.10008.1.2.1"}),
        (File, {"id": id, "dataset": case.dataset, "series": series, "instance": uid, "name": name, "format": "DICOM"}
            | {"size": size, "created_at": NOW}),
        (Checksum, {"file": id, "type": "md5", "value": "00" * 16}),
        (Location, {"file": id, "store": "archive", "key": name}),
        (FilePerson, {"file": id, "individual": case.individual}),
    ]  # fmt: skip
    for table, values in rows:
        connection.execute(insert(table).values(**values))


def _specimens(connection: Connection, case: Case) -> None:
    """A sample with a run and an analysis, and a cohort of the one person."""
    of = {"dataset": case.dataset}
    origin = {"sampleOriginType": {"id": case.tissue, "label": f"tissue {case.number}"}}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Sample, {"accession": case.sample, "individual": case.individual, "name": f"S{case.number}", **of}
            | {"attributes": origin}),
        (Experiment, {"accession": f"HRX00000{case.number}", "sample": case.sample, **of}),
        (Run, {"accession": case.run, "experiment": f"HRX00000{case.number}", **of}),
        (Analysis, {"accession": case.analysis, "run": case.run, **of}),
        (Cohort, {"id": case.cohort, "name": f"Cohort {case.number}", "type": "study-defined", **of}),
        (CohortMember, {"cohort": case.cohort, "individual": case.individual}),
    ]  # fmt: skip
    for table, values in rows:
        connection.execute(insert(table).values(values))


def _files(case: Case, root: Path) -> list[tuple[str, str, str, str | None]]:
    """(id, name, format, the file it indexes) of the files of a case, written below ``root``."""
    bam, vcf = root / f"{case.dataset}.bam", root / f"{case.dataset}.vcf"
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr22", "LN": 50_818_468}]}
    with pysam.AlignmentFile(bam, "wb", header=header) as out:
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.query_sequence, read.cigarstring = f"read{case.number}", "ACGT" * 10, "40M"
        read.reference_id, read.reference_start, read.mapping_quality = 0, case.position, 60
        out.write(read)
    pysam.index(str(bam))
    vcf.write_text(
        "##fileformat=VCFv4.3\n##contig=<ID=chr22,length=50818468>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS{case.number}\n"
        f"chr22\t{case.position + 1}\t.\tA\tG\t.\t.\t.\tGT\t0|1\n"
    )
    pysam.tabix_index(str(vcf), preset="vcf", force=True)
    return [
        (case.bam, bam.name, "BAM", None),
        (f"HRR00000{case.number}-02", f"{bam.name}.bai", "BAI", case.bam),
        (case.vcf, f"{vcf.name}.gz", "VCF", None),
        (f"HRR00000{case.number}-04", f"{vcf.name}.gz.tbi", "TBI", case.vcf),
    ]
