"""Why an object is not passed on."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Kinds of refusal, as they stand in the report."""

    NOT_DICOM = "not-dicom"
    DAMAGED = "damaged"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    TRANSFER_SYNTAX = "transfer-syntax"
    OBJECT_CLASS = "object-class"
    PIXELS_NOT_LOOKED_AT = "pixels-not-looked-at"
    TEXT_IN_PIXELS = "text-in-pixels"
    PIXEL_LENGTH = "pixel-length"
    UNKNOWN_PATIENT = "unknown-patient"
    TWO_PATIENTS = "study-of-two-patients"
    INCOMPLETE = "incomplete"
    DUPLICATE = "duplicate-uid"
    WITHDRAWN = "withdrawn"
    LINK = "link"
    LEFT_OVER = "identifier-left"


class Refused(Exception):
    """The object is not passed on; :attr:`detail` names the place and never a value of the object."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
