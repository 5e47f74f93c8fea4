"""What an object says about itself, and whether it can be passed on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.deid.errors import Reason, Refused
from adapters.deid.rules import Profile

# The attributes that decide, by name; all of the top level.
TAGS = {
    0x00080008: "image_type",
    0x00080016: "sop_class",
    0x00080018: "sop_instance",
    0x00080060: "modality",
    0x00080064: "conversion",
    0x00100020: "patient",
    0x0020000D: "study",
    0x0020000E: "series",
    0x00280002: "samples",
    0x00280004: "photometric",
    0x00280006: "planar",
    0x00280008: "frames",
    0x00280010: "rows",
    0x00280011: "columns",
    0x00280100: "bits",
    0x00280101: "stored",
    0x00280103: "signed",
    0x00280301: "burned_in",
    0x7FE00002: "offsets",  # lengths of the extended offset table: the table of one frame is zero
}
NEEDED = ("sop_class", "sop_instance", "study", "series", "patient")
UIDS = ("sop_class", "sop_instance", "study", "series")
UID = re.compile(r"[0-2](\.\d+){1,31}", re.ASCII)
HALVED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})  # two bytes a pixel


@dataclass(frozen=True, slots=True)
class Facts:
    """One object.

    :ivar texts: values of :data:`TAGS` that are there.
    :ivar pixels: bytes of uncompressed pixel data, -1 if compressed, None without pixel data.
    :ivar embedded_overlay: whether an overlay lies in unused bits of the pixel data.
    """

    texts: Mapping[str, str]
    pixels: int | None
    embedded_overlay: bool = False

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    def check(self, profile: Profile) -> None:
        """Refuse what cannot be made safe or is incomplete.

        :raises Refused: with the reason.
        """
        for name in NEEDED:
            if not self[name]:
                raise Refused(Reason.INCOMPLETE, f"no {name.replace('_', ' ')}")
        for name in UIDS:
            if not UID.fullmatch(self[name]):
                raise Refused(Reason.DAMAGED, f"the {name.replace('_', ' ')} is no UID")
        reason = profile.refused_class(self["sop_class"])
        if reason:
            raise Refused(Reason.OBJECT_CLASS, reason)
        if self.embedded_overlay:
            raise Refused(Reason.TEXT_IN_PIXELS, "an overlay lies in unused bits of the pixel data")
        if self.pixels is not None and self.pixels >= 0:
            self._check_length(self.pixels)

    def _check_length(self, found: int) -> None:
        try:
            pixels = int(self["rows"]) * int(self["columns"]) * int(self["frames"] or 1)
            samples = 2 if self["photometric"] in HALVED else int(self["samples"] or 1)
            expected = (pixels * samples * int(self["bits"]) + 7) // 8
        except ValueError:
            raise Refused(Reason.PIXEL_LENGTH, "pixel data without rows, columns and bits") from None
        if found not in {expected, expected + expected % 2}:
            raise Refused(Reason.PIXEL_LENGTH, f"pixel data of {found} bytes where {expected} are described")

    def why_look(self, profile: Profile) -> str | None:
        """Why a person or a program must look at the pixels before the object is passed on; None if not."""
        if self.pixels is None:
            return None
        if self["burned_in"] not in {"", "NO"}:
            return "the object says that text is burned in"
        if self["modality"] in profile.settings["pixels_to_look_at"] or not self["modality"]:
            return f"modality {self['modality'] or 'not given'}: its images often carry text"
        words = {word.strip() for word in f"{self['image_type']}\\{self['conversion']}".split("\\")}
        if words & set(profile.settings["screens"]):
            return "a picture of a screen or of paper"
        return None
