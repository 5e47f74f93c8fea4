"""Libraries that repeat values in their warnings, names of persons among them, are silent while they are used.

What is warned of is a setting of the process, not of a thread: whoever put it back while others still read would let
them speak.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager


class Shared:
    """A setting of the process that several threads want at a time: made by the first, put back after the last.

    :param setting: makes it and puts it back.
    """

    def __init__(self, setting: Callable[[], AbstractContextManager[None]]) -> None:
        self._setting = setting
        self._lock = threading.Lock()
        self._wanted = 0
        self._made = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._wanted == 0:
                self._made.enter_context(self._setting())
            self._wanted += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._wanted -= 1
            if self._wanted == 0:
                self._made.close()


@contextmanager
def _ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


unwarned = Shared(_ignored)
"""Nobody is warned of anything: ``with unwarned:``."""
