"""Nodes that joined by a call: in the gateway's database, so that all its processes know them, after a restart too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, BigInteger, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from auth import audit
from federation.settings import Member


class Base(DeclarativeBase):
    """Declarative base of the tables of a gateway."""


class JoinedNode(Base):
    """A node, and who had it join (``iss`` of an operator) when (epoch seconds); ``given`` are its standards."""

    __tablename__ = "federation_joined_node"
    id: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    given: Mapped[dict[str, Any]] = mapped_column(JSON)
    joined_by: Mapped[str]
    joined_at: Mapped[int] = mapped_column(BigInteger)


class AlreadyJoined(Exception):
    """A node of this id or URL is there."""


class TooManyNodes(Exception):
    """No more nodes may join."""


class JoinedNodes:
    """The table, and the audit of its changes.

    :param most: so many nodes may join; every question is put to all of them.
    """

    def __init__(self, engine: Engine, most: int = 1000, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._writing = engine.execution_options(write=True)
        self._most = most
        self._clock = clock

    def all(self) -> tuple[Member, ...]:
        """By the time of joining."""
        question = select(JoinedNode.given).order_by(JoinedNode.joined_at, JoinedNode.id)
        with self._engine.connect() as connection:
            return tuple(Member.model_validate(given) for given in connection.scalars(question))

    def add(self, node: Member, by: str) -> None:
        """Have a node join.

        :param by: who asks for it, for the audit.
        :raises AlreadyJoined: its id or URL is taken; :raises TooManyNodes: there is no room.
        """
        now = int(self._clock())
        row = {"id": node.id, "url": node.url, "name": node.name, "given": node.model_dump(mode="json")}
        try:
            with Session(self._writing) as session, session.begin():
                if (session.scalar(select(func.count()).select_from(JoinedNode)) or 0) >= self._most:
                    raise TooManyNodes(f"{self._most} nodes have joined; one has to leave first")
                session.execute(insert(JoinedNode).values(**row, joined_by=by, joined_at=now))
                audit.append(session, at=now, actor=by, action="node join", target=node.id, details={"url": node.url})
        except IntegrityError as error:
            raise AlreadyJoined(f"a node {node.id!r}, or one at {node.url}, has joined already") from error

    def remove(self, id: str, by: str) -> bool:
        """Have a node leave; whether it was there."""
        with Session(self._writing) as session, session.begin():
            row = session.get(JoinedNode, id, with_for_update=True)
            if row is None:
                return False
            details = {"url": row.url}
            session.delete(row)
            audit.append(session, at=int(self._clock()), actor=by, action="node leave", target=id, details=details)
        return True
