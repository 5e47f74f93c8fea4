"""Tables of the federation's own protocol."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Declarative base of the tables that ``federation`` owns."""


class SeenNonce(Base):
    """A question's nonce that this member answered; kept for as long as it could be sent again.

    ``partner`` is the member with whom the pseudonyms were shared, ``made_at`` epoch seconds.
    """

    __tablename__ = "federation_nonce"
    __table_args__ = (Index("federation_nonce_made_at", "made_at"),)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(24), primary_key=True)
    partner: Mapped[str]
    made_at: Mapped[int] = mapped_column(BigInteger)


class HeldSide(Base):
    """The pseudonyms of a large side, one after the other, while the gateway asks about them; at most a minute."""

    __tablename__ = "federation_held_side"
    __table_args__ = (Index("federation_held_side_made_at", "made_at"),)
    nonce: Mapped[bytes] = mapped_column(LargeBinary(24), primary_key=True)
    pseudonyms: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[int] = mapped_column(BigInteger)
