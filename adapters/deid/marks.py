"""What an object says about its own de-identification (PS3.15 E.1.1, PS3.3 C.12.1.1, C.7.6.1)."""

from __future__ import annotations

from typing import TypeAlias

from adapters.deid.rules import Profile

Mark: TypeAlias = tuple[str, str | list[dict[int, tuple[str, str]]]]  # VR, and value or items
SCHEME = "DCM"


def marks(profile: Profile, *, pixels: bool) -> dict[int, Mark]:
    """Elements that are set in every object, by tag.

    :param pixels: whether there is pixel data, and no text in it.
    """
    items = [
        {0x00080100: ("SH", code), 0x00080102: ("SH", SCHEME), 0x00080104: ("LO", meaning)}
        for code, meaning in profile.codes.items()
        if pixels or code != "113101"
    ]
    new: dict[int, Mark] = {
        0x00120062: ("CS", "YES"),
        0x00120063: ("LO", str(profile.settings["method"])),
        0x00120064: ("SQ", list(items)),
        0x00280303: ("CS", "MODIFIED"),
    }
    if pixels:
        new[0x00280301] = ("CS", "NO")
    return new
