"""Why a file could not be checked. What is wrong *in* a file is a finding, never one of these."""

from __future__ import annotations


class CannotCheck(Exception):
    """The file could not be checked; nothing is said about whether it is good. The message names file and reason."""


class NotAFile(CannotCheck):
    """Not a regular file that can be read."""


class UnsupportedFormat(CannotCheck):
    """The content is in a format that is not checked."""


class ChangedWhileRead(CannotCheck):
    """The file grew, shrank, vanished or was replaced while it was read."""


class SpoolFailed(CannotCheck):
    """Names could not be kept on disk, which is full or cannot be written."""


class EngineAbsent(CannotCheck):
    """A reference engine needs a package that is not installed."""
