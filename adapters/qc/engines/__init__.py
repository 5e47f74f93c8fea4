"""Other ways to check a file of reads: references for the kernel, and what its figures are compared with."""

from __future__ import annotations

from adapters.qc.outcome import Engine

ENGINES = ("kernel", "plain-set", "pybloom-live", "dnaio+rbloom")


class UnknownEngine(ValueError):
    """No engine has that name; the message says which there are."""


def engine(name: str) -> Engine:
    """An engine by its name; its libraries are loaded now.

    :raises UnknownEngine: if there is none.
    :raises adapters.qc.errors.EngineAbsent: if a library that it needs is not installed.
    """
    if name == "kernel":
        from adapters.qc.fastq import Kernel

        return Kernel()
    if name in ("plain-set", "pybloom-live"):
        from adapters.qc.engines import plain, sets

        return plain.Plain(name, sets.plain_set if name == "plain-set" else sets.pybloom_live())
    if name == "dnaio+rbloom":
        from adapters.qc.engines.dnaio_rbloom import DnaioRbloom

        return DnaioRbloom()
    raise UnknownEngine(f"engine {name!r}: allowed are {', '.join(ENGINES)}")
