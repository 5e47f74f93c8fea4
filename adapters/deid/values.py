"""What an action makes of the text of an element; both ways of reading a file use it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

from adapters.deid.dates import TIME, moved
from adapters.deid.identity import Keyed
from adapters.deid.rules import TEXT, Action, Profile
from adapters.deid.text import Cleaner

DUMMIES = {
    "AS": "000Y",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101",
    "IS": "0",
    "TM": "000000",
    "UR": "about:blank",
}
DUMMY = "ANONYMIZED"
STANDARD_ROOT = "1.2.840.10008."
MANY = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"})  # values by backslash
LITERAL = {
    "AS": re.compile(r"\d{3}[DWMY]"),
    "DS": re.compile(r"[-+0-9.eE ]*"),
    "IS": re.compile(r"[-+0-9 .]*"),
    "TM": TIME,
    "UI": re.compile(r"[0-9.]*"),
    "CS": re.compile(r"[A-Z0-9 _a-z./+()*:,-]*"),
}
SHORT_AGE = re.compile(r"^\d{1,2}[DWMY]$")
STRINGS = TEXT | DUMMIES.keys() | {"CS", "UI"}


@dataclass(slots=True)
class Subject:
    """Whose object it is: accession, days by which dates move back, UIDs, and the cleaner of the study."""

    profile: Profile
    keyed: Keyed
    accession: str
    cleaner: Cleaner
    days: int = field(init=False)

    def __post_init__(self) -> None:
        shift = self.profile.settings["shift_days"]
        self.days = self.keyed.days(self.accession, shift["least"], shift["most"])

    def text(self, action: Action, vr: str, text: str) -> str:
        """The text (all values, without padding) that an element has afterwards."""
        match action:
            case Action.EMPTY:
                return ""
            case Action.DUMMY:
                return self._uids(text) if vr == "UI" else DUMMIES.get(vr, DUMMY)
            case Action.ACCESSION:
                return self.accession
            case Action.UID:
                return self._uids(text)
            case Action.DATE:
                return "\\".join(moved(value, vr, self.days) for value in text.split("\\")) if text.strip() else ""
            case Action.CLEAN if vr in TEXT:
                return self._each(vr, text, self.cleaner.clean)
        return self._kept(vr, text)

    def _kept(self, vr: str, text: str) -> str:
        literal = LITERAL.get(vr)
        if literal is None:
            return self._each(vr, text, self.cleaner.retained)
        values = text.split("\\")
        if vr == "AS":  # 75Y is often written for 075Y
            text = "\\".join(values := [SHORT_AGE.sub(lambda age: age[0].zfill(4), value.strip()) for value in values])
        if all(not value.strip() or literal.fullmatch(value.strip()) for value in values):
            return text
        return ""

    def _each(self, vr: str, text: str, clean: object) -> str:
        assert callable(clean)
        if vr not in MANY:
            return str(clean(text))
        return "\\".join(str(clean(value)) for value in text.split("\\"))

    def _uids(self, text: str) -> str:
        return "\\".join(self._uid(value.strip()) for value in text.split("\\"))

    def _uid(self, uid: str) -> str:
        standard = not uid or (uid.startswith(STANDARD_ROOT) and uid in standard_uids())
        return uid if standard else self.keyed.uid(uid)


@cache
def standard_uids() -> frozenset[str]:
    """UIDs that the standard itself defines (PS3.6 annex A): they name no person's object."""
    from pydicom._uid_dict import UID_dictionary

    return frozenset(UID_dictionary)
