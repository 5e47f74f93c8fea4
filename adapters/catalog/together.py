"""Single files asked for at the same moment are read together: one round to the database answers all of them.

Nothing is kept. A question joins the next round, which begins after the question was asked, so that an answer never is
older than its question; what exists does not depend on who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import anyio.to_thread

from adapters.catalog.catalog import FileRecord

MOST = 200  # files of one round


class Together:
    """Reads files for many askers of one event loop.

    :param read: the files of some ids that exist, by id; called from a thread, one call at a time.
    """

    def __init__(self, read: Callable[[Sequence[str]], Mapping[str, FileRecord]]) -> None:
        self._read = read
        self._waiting: list[tuple[str, asyncio.Future[FileRecord | None]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def file(self, id: str) -> FileRecord | None:
        """The file, or None if it does not exist; raises what reading raises."""
        answer: asyncio.Future[FileRecord | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((id, answer))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._answer_all())
        return await answer

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer(asked)
        finally:
            self._rounds = None
            for _, answer in self._waiting:  # only where the loop is being closed
                answer.cancel()
            self._waiting = []

    async def _answer(self, asked: list[tuple[str, asyncio.Future[FileRecord | None]]]) -> None:
        ids = list(dict.fromkeys(id for id, _ in asked))
        reading = asyncio.ensure_future(anyio.to_thread.run_sync(self._read, ids))
        await asyncio.wait([reading])
        if (error := reading.exception()) is not None and len(ids) > 1:
            for one in asked:  # what one question does to the database is no concern of the others
                await self._answer([one])
            return
        for id, answer in asked:
            if answer.done():  # its asker went away
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(reading.result().get(id))
