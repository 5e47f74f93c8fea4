"""Value representations (PS3.5 6.2) and where they come from: the file, or the dictionaries of attributes."""

from __future__ import annotations

from functools import cache

LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})  # 4-byte lengths
SHORT = frozenset(
    [
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FL",
        "FD",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    ],
)
KNOWN = LONG | SHORT
BY_BYTES = {vr.encode(): vr for vr in KNOWN}


@cache
def standard(tag: int) -> str:
    """VR of a standard attribute; UN if it is none. Of alternatives the first (US or SS: US)."""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))[:2]
    except KeyError:
        return "UN"


@cache
def private(tag: int, creator: str) -> str:
    """VR of a private attribute of a known creator; UN if it is not known."""
    from pydicom.datadict import private_dictionary_VR

    try:
        return str(private_dictionary_VR(tag, creator))[:2]
    except KeyError:
        return "UN"
