"""The words for what becomes of a submitted file and of the job that works on it."""

from __future__ import annotations

from enum import StrEnum


class FileState(StrEnum):
    """A submitted file. The first three are the words of the archive's guide; the others are formed alike."""

    CHECKING = "Checking"
    ARCHIVED = "Archived"
    MD5_FAILED = "MD5 Checked Failed"
    QUALITY_FAILED = "Quality Checked Failed"
    HUMAN_FAILED = "Human Reads Found"
    REFUSED = "Registration Failed"
    HELD = "Held"  # it is good, but a file that belongs with it is not
    DEIDENTIFICATION_FAILED = "De-identification Failed"
    QUARANTINED = "Quarantined"  # somebody must look at it
    REJECTED = "Rejected"  # somebody looked, and it may not be passed on
    NOT_CHECKED = "Not Checked"  # the check itself failed, again and again
    CANCELLED = "Cancelled"


class JobState(StrEnum):
    """A job. ``failed`` is final until somebody asks for another try."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """What a job works on. Sequence files of one job are archived together or not at all, images each for itself."""

    SEQUENCES = "sequences"
    IMAGES = "images"


class Step(StrEnum):
    """What a job does; the state of a job names the next."""

    CHECKSUM = "checksum"
    DEIDENTIFY = "deidentify"
    CHECK = "check"
    SCREEN = "screen"
    ARCHIVE = "archive"


STEPS = {
    Kind.SEQUENCES: (Step.CHECKSUM, Step.CHECK, Step.SCREEN, Step.ARCHIVE),
    Kind.IMAGES: (Step.DEIDENTIFY, Step.CHECK, Step.ARCHIVE),
}
"""The steps of a kind, in their order."""
TOGETHER = frozenset({Kind.SEQUENCES})
FAILED_BY = {
    Step.CHECKSUM: FileState.MD5_FAILED,
    Step.DEIDENTIFY: FileState.DEIDENTIFICATION_FAILED,
    Step.CHECK: FileState.QUALITY_FAILED,
    Step.SCREEN: FileState.HUMAN_FAILED,
    Step.ARCHIVE: FileState.REFUSED,
}
"""What a file is that did not pass a step."""
