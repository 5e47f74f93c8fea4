"""The operations of ``specs/dicomweb.yaml``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial

import anyio.to_thread
import orjson
from connexion.lifecycle import ConnexionResponse
from starlette.responses import Response

from adapters.catalog.held import Held
from adapters.catalog.images import Images, Level, Match
from adapters.dicom.layout import NoSuchFrame
from auth.caller import Caller
from auth.clearinghouse import Clearinghouse
from node.delivery import CACHE
from node.dicomweb import accept, attributes, question
from node.dicomweb.accept import Accepted
from node.dicomweb.access import Access
from node.dicomweb.objects import Objects
from node.dicomweb.parts import begun
from node.dicomweb.pixels import Pixels
from node.dicomweb.retrieval import Retrieval
from web.errors import Failure
from web.request import header, parameters

TOGETHER = 16  # headers that are read and sent together
Answer = Callable[[Sequence[Held], Sequence[Accepted]], Awaitable[Response]]

DIRECT = frozenset(
    {
        "search_studies",
        "search_all_series",
        "search_all_instances",
        "search_series",
        "search_instances",
        "search_series_instances",
        "retrieve_study",
        "retrieve_series",
        "retrieve_instance",
        "retrieve_frames",
        "retrieve_bulk_data",
        "study_metadata",
        "series_metadata",
        "instance_metadata",
    }
)


class DicomWeb:
    """Handler of the DICOMweb contract."""

    def __init__(self, images: Images, access: Access, objects: Objects, clearinghouse: Clearinghouse) -> None:
        self._images = images
        self._access = access
        self._objects = objects
        self._retrieval = Retrieval(objects)
        self._pixels = Pixels(objects)
        self._clearinghouse = clearinghouse

    async def search_studies(self) -> ConnexionResponse:
        """Studies that match."""
        return await self._search("study")

    async def search_all_series(self) -> ConnexionResponse:
        """Series that match, of any study."""
        return await self._search("series")

    async def search_all_instances(self) -> ConnexionResponse:
        """Instances that match, of any study."""
        return await self._search("instance")

    async def search_series(self, study: str) -> ConnexionResponse:
        """Series of a study that match."""
        return await self._search("series", study)

    async def search_instances(self, study: str) -> ConnexionResponse:
        """Instances of a study that match."""
        return await self._search("instance", study)

    async def search_series_instances(self, study: str, series: str) -> ConnexionResponse:
        """Instances of a series that match."""
        return await self._search("instance", study, series)

    async def retrieve_study(self, study: str) -> Response:
        """The objects of a study, as parts or as a ZIP."""
        return await self._answer(self._retrieval.objects, study)

    async def retrieve_series(self, study: str, series: str) -> Response:
        """The objects of a series, as parts or as a ZIP."""
        return await self._answer(self._retrieval.objects, study, series)

    async def retrieve_instance(self, study: str, series: str, instance: str) -> Response:
        """One object."""
        return await self._answer(self._retrieval.one, study, series, instance)

    async def store_instances(self) -> Response:
        """Store objects: not here (see :class:`node.dicomweb.storing.Storing`)."""
        raise Failure(405, "this node takes no images in", headers={"Allow": "GET"})

    async def store_study_instances(self, study: str) -> Response:  # noqa: ARG002 - the contract gives it
        """Store objects of one study: not here."""
        return await self.store_instances()

    async def study_metadata(self, study: str) -> Response:
        """Headers of the objects of a study, as JSON."""
        return await self._answer(self._metadata, study)

    async def series_metadata(self, study: str, series: str) -> Response:
        """Headers of the objects of a series, as JSON."""
        return await self._answer(self._metadata, study, series)

    async def instance_metadata(self, study: str, series: str, instance: str) -> Response:
        """Header of an object, as JSON."""
        return await self._answer(self._metadata, study, series, instance)

    async def retrieve_frames(self, study: str, series: str, instance: str, frames: str) -> Response:
        """Frames of an object, by their numbers."""
        return await self._answer(partial(self._pixels.frames, frames), study, series, instance)

    async def retrieve_bulk_data(self, study: str, series: str, instance: str, tag: str) -> Response:
        """A large value of an object."""
        return await self._answer(partial(self._pixels.bulk, tag), study, series, instance)

    async def render_instance(self, study: str, series: str, instance: str) -> Response:
        """The first frame of an object as a picture."""
        return await self._answer(partial(self._pixels.rendered, "1", parameters()), study, series, instance)

    async def render_frames(self, study: str, series: str, instance: str, frames: str) -> Response:
        """A frame of an object as a picture."""
        return await self._answer(partial(self._pixels.rendered, frames, parameters()), study, series, instance)

    async def study_thumbnail(self, study: str) -> Response:
        """A small picture of a study: of the object in the middle."""
        return await self._answer(self._pixels.thumbnail, study)

    async def series_thumbnail(self, study: str, series: str) -> Response:
        """A small picture of a series: of the object in the middle."""
        return await self._answer(self._pixels.thumbnail, study, series)

    async def instance_thumbnail(self, study: str, series: str, instance: str) -> Response:
        """A small picture of an object."""
        return await self._answer(self._pixels.thumbnail, study, series, instance)

    async def _caller(self) -> Caller:
        return await self._clearinghouse.bearer(header(b"authorization"))

    async def _answer(self, made: Answer, *uids: str) -> Response:
        """What ``made`` makes of the files of a study, series or instance that the caller may have."""
        caller = await self._caller()
        wanted = _accepted()
        try:
            return await made(await self._access.objects(caller, *uids), wanted)
        except NoSuchFrame as error:
            raise Failure(404, str(error)) from error

    async def _search(self, level: Level, study: str | None = None, series: str | None = None) -> ConnexionResponse:
        asked = question.parsed(level, parameters())
        accept.as_json(_accepted())
        caller = await self._caller()
        if study is not None:
            await self._access.objects(caller, study, series)
        return await anyio.to_thread.run_sync(self._found, level, asked, caller, study, series)

    def _found(
        self, level: Level, asked: question.Question, caller: Caller, study: str | None, series: str | None
    ) -> ConnexionResponse:
        within = [Match("StudyInstanceUID", (study,))] if study else []
        within += [Match("SeriesInstanceUID", (series,))] if series else []
        found = []
        if not asked.nothing:
            datasets = self._access.datasets(caller)
            matches = [*within, *asked.matches]
            found = self._images.search(level, matches, datasets, limit=asked.limit + 1, offset=asked.offset)
        warnings = [question.FUZZY] if asked.fuzzy else []
        warnings += [question.MORE] if len(found) > asked.limit else []
        rows = [attributes.document(one, level, self._objects.base) for one in found[: asked.limit]]
        headers = {"Warning": ", ".join(text.format(base=self._objects.base) for text in warnings)} if warnings else {}
        return ConnexionResponse(
            body=orjson.dumps(rows),
            mimetype=accept.JSON,
            content_type=accept.JSON,
            headers={"Cache-Control": CACHE, **headers},
        )

    async def _metadata(self, objects: Sequence[Held], wanted: Sequence[Accepted]) -> Response:
        accept.as_json(wanted)
        return await begun(self._documents(objects), {"Content-Type": accept.JSON})

    async def _documents(self, objects: Sequence[Held]) -> AsyncGenerator[bytes, None]:
        """A JSON array of headers, some of them a piece."""
        lead = b"["
        for start in range(0, len(objects), TOGETHER):
            yield lead + b",".join(await self._objects.documents(objects[start : start + TOGETHER]))
            lead = b","
        yield b"]"


def _accepted() -> Sequence[Accepted]:
    return accept.accepted(header(b"accept"), tuple(value for name, value in parameters() if name == "accept"))
