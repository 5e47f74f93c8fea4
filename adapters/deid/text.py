"""Free text without what identifies: known values of the study, and what reads like a name, date, number or place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import permutations

import yaml

from adapters.deid.known import Known

REMOVED = "REMOVED"  # in the place of a text of which nothing was left
SHORTEST_LATIN = 3
UNREADABLE = "\ufffd"
CJK = re.compile(r"[\u3400-\u9fff\uac00-\ud7af\u3040-\u30ff]")
PARTS = re.compile(r"[\s^=,.;_/-]+")
EDGES = " \t,;:/_-^=|.，；：、。"
GAPS = re.compile(r"[ \t]{2,}")


@dataclass(frozen=True, slots=True)
class TextRules:
    """Patterns of ``config/deid/text.yaml``."""

    patterns: tuple[re.Pattern[str], ...]
    vocabulary: frozenset[str]


@cache
def text_rules() -> TextRules:
    """The rules, compiled once."""
    read = yaml.load((files("config") / "deid" / "text.yaml").read_bytes(), Loader=yaml.CSafeLoader)
    patterns = tuple(re.compile(pattern, re.IGNORECASE) for pattern in read["patterns"].values())
    return TextRules(patterns, frozenset(read["vocabulary"].split()))


class Cleaner:
    """Cleans the texts of one study; equal texts are cleaned once."""

    def __init__(self, known: Known) -> None:
        self._rules = text_rules()
        self._known = _known_pattern(known, self._rules.vocabulary)
        self._done: dict[tuple[str, bool], str] = {}

    def clean(self, text: str) -> str:
        """``text`` (one value) without what identifies; ``REMOVED`` if nothing is left."""
        return self._cached(text, True)

    def retained(self, text: str) -> str:
        """``text`` of an attribute that is kept: only known values of the study are taken out."""
        return self._cached(text, False)

    def _cached(self, text: str, patterns: bool) -> str:
        found = self._done.get((text, patterns))
        if found is None:
            if len(self._done) > 20_000:
                self._done.clear()
            found = self._done[text, patterns] = self._cleaned(text, patterns)
        return found

    def _cleaned(self, text: str, patterns: bool) -> str:
        if UNREADABLE in text:
            return REMOVED
        cuts = [self._known] if self._known else []
        cuts += self._rules.patterns if patterns else ()
        # All look at the text as it was: what one takes out must not change what another sees.
        spans = sorted(match.span() for pattern in cuts for match in pattern.finditer(text))
        if not spans:
            return text
        cleaned = _without(text, spans)
        cleaned = GAPS.sub(" ", cleaned).strip(EDGES)
        return cleaned if any(c.isalnum() for c in cleaned) else REMOVED


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with a blank in the place of each span; spans are sorted by their beginning and may overlap."""
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = max(at, end)
    return " ".join([*kept, text[at:]])


def _known_pattern(known: Known, vocabulary: frozenset[str]) -> re.Pattern[str] | None:
    phrases = {phrase for phrase in known.phrases if phrase.lower() not in vocabulary}
    for name in known.names:
        phrases.update(_forms(name, vocabulary))
    if not phrases:
        return None
    longest_first = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return re.compile("|".join(map(_bounded, longest_first)), re.IGNORECASE)


def _forms(name: str, vocabulary: frozenset[str]) -> Iterator[str]:
    """The ways in which a person name may stand in a text."""
    for group in name.split("="):
        parts = [part for part in PARTS.split(group) if part]
        yield from _alone(parts, vocabulary)
        yield from _folded(_together(parts[:4]))
        for component in group.split("^"):
            if len(component.strip()) > SHORTEST_LATIN and " " in component.strip():
                yield component.strip()


def _alone(parts: Iterable[str], vocabulary: frozenset[str]) -> Iterator[str]:
    for part in parts:
        enough = 2 if CJK.search(part) else SHORTEST_LATIN
        if len(part) >= enough and part.lower() not in vocabulary:
            yield from _folded([part])


def _together(parts: list[str]) -> Iterator[str]:
    for one, other in permutations(parts, 2):
        if len(one) + len(other) >= SHORTEST_LATIN or CJK.search(one + other):
            for between in ("", " ", "^", ", ", "_", "-", "."):
                yield f"{one}{between}{other}"
    if len(parts) > 2:
        yield "".join(parts)


def _folded(forms: Iterable[str]) -> Iterator[str]:
    for form in forms:
        yield form
        plain = "".join(c for c in unicodedata.normalize("NFKD", form) if not unicodedata.combining(c))
        if plain != form:
            yield plain


def _bounded(phrase: str) -> str:
    """A pattern of the phrase as a word of its own; in scripts without spaces, anywhere."""
    body = re.escape(phrase).replace(r"\ ", r"\s+")
    before = r"(?<![^\W_])" if phrase[0].isalnum() and not CJK.match(phrase[0]) else ""
    after = r"(?:['’]s)?(?![^\W_])" if phrase[-1].isalnum() and not CJK.match(phrase[-1]) else ""
    return f"{before}{body}{after}"
