"""``gsanode variants``: what it loads under which id, and how it says what is wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import typer
from sqlalchemy import Engine, insert, select

from adapters.catalog import models
from adapters.variants import tables
from adapters.variants.tables import VariantRelease
from node.commands.variants import run

NOW = dt.datetime(2026, 1, 1)
VCF = """##fileformat=VCFv4.3
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
21\t10\t.\tA\tT\t.\t.\tAC=3
"""


@pytest.fixture
def member(sqlite_engine: Engine) -> Engine:
    models.Base.metadata.create_all(sqlite_engine)
    tables.Base.metadata.create_all(sqlite_engine)
    dataset = {"accession": "HRA000001", "title": "x", "tier": "open", "release_date": dt.date(2020, 1, 1)}
    file = {"id": "HRR000001-01", "dataset": "HRA000001", "name": "calls.vcf", "size": 1, "assembly": "GRCh37"}
    with sqlite_engine.begin() as connection:
        connection.execute(insert(models.Dataset).values(dataset | {"created_at": NOW, "updated_at": NOW}))
        connection.execute(insert(models.File).values(file | {"created_at": NOW}))
    return sqlite_engine


@pytest.mark.parametrize(("name", "file"), [("calls.vcf", None), ("other.vcf", "HRR000001-01")])
def test_a_registered_file_goes_by_its_id_and_tells_its_assembly(
    member: Engine, tmp_path: Path, name: str, file: str | None
) -> None:
    path = tmp_path / name
    path.write_text(VCF)
    loaded = run(member, path, "HRA000001", file, None)
    assert (loaded.file, loaded.assembly, loaded.variants) == ("HRR000001-01", "GRCh37", 1)
    with member.connect() as connection:
        assert connection.execute(select(VariantRelease.file, VariantRelease.state)).all() == [("HRR000001-01", "live")]


@pytest.mark.parametrize(
    ("dataset", "assembly", "message"),
    [
        ("HRA000002", "GRCh37", "data set HRA000002 is not in the catalog"),
        ("HRA000001", "mm10", "'mm10' is not a known assembly; allowed: GRCh37, GRCh38"),
        ("HRA000001", None, "name the assembly"),
    ],
)
def test_a_mistake_is_said_plainly_and_ends_with_code_2(
    member: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str], dataset: str, assembly: str | None, message: str
) -> None:
    path = tmp_path / "unregistered.vcf"
    path.write_text(VCF)
    with pytest.raises(typer.Exit) as ended:
        run(member, path, dataset, None, assembly)
    assert ended.value.exit_code == 2
    assert message in capsys.readouterr().err
