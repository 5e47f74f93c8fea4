"""``/docs``: Swagger UI over every contract that a process serves."""

from __future__ import annotations

import html
from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from web.contracts import Contract, source

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" type="image/png" sizes="32x32" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"><link rel="stylesheet" href="/docs/page.css"></head><body>
<header><h1>{title}</h1><a href="/">Back to the start</a></header><main id="ui"></main>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/swagger-ui-standalone-preset.js"></script><script src="/docs/start.js"></script></body></html>
"""
STYLE = """body { margin: 0; font-family: system-ui, sans-serif; background: #fff; color: #17262b; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; padding: .75rem 1.25rem; }
header h1 { font-size: 1.1rem; margin: 0; } header a { color: #0f5f6b; }
:focus-visible { outline: 3px solid #e08a00 !important; outline-offset: 2px; }
"""
START = """SwaggerUIBundle({{urls: {urls}, dom_id: "#ui", deepLinking: true, validatorUrl: null,
presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset], layout: "StandaloneLayout"}});
"""


def routes(name: str, contracts: Sequence[Contract]) -> list[BaseRoute]:
    """Routes of the page, its assets and the contracts as they are in ``specs/``."""
    served = {contract.name: contract.base_path for contract in contracts}
    urls = orjson.dumps([{"url": f"/docs/contracts/{name}.yaml", "name": name} for name in served]).decode()

    async def page(_request: Request) -> Response:
        return HTMLResponse(PAGE.format(title=html.escape(f"{name}: contracts")))

    async def style(_request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def start(_request: Request) -> Response:
        return Response(START.format(urls=urls), media_type="text/javascript")

    async def contract(request: Request) -> Response:
        wanted = request.path_params["name"]
        if wanted not in served:
            return Response(status_code=404)
        based = source(wanted) + f"\nservers: [{{url: {served[wanted]}}}]\n".encode()
        return Response(based, media_type="application/yaml")

    return [
        Route("/docs", page),
        Route("/docs/page.css", style),
        Route("/docs/start.js", start),
        Route("/docs/contracts/{name}.yaml", contract),
        Mount("/docs/assets", StaticFiles(directory=swagger_ui_path)),
    ]
