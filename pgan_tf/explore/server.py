"""HTTP server of the explorer page and its images."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pgan_tf.explore import asking, listening
from pgan_tf.explore.asking import RefusedError
from pgan_tf.explore.guarding import Guard
from pgan_tf.explore.painting import Painter

MOST_OF_A_CLIENT = 2
"""Image requests in progress from one address: one is computed or sent while one waits."""
MOST_IN_ALL = 16
"""Image requests in progress from all clients together."""

_CHUNK = 1 << 16  # bytes of an answer sent at a time
_LOG = logging.getLogger("pgan_tf.explore")


class Turns:
    """Counts image requests in progress, so that no client keeps the others waiting long.

    Attributes:
      of_client: client address -> number of its requests in progress.
    """

    def __init__(self) -> None:
        self.of_client: dict[str, int] = {}

    def enter(self, client: str) -> None:
        """Adds a request of a client.

        Raises: RefusedError if the client (429) or all clients together (503) have too many.
        """
        count = self.of_client.get(client, 0)
        if count >= MOST_OF_A_CLIENT:
            raise RefusedError(
                429, "your computer has two requests in progress; ask again when one is done", 1
            )
        if sum(self.of_client.values()) >= MOST_IN_ALL:
            raise RefusedError(503, "too many computers are asking for images; try again later", 1)
        self.of_client[client] = count + 1

    def leave(self, client: str) -> None:
        """Removes a finished request of a client."""
        self.of_client[client] -= 1
        if not self.of_client[client]:
            del self.of_client[client]


class ImagesEndpoint:
    """POST api/images: JSON in (`asking.parse`), the bytes of uint8 [n, r, r, C] out.

    The headers X-Count, X-Height, X-Width and X-Channels hold the shape.
    """

    def __init__(self, painter: Painter, turns: Turns):
        self._painter = painter
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, which counts as in progress until its images are sent."""
        request = Request(scope, receive, send)
        client = request.client.host if request.client else ""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise HTTPException(415, "send JSON, with the content type application/json")
        try:
            body = await read_body(request, self._painter.limits.body)
            wanted = asking.parse(body, self._painter.limits)
            self._turns.enter(client)
        except ClientDisconnect:
            return
        try:
            images = await self._painter.paint(wanted, request.is_disconnected)
            if images is not None:
                await _answer(images)(scope, receive, send)
        finally:
            self._turns.leave(client)


async def read_body(request: Request, most: int) -> bytes:
    """Returns a request's body.

    Raises: RefusedError if it is larger than `most` bytes (413) or takes longer than
      `listening.REQUEST_SECONDS` (408). If the request announces its length, a body that is too
      large is refused before it is read.
    """
    too_large = RefusedError(413, f"a request may have at most {most} bytes")
    length = request.headers.get("content-length", "0")
    if len(length) > 12 or int(length) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(listening.REQUEST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise RefusedError(408, "the request took too long to arrive") from None
    return bytes(body)


def _answer(images: np.ndarray) -> StreamingResponse:
    content = memoryview(np.ascontiguousarray(images)).cast("B")

    async def chunks() -> AsyncIterator[bytes]:
        for first in range(0, len(content), _CHUNK):
            yield bytes(content[first : first + _CHUNK])

    names = ("X-Count", "X-Height", "X-Width", "X-Channels")
    shape = {name: str(size) for name, size in zip(names, images.shape, strict=True)}
    headers = {**shape, "Content-Length": str(len(content))}
    return StreamingResponse(chunks(), headers=headers, media_type="application/octet-stream")


def make_app(
    painter: Painter,
    facts: Mapping[str, Any],
    page: str,
    token: str | None = None,
    turns: Turns | None = None,
) -> ASGIApp:
    """Returns the server's application: GET /, GET api/info, POST api/images, nothing else.

    Args:
      painter: makes the images.
      facts: answer of api/info; must be serializable as JSON.
      page: the page's HTML.
      token: required in every request; None to require none.
      turns: counter of image requests; None for a new one.
    """

    async def index(_: Request) -> HTMLResponse:
        # The page holds its own policy, but only a header can forbid frames around the page.
        return HTMLResponse(page, headers={"Content-Security-Policy": "frame-ancestors 'none'"})

    async def info(_: Request) -> JSONResponse:
        return JSONResponse(facts)

    def http_error(_: Request, error: HTTPException) -> PlainTextResponse:
        return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)

    def refused(_: Request, error: RefusedError) -> PlainTextResponse:
        seconds = error.retry_seconds
        headers = None if seconds is None else {"Retry-After": str(seconds)}
        return PlainTextResponse(f"{error}\n", error.status, headers)

    def failed(request: Request, error: Exception) -> PlainTextResponse:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return PlainTextResponse("the server failed; its terminal shows the error\n", 500)

    app = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/api/info", info, methods=["GET"]),
            Route("/api/images", ImagesEndpoint(painter, turns or Turns()), methods=["POST"]),
        ],
        exception_handlers={HTTPException: http_error, RefusedError: refused, Exception: failed},
    )
    app.router.redirect_slashes = False
    return Guard(app, token)


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Returns a server of the application; start it with `server.run(sockets=[...])`."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=listening.Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=listening.MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
        )
    )
