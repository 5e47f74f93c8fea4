"""Reading the tables and documents that registration is given, with every mistake in its place."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from adapters.registration.plan import Origin, Plan, ProblemKind


def decoded(path: Path, plan: Plan) -> str | None:
    """The text of a UTF-8 file, gzip-compressed or not; None (and a problem) if it cannot be read whole."""
    origin = Origin(path.name)
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
        if "\0" not in text:
            return text
        plan.problem(origin, ProblemKind.UNREADABLE, "holds a NUL character")
    except UnicodeDecodeError as error:
        plan.problem(origin, ProblemKind.UNREADABLE, f"is not UTF-8 at byte {error.start}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        plan.problem(origin, ProblemKind.UNREADABLE, f"the compressed data is cut off or broken: {error}")
    except OSError as error:
        plan.problem(origin, ProblemKind.UNREADABLE, f"cannot be read: {error.strerror}")
    return None


def json_document(path: Path, plan: Plan) -> Any:
    """A JSON document; None (and a problem with line and column) if it is none, or holds what no database can."""
    text = decoded(path, plan)
    if text is None:
        return None
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
        if "\\u0000" not in json.dumps(document, ensure_ascii=False, allow_nan=False).encode().decode():
            return document
        message = "holds a NUL character"
    except json.JSONDecodeError as error:
        cut = "ends too early, it may be cut off" if error.pos >= len(text.rstrip()) - 1 else error.msg
        message = f"is no JSON: {cut} (line {error.lineno}, column {error.colno})"
    except UnicodeEncodeError:
        message = "holds half of a surrogate pair"
    except ValueError as error:
        message = f"is no JSON: {error}"
    except RecursionError:
        message = "is nested too deeply"
    plan.problem(Origin(path.name), ProblemKind.UNREADABLE, message)
    return None


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def table(
    path: Path, plan: Plan, required: Collection[str], optional: Collection[str]
) -> Iterator[tuple[Origin, dict[str, str]]]:
    """The rows of a tab-separated file with a header line; row 1 is the header.

    Unknown and missing columns, and rows of another width, are problems; such rows are left out.
    """
    text = decoded(path, plan)
    if text is None:
        return
    lines = iter(text.split("\n"))
    origin = Origin(path.name)
    first = next(lines)
    header = [cell.strip() for cell in first.split("\t")] if first.strip() else []
    if not check_header(header, required, optional, Origin(path.name, row=1), plan):
        return
    for number, line in enumerate(lines, 2):
        cells = line.split("\t")
        if not line.strip():
            continue
        here = Origin(origin.source, row=number)
        if len(cells) != len(header):
            plan.problem(here, ProblemKind.UNREADABLE, f"has {len(cells)} cells, the header has {len(header)}")
            continue
        yield here, {column: cell.strip() for column, cell in zip(header, cells, strict=True)}


def check_header(
    header: Collection[str], required: Collection[str], optional: Collection[str], origin: Origin, plan: Plan
) -> bool:
    """Note unknown, missing and repeated columns; whether the rows can be read at all."""
    known = (*required, *optional)
    columns = list(header)
    for column in dict.fromkeys(columns):
        if column not in known:
            message = f"column {column!r} is not known; allowed: {', '.join(known)}"
            plan.problem(origin.at(column), ProblemKind.UNKNOWN_COLUMN, message)
        if columns.count(column) > 1:
            plan.problem(
                origin.at(column), ProblemKind.DUPLICATE, f"column {column!r} occurs {columns.count(column)} times"
            )
    missing = [column for column in required if column not in columns]
    for column in missing:
        plan.problem(origin.at(column), ProblemKind.MISSING_COLUMN, f"column {column!r} is missing")
    return not missing


def required_value(values: Mapping[str, str], column: str, origin: Origin, plan: Plan) -> str | None:
    """The value of a column that must not be empty; None (and a problem) if it is."""
    value = values.get(column, "")
    if not value:
        plan.problem(origin.at(column), ProblemKind.MISSING_VALUE, f"{column!r} is empty")
        return None
    return value
