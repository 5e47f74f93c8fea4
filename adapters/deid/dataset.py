"""The same rules over pydicom's data sets: for big-endian files, and the oracle of the byte path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.uid import UID

from adapters.deid import vr as representations
from adapters.deid.charset import DELIMITERS
from adapters.deid.errors import Reason, Refused
from adapters.deid.facts import TAGS, Facts
from adapters.deid.known import Known
from adapters.deid.marks import marks
from adapters.deid.meta import OUR_CLASS, OUR_NAME
from adapters.deid.objects import Order, Read, Written, look_at, place
from adapters.deid.private import Basis, Keeper, declared_safe
from adapters.deid.rewrite import Kept, private_action
from adapters.deid.rules import Action, PrivateTag, Profile
from adapters.deid.values import STRINGS, Subject
from adapters.deid.walker import PIXEL_DATA
from adapters.quiet import unwarned

UNREADABLE = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    EOFError,
    KeyError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


def read(path: Path, profile: Profile) -> Read:
    """See :meth:`adapters.deid.objects.Reader.read`."""
    data = _load(path, profile)
    facts = facts_of(data)
    facts.check(profile)
    known = Known()
    for inside in _all(data):
        for tag in list(inside._dict):
            vr = vr_of(inside, tag)
            if vr in STRINGS and not tag.is_private:
                known.note(profile, int(tag), vr, text_of(inside, tag))
    return Read(facts, known)


def deidentify(path: Path, order: Order, subject: Subject, known: Known) -> tuple[Written, Kept]:
    """See :meth:`adapters.deid.objects.Writer.write`; with the private elements kept."""
    data = _load(path, subject.profile)
    facts = facts_of(data)
    facts.check(subject.profile)
    if look_at(path, facts, subject.profile, order.look):
        raise Refused(Reason.TEXT_IN_PIXELS, "text in big-endian pixel data, which is not written anew")
    rewriter = Rewriter(subject, Keeper(subject.profile, known, frozenset(declared(data))), data)
    rewriter.rewrite(data)
    for tag, (vr, value) in marks(subject.profile, pixels=facts.pixels is not None).items():
        data[tag] = _marked(tag, vr, value)
    instance = subject.keyed.uid(facts["sop_instance"])
    _set_meta(data, facts["sop_class"], instance)
    buffer = BytesIO()
    with unwarned:
        data.save_as(buffer, enforce_file_format=False)
    target = place(facts, subject)
    digest = order.out.written(target, [buffer.getvalue()], partial(order.claim, instance))
    return Written(target, digest, instance), rewriter.kept


def _load(path: Path, profile: Profile) -> FileDataset:
    if path.stat().st_size > profile.limit("inflated"):
        raise Refused(Reason.TOO_LARGE, "too large to be read as a whole")
    with unwarned:
        try:
            data = pydicom.dcmread(path)
            for inside in _all(data):  # sequences are read here, so that mistakes in them show
                for tag in list(inside._dict):
                    vr_of(inside, tag)
        except UNREADABLE as error:
            raise Refused(Reason.DAMAGED, f"cannot be read ({type(error).__name__})") from error
    return data


def _all(data: Dataset) -> Iterator[Dataset]:
    yield data
    for tag in list(data.keys()):
        if vr_of(data, tag) == "SQ":
            for item in data[tag].value or []:
                yield from _all(item)


def vr_of(data: Dataset, tag: Any) -> str:
    """The VR by which an element is treated; that of the dictionaries where the file says UN or nothing."""
    element = data.get_item(tag)
    assert element is not None
    if element.VR not in {None, "UN"}:
        return str(element.VR)[:2]
    if not tag.is_private:
        return representations.standard(int(tag))
    if 0x10 <= tag.element <= 0xFF:
        return "LO"
    creator = pydicom.tag.Tag(tag.group, tag.element >> 8)
    return representations.private(int(tag), text_of(data, creator)) if creator in data else "UN"


def text_of(data: Dataset, tag: Any) -> str:
    """The text of an element, all values, without padding."""
    element = data.get_item(tag)
    if isinstance(element, RawDataElement):
        encodings = data._character_set
        names = convert_encodings(encodings) if encodings else ["iso8859"]
        raw = element.value or b""
        return str(decode_bytes(raw, names, set(DELIMITERS))).rstrip(" \0")
    assert element is not None
    value = element.value
    values = value if isinstance(value, list | pydicom.multival.MultiValue) else [value]
    return "\\".join(str(getattr(v, "original_string", v)) for v in values if v is not None).rstrip(" \0")


def facts_of(data: Dataset) -> Facts:
    """What decides about the object."""
    texts = {}
    for number, name in TAGS.items():
        tag = pydicom.tag.Tag(number)
        if tag in data:
            is_text = vr_of(data, tag) in STRINGS
            texts[name] = text_of(data, tag) if is_text else str(data[tag].value if data[tag].value is not None else "")
    pixels = None
    if PIXEL_DATA in data:
        encapsulated = data.file_meta.TransferSyntaxUID.is_encapsulated
        pixels = -1 if encapsulated else len(data.get_item(PIXEL_DATA).value or b"")
    overlay = any(
        tag.group >> 8 == 0x60 and not tag.is_private and tag.element == 0x0102 and data[tag].value
        for tag in data._dict
    )
    return Facts(texts, pixels, overlay)


def declared(data: Dataset) -> Iterable[PrivateTag]:
    """Private elements that (0008,0300) declares safe."""
    for item in data.get("PrivateDataElementCharacteristicsSequence", []):
        if {"PrivateGroupReference", "PrivateCreatorReference", "BlockIdentifyingInformationStatus"} <= set(item.dir()):
            listed = item.get("NonidentifyingPrivateElements") or []
            elements = [listed] if isinstance(listed, int) else listed
            status = str(item.BlockIdentifyingInformationStatus)
            yield from declared_safe(item.PrivateGroupReference, item.PrivateCreatorReference, status, elements)


class Rewriter:
    """Rewrites a data set in place; see :class:`adapters.deid.rewrite.Rewriter`."""

    def __init__(self, subject: Subject, keeper: Keeper, data: Dataset) -> None:
        self._subject = subject
        self._keeper = keeper
        self._order = "<" if data.original_encoding[1] else ">"
        self.kept: Kept = Counter()

    def rewrite(self, data: Dataset, *, dummy: bool = False) -> None:
        """Apply the rules to every element; with ``dummy`` nothing of its own is left."""
        private = set() if dummy else self._private(data)
        for tag in list(data.keys()):
            if tag.is_private:
                if tag not in private:
                    del data[tag]
                continue
            vr = vr_of(data, tag)
            action = self._subject.profile.action(int(tag), vr)
            if dummy and tag.element:
                action = Action.DUMMY
            self._apply(data, tag, vr, action)

    def _apply(self, data: Dataset, tag: Any, vr: str, action: Action) -> None:
        if action is Action.REMOVE:
            del data[tag]
        elif vr == "SQ":
            self._sequence(data, tag, action)
        elif vr in STRINGS:
            text = text_of(data, tag)
            new = self._subject.text(action, vr, text)
            if new != text:
                data[tag] = _element(tag, vr, new)
        elif action in {Action.CLEAN, Action.DATE}:
            del data[tag]
        elif action is not Action.KEEP:
            self._binary(data, tag, vr, action)

    def _binary(self, data: Dataset, tag: Any, vr: str, action: Action) -> None:
        raw = data.get_item(tag)
        length = raw.length if isinstance(raw, RawDataElement) else len(raw.value or b"")
        size = min(length, 8) + min(length, 8) % 2
        value = b"" if action is Action.EMPTY else bytes(size)
        little = self._order == "<"
        data[tag] = RawDataElement(tag, vr, len(value), value, 0, False, little)

    def _sequence(self, data: Dataset, tag: Any, action: Action) -> None:
        element = data[tag]
        if action in {Action.EMPTY, Action.ACCESSION}:
            data[tag] = DataElement(tag, "SQ", Sequence())
            return
        for item in element.value or []:
            self.rewrite(item, dummy=action is Action.DUMMY)

    def _private(self, data: Dataset) -> set[Any]:
        kept = set()
        for tag in [tag for tag in data._dict if tag.is_private and tag.element > 0xFF]:
            creator_tag = pydicom.tag.Tag(tag.group, tag.element >> 8)
            if creator_tag not in data:
                continue
            creator = text_of(data, creator_tag).strip(" \0")
            if not creator or self._subject.cleaner.clean(creator) != creator:
                continue
            if self._private_element(data, tag, PrivateTag(creator, tag.group, tag.element & 0xFF)):
                kept |= {tag, creator_tag}
        return kept & set(data.keys())

    def _private_element(self, data: Dataset, tag: Any, name: PrivateTag) -> bool:
        raw = data.get_item(tag)
        value = raw.value if isinstance(raw, RawDataElement) or not raw.is_empty else b""
        vr = vr_of(data, tag)
        basis = self._keeper.basis(name, vr)
        if basis is None:
            if not isinstance(value, bytes | None) or not self._keeper.is_harmless(vr, value or b"", self._order):
                return False
            basis = Basis.NUMERIC
        else:
            self._apply(data, tag, vr, private_action(vr))
        self.kept[basis, name] += 1
        return True


def _element(tag: Any, vr: str, text: str) -> DataElement:
    values: Any = text.split("\\") if "\\" in text and vr not in {"LT", "ST", "UT", "UR"} else text
    return DataElement(tag, vr, values, validation_mode=config.IGNORE)


def _marked(tag: int, vr: str, value: Any) -> DataElement:
    if vr != "SQ":
        return DataElement(tag, vr, value)
    items = []
    for code in value:
        item = Dataset()
        for inner, (inner_vr, text) in code.items():
            item.add_new(inner, inner_vr, text)
        items.append(item)
    return DataElement(tag, "SQ", Sequence(items))


def _set_meta(data: FileDataset, sop_class: str, instance: str) -> None:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = data.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = UID(OUR_CLASS)
    meta.ImplementationVersionName = OUR_NAME
    meta.FileMetaInformationGroupLength = 0  # it is counted when the file is written
    data.file_meta = meta
    data.preamble = bytes(128)
