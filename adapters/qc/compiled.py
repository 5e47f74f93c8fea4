"""The compiler of the kernels. Only what checks reads imports this: numba takes half a second and 60 MB.

Compiled code is kept in the user's cache folder, so that an installation that nobody may write starts fast too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def _sources() -> str:
    """Digest of this package: a kernel that calls another is compiled with it, which numba's own cache overlooks."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_cache = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"))
# Numba makes its settings at import, unseen by the type checker.
setattr(numba.config, "CACHE_DIR", str(_cache / "gsanode" / f"numba-{_sources()}"))  # noqa: B010


_OPTIONS: Final[dict[str, Any]] = {
    "nogil": True,
    "cache": True,
    "boundscheck": False,
    "error_model": "numpy",
    # No array is made in a kernel, so none need be counted: counting took four fifths of the time of a check.
    "_nrt": False,
}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for this processor at the first call, without the interpreter's lock, and keep the result.

    What it works on is made by its caller: a compiled function can make no array.
    """
    return cast("Callable[P, R]", numba.njit(function, **_OPTIONS))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile into every caller: a call hands over each array in seven parts, and costs more than a short function."""
    return cast("Callable[P, R]", numba.njit(function, forceinline=True, **_OPTIONS))
