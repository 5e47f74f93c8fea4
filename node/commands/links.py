"""``gsanode images link`` and ``links``: which individual of the linked member an individual is."""

from __future__ import annotations

import getpass
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.commands.process import Config, database, fail, member
from node.commands.registering import archive_of, show_problems

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from adapters.registration.accessions import Accessions
    from adapters.registration.links import Change
    from adapters.registration.plan import Plan
    from node.settings import MemberSettings

JsonOption = Annotated[bool, typer.Option("--json", help="print JSON")]


def link(
    table: Annotated[Path, typer.Argument(help="TSV with accession and link", exists=True, dir_okay=False)],
    config: Config,
    as_json: JsonOption = False,
) -> None:
    """Link individuals to those of another member, which is asked whether they exist. An empty link revokes one.

    Exit code 0: done; 1: something is wrong and nothing was changed; 2: wrong use.
    """
    from adapters.registration.links import change
    from adapters.registration.plan import Plan
    from adapters.registration.write import Refused
    from node.keys import key_ring
    from node.links import Unanswered, existing

    given = member(config)
    partner = next((one.url for one in given.partners if one.url), None)
    if partner is None:
        fail(f"{config}: key 'partners': needs the url of the member that is linked to")
    with database(given) as engine:
        plan = Plan()
        changes = _changes(table, plan, archive_of(given, engine).accessions)
        try:
            if plan.problems:
                raise Refused(plan.sorted_problems())
            ring = key_ring(given, engine)
            by = f"operator {getpass.getuser()}"
            ask = partial(existing, partner, given.public_url, ring)
            count = change(engine, changes, ask, by, _recorded(by))
        except Refused as refused:
            show_problems(refused.problems, as_json=as_json)
            raise typer.Exit(1) from refused
        except Unanswered as error:
            fail(str(error), 1)
    typer.echo(json.dumps({"changed": count}) if as_json else f"{count:,} links changed")


def links(
    individual: Annotated[str, typer.Argument(help="accession of an individual")],
    config: Config,
    as_json: JsonOption = False,
) -> None:
    """Show all versions of the link of an individual."""
    from adapters.registration.links import versions

    given: MemberSettings = member(config)
    with database(given) as engine:
        found = versions(engine, individual)
    if as_json:
        rows = [{"number": one.number, "link": one.link, "by": one.by, "at": one.at.isoformat()} for one in found]
        typer.echo(json.dumps({"versions": rows}))
        return
    if not found:
        typer.echo(f"{individual} has never had a link")
    for one in found:
        typer.echo(f"{one.number}  {one.at:%Y-%m-%d %H:%M}  {one.link or '(revoked)'}  by {one.by}")


def _changes(path: Path, plan: Plan, accessions: Accessions) -> list[Change]:
    from adapters.registration.links import Change
    from adapters.registration.plan import ProblemKind
    from adapters.registration.text import table

    found: dict[str, Change] = {}
    for origin, values in table(path, plan, ("accession", "link"), ()):
        given = [("individual", "accession")] + ([("link", "link")] if values["link"] else [])
        for entity, column in given:
            if objection := accessions.objection(entity, values[column]):
                plan.problem(origin.at(column), ProblemKind.BAD_ACCESSION, objection)
        if values["accession"] in found:
            plan.problem(origin, ProblemKind.DUPLICATE, f"{values['accession']} occurs before")
        found[values["accession"]] = Change(values["accession"], values["link"] or None, origin)
    return list(found.values())


def _recorded(by: str) -> Any:
    from auth import audit
    from auth.keys import clock

    def record(session: Session, individual: str, details: dict[str, Any]) -> None:
        audit.append(session, at=clock(), actor=by, action="link", target=individual, details=details)

    return record
