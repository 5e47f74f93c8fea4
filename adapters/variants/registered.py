"""Under which id a variant file is registered in the catalog."""

from __future__ import annotations

from sqlalchemy import Engine, select

from adapters.catalog.models import File


def file_of(engine: Engine, dataset: str, name: str, file: str | None) -> tuple[str, str | None]:
    """Id and assembly of a data set's file: the one with id ``file``, else the only one called ``name``.

    A file that is not registered goes by ``file`` or its name; its assembly is not known.
    """
    statement = select(File.id, File.assembly).where(File.dataset == dataset)
    statement = statement.where(File.id == file) if file is not None else statement.where(File.name == name)
    with engine.connect() as connection:
        found = connection.execute(statement).all()
    if len(found) == 1:
        return found[0].id, found[0].assembly
    return file or name, None
