"""What the tests of the DRS contract find in the catalog, beside the files of ``tests.node.family``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Engine, insert

from adapters.catalog.engine import writing
from adapters.catalog.models import (
    Checksum,
    Experiment,
    File,
    FilePerson,
    ImagingSeries,
    ImagingStudy,
    Location,
    Run,
)
from tests.node.family import NOW, build

RUN, SERIES, ABSENT_RUN = "HRR000010", "1.2.840.99.1", "HRR000020"
MORE: dict[str, tuple[str, str, dict[str, str]]] = {
    # id: (data set, name, columns)
    "HRR000010-01": ("HRA000001", "lane 1/reads.fq.gz", {"run": RUN}),
    "HRR000010-02": ("HRA000001", "lane 2/reads.fq.gz", {"run": RUN}),
    "HRR000010-03": ("HRA000001", "样本.bam", {"run": RUN, "format": "BAM"}),
    "HRR000010-04": ("HRA000001", "样本.bam.bai", {"run": RUN, "format": "BAI", "index_of": "HRR000010-03"}),
    "HRR000011-01": ("HRA000002", "slice1.dcm", {"series": SERIES, "instance": "1.1"}),
    "HRR000011-02": ("HRA000002", "slice2.dcm", {"series": SERIES, "instance": "1.2"}),
    "HRR000020-01": ("HRA000001", "of a person who withdrew.fq.gz", {"run": ABSENT_RUN}),
}
CONTENT = {id: f"content of {id}\n".encode() * 300 for id in MORE}


def fill(engine: Engine, root: Path) -> None:
    """Fill catalog and archive."""
    build(engine, root)
    with writing(engine).begin() as connection:
        for run in (RUN, ABSENT_RUN):
            experiment = run.replace("HRR", "HRX")
            connection.execute(insert(Experiment).values(accession=experiment, dataset="HRA000001"))
            connection.execute(
                insert(Run).values(accession=run, dataset="HRA000001", experiment=experiment, title=f"Run {run}")
            )
        connection.execute(insert(ImagingStudy).values(uid="1.2.840.99", dataset="HRA000002", individual="HRI000001"))
        connection.execute(insert(ImagingSeries).values(uid=SERIES, study="1.2.840.99", modality="CT"))
        for id, (dataset, name, columns) in MORE.items():
            content = CONTENT[id]
            (root / id).write_bytes(content)
            connection.execute(
                insert(File).values(id=id, dataset=dataset, name=name, size=len(content), created_at=NOW, **columns)
            )
            sums = {"sha-256": hashlib.sha256(content).hexdigest(), "md5": hashlib.md5(content).hexdigest()}
            for kind, value in sums.items():
                connection.execute(insert(Checksum).values(file=id, type=kind, value=value))
            connection.execute(insert(Location).values(file=id, store="archive", key=id))
            if id.startswith(ABSENT_RUN):
                connection.execute(insert(FilePerson).values(file=id, individual="HRI000002"))
        for store, key in (("bucket", "reads/1"), ("ftp", "ftp://download.example.org/HRR000010-01")):
            connection.execute(insert(Location).values(file="HRR000010-01", store=store, key=key))
        connection.execute(insert(Location).values(file="HRR000011-01", store="ftp", key="ftp://x.org/1"))
