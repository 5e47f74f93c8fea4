"""Whether grants stand now: our own by the database, those of others by their issuer's status list. Never cached."""

from __future__ import annotations

from collections.abc import Callable, Collection

from auth.caller import referred
from auth.status import StatusLists


class GrantsInForce:
    """Answers for references of grants (``auth.caller.reference``).

    :param own: which of these ``jti`` of our own are in force.
    """

    def __init__(self, own: Callable[[Collection[str]], Collection[str]], lists: StatusLists) -> None:
        self._own = own
        self._lists = lists

    def __call__(self, grants: Collection[str]) -> frozenset[str]:
        """Those of ``grants`` that stand."""
        foreign = {grant: named for grant in grants if (named := referred(grant)) is not None}
        ours = [grant for grant in grants if grant not in foreign]
        standing = frozenset(self._own(ours)) if ours else frozenset()
        return standing | {grant for grant, (issuer, jti) in foreign.items() if self._lists.stands(issuer, jti)}
