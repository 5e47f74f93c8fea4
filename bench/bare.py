"""The peer of the DRS benchmark: a bare Starlette handler that returns fixed bytes, on the node's own server."""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.serve import bind, serve


def application(content: bytes) -> Starlette:
    """Answers every path with ``content`` as JSON."""

    async def answer(_request: Request) -> Response:
        return Response(content, media_type="application/json")

    return Starlette(routes=[Route("/{path:path}", answer)])


def main() -> None:
    """``python -m bench.bare FOLDER PORT``: serve ``FOLDER/answer.json``."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    serve(application((folder / "answer.json").read_bytes()), bind("127.0.0.1", port), grace_seconds=1)


if __name__ == "__main__":
    main()
