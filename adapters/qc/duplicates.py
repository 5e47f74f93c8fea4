"""Reads with the same name, told exactly and in bounded memory.

First pass: the key (62-bit hash and mate marker) of every name is written to a spool and added to a Bloom filter; a key
that the filter seems to hold is a candidate. After it the spool is read once and candidates are counted: what occurs
once was a mistake of the filter. Only if keys remain is the file read a second time, and the names of those reads are
compared byte for byte. Where the filter or the candidates would take more memory than allowed, the spool is split by
the highest bits of the key into parts that are sorted one after the other; names are split likewise.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from adapters.qc.bloom import BITS_PER_KEY, BloomFilter, size
from adapters.qc.outcome import MEMORY
from adapters.qc.repeats import Repeat, Repeated
from adapters.qc.representatives import COUNT, LINE, RECORD, Representatives
from adapters.qc.spool import CHUNK, PARTS, Spool, in_parts, part_of
from adapters.qc.table import NONE, KeyTable, count_all
from adapters.qc.tally import FIRSTS, Bytes, Ints, Keys

NAME_COST: Final = 160
"""Bytes that one distinct name takes in memory, about."""
SORTED_SHARE: Final = 256
"""Of the bytes of memory, one key is sorted in for so many."""
ALL_BITS: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def new_seed(bits: np.uint64 = ALL_BITS) -> Keys:
    """A seed for the hashes of one run, so that no file can be made to collide; ``bits`` of a key are kept."""
    return np.array([secrets.randbits(64), bits], np.uint64)


class Membership(Protocol):
    """A set of keys, or one that may contain a few more."""

    def find(self, rows: Keys, /) -> Bytes:
        """For each key 1 if it is (or may be) in the set."""


@dataclass(frozen=True, slots=True)
class Named:
    """Reads of a block: ``rows[i]`` = (record, line, byte, begin of the name in ``text``, its length)."""

    text: Bytes
    keys: Keys
    rows: Ints


class Names:
    """Keys of the names of one file, in its order."""

    def __init__(self, folder: Path | None = None, memory: int = MEMORY) -> None:
        """Keep the spool in ``folder``, and not more than about ``memory`` bytes in memory."""
        self.folder = folder
        self.memory = memory
        self.spool = Spool(folder)
        self.filter: BloomFilter | None = None
        self.partitioned = False
        self._flagged: list[Keys] = []
        self._flagged_count = 0

    def expect(self, reads: int) -> None:
        """Make the filter for so many reads; without one, if it would be too large."""
        if size(reads) > self.memory // 2:
            self._give_up()
        else:
            self.filter = BloomFilter(reads)

    def add(self, keys: Keys) -> None:
        """Add the keys of the next reads; 0 stands for a read without a name."""
        self.spool.write(keys)
        if self.partitioned:
            return
        if self.filter is None:
            self.expect(1 << 16)
        assert self.filter is not None
        if self.filter.bytes + size(2 * self.filter.capacity) > self.memory // 2 and self.filter.full(len(keys)):
            self._give_up()
            return
        named = keys[keys != 0]
        flagged = named[self.filter.add(named) != 0]
        if len(flagged):
            self._flagged.append(flagged.copy())
            self._flagged_count += len(flagged)
        if self._flagged_count > self.memory // 64:
            self._give_up()

    def _give_up(self) -> None:
        """Do without filter and candidates: sort instead."""
        self.partitioned = True
        self.filter = None
        self._flagged.clear()
        self._flagged_count = 0

    def candidates(self) -> tuple[Membership, int] | None:
        """Keys that more than one read has, and how many at most; nothing if no name can be a duplicate."""
        if self.partitioned:
            return self._sorted()
        if not self._flagged:
            return None
        keys = distinct(np.concatenate(self._flagged))
        self._flagged.clear()
        self.filter = None
        table = KeyTable(keys)
        counts = np.zeros(len(keys), np.int64)
        for rows in self.spool.read():
            count_all(rows, keys, table.slots, counts)
        repeated = keys[counts > 1]
        return (KeyTable(repeated), len(repeated)) if len(repeated) else None

    def _sorted(self) -> tuple[Membership, int] | None:
        found = Spool(self.folder)
        try:
            for part in in_parts(self.spool, self.memory // 4, self.folder):
                found.write(repeated_keys(part, max(CHUNK, self.memory // SORTED_SHARE)))
            return (_members(found, self.memory // 4), found.rows) if found.rows else None
        finally:
            found.close()

    def repeated(self, read: Callable[[Membership], Iterator[Named]]) -> Repeated:
        """The duplicates; ``read`` goes over the file again and yields the reads whose key is a member."""
        found = self.candidates()
        result = Repeated()
        if found is None:
            return result
        members, count = found
        parts = min(PARTS, 1 << max(0, (-(-count * NAME_COST // (self.memory // 4)) - 1).bit_length()))
        if parts == 1:
            _meet(read(members), Representatives(count), result)
        else:
            for part in _spooled(read(members), parts, self.folder):
                _meet(part.read(), Representatives(count // parts), result)
                part.close()
        return result

    def close(self) -> None:
        """Give disk and memory back."""
        self.spool.close()
        self.filter = None


def _members(found: Spool, memory: int) -> Membership:
    """The keys of a spool as a set, or where that is too large as a filter."""
    if found.rows * 24 <= memory:
        return KeyTable(np.concatenate(list(found.read())))
    filter_ = BloomFilter(min(found.rows, memory * 8 // BITS_PER_KEY), grows=False)
    for rows in found.read():
        filter_.add(rows)
    return filter_


def _meet(reads: Iterator[Named], known: Representatives, result: Repeated) -> None:
    """Count the duplicates of one part."""
    for named in reads:
        first_of = known.meet(named.text, named.keys, named.rows)
        again = np.flatnonzero(first_of != NONE)
        result.reads += len(again)
        for i in again[:FIRSTS]:
            at = int(first_of[i])
            record, line = int(named.rows[i, 0]), int(named.rows[i, 1])
            first = known.info[at]
            name = known.name(at).decode("ascii", "backslashreplace")
            result.first.append(Repeat(name, record, line, int(first[RECORD]), int(first[LINE])))
        result.first.sort(key=lambda repeat: repeat.record)
        del result.first[FIRSTS:]
    result.names += int(np.count_nonzero(known.info[: known.used[0], COUNT] > 1))


def repeated_keys(part: Spool, at_once: int) -> Keys:
    """Keys that occur more than once. Memory grows with the different keys: one key a billion times takes none.

    :param at_once: keys that are sorted into the others together; the fewer, the more often all are gone through.
    """
    once = np.zeros(0, np.uint64)
    again = once
    for rows in part.read(at_once):
        keys, counts = np.unique(rows[rows != 0], return_counts=True)
        again = distinct(np.concatenate((again, keys[counts > 1], np.intersect1d(once, keys, assume_unique=True))))
        once = distinct(np.concatenate((once, keys)))
    return again


def distinct(keys: Keys) -> Keys:
    """Different keys in order; ``keys`` is sorted. numpy's own way, a table of hashes, takes ten times as long."""
    keys.sort()
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return np.asarray(keys[first])


class _NameSpool:
    """Reads with their names on disk."""

    def __init__(self, folder: Path | None) -> None:
        self.keys = Spool(folder)
        self.rows = Spool(folder, np.dtype((np.int64, 5)))
        self.text = Spool(folder, np.dtype(np.uint8))

    def write(self, text: Bytes, keys: Keys, rows: Ints) -> None:
        rows = rows.copy()
        stretches = [text[begin : begin + length] for begin, length in rows[:, 3:5]]
        rows[:, 3] = self.text.rows + np.cumsum(rows[:, 4]) - rows[:, 4]
        self.text.write(np.concatenate(stretches))
        self.keys.write(keys)
        self.rows.write(rows)

    def read(self) -> Iterator[Named]:
        self.text.file.seek(0)
        for keys, rows in zip(self.keys.read(), self.rows.read(), strict=True):
            rows = rows.copy()
            wanted = int(rows[:, 4].sum())
            text = np.frombuffer(self.text.take(wanted), np.uint8)
            rows[:, 3] -= rows[0, 3]
            yield Named(text, keys, rows)

    def close(self) -> None:
        for spool in (self.keys, self.rows, self.text):
            spool.close()


def _spooled(reads: Iterator[Named], parts: int, folder: Path | None) -> list[_NameSpool]:
    made = [_NameSpool(folder) for _ in range(parts)]
    for named in reads:
        of = part_of(named.keys, parts)
        for part in np.unique(of):
            chosen = of == part
            made[int(part)].write(named.text, named.keys[chosen], named.rows[chosen])
    return made
