"""Knowledge that is renewed beside the questions: only the very first one waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Refreshing:
    """Renews something in the background, one renewal at a time.

    A question must not wait for a node that hangs only because it is time to look at that node again.

    :param look: renews; its own errors are told to the next who asks.
    """

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._task: asyncio.Task[None] | None = None
        self._first = True

    async def ready(self, due: bool) -> None:
        """Begin a renewal if ``due``; wait for it only if there never was one."""
        if self._task is not None and self._task.done():
            self._task.result()
        if due and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._renew())
        if self._first and self._task is not None:
            await asyncio.shield(self._task)

    async def _renew(self) -> None:
        await self._look()
        self._first = False

    async def stop(self) -> None:
        """End a renewal under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
