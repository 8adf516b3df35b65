"""Who may ask the server: checks before every request, and what every answer says to browsers."""

import ipaddress
import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgan_tf.explore.asking import RefusedError

ANSWERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Connection": "close",
}
"""Headers of every answer, unless it has its own; a connection serves one request."""


class Guard:
    """Lets requests through that come from the server's own page, or from no page.

    - The Host header names this machine's own address, so that no other site can be made to
      resolve to it and read the answers (DNS rebinding). With a token any name will do, since
      such a site does not know it.
    - A browser that says which page asks (Origin, Sec-Fetch-Site) has to name the server's own.
      A link on another page may lead to the server's page.
    - The token, if there is one, stands in the address (`?token=`) or in `Authorization: Bearer`.

    Args:
      app: what answers.
      token: without which nothing is answered; None for none.
    """

    def __init__(self, app: ASGIApp, token: str | None = None):
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 400, 401 or 403 in one line, or lets the request through."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ANSWERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._app
        try:
            self._check(scope)
        except RefusedError as refused:
            answer = PlainTextResponse(f"{refused}\n", refused.status)
        await answer(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = _only(headers, "host")
        if self._token is None and not is_loopback(_name(host)):
            raise RefusedError(
                403, f"this server is not {host[:80]!r}; open the address it printed"
            )
        self._check_page(scope, headers, host)
        if self._token is not None and not self._knows_token(scope, headers):
            raise RefusedError(
                401, "open the whole address that the server printed, with its ?token="
            )

    def _check_page(self, scope: Scope, headers: Headers, host: str) -> None:
        origins = headers.getlist("origin")
        site = headers.get("sec-fetch-site", "none")
        is_link = (
            not origins
            and scope["method"] == "GET"
            and scope["path"] == "/"
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        if is_link:
            return
        if any(origin != f"http://{host}" for origin in origins):
            raise RefusedError(403, "pages of other sites can't use this server")
        if site not in ("none", "same-origin"):
            raise RefusedError(403, "pages of other sites can't use this server")

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        try:
            query = parse_qs(scope["query_string"].decode("latin1"), max_num_fields=16)
        except ValueError:  # more fields
            return False
        said = [*query.get("token", []), headers.get("authorization", "").removeprefix("Bearer ")]
        # Bytes, since text has to be ASCII to be compared in constant time.
        token = self._token.encode()
        return any([secrets.compare_digest(text.encode(), token) for text in said])


def is_loopback(name: str) -> bool:
    """Returns whether a host's name or address stands for this machine and no other."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _only(headers: Headers, name: str) -> str:
    """Returns the value of a header that has to be there once."""
    values = headers.getlist(name)
    if len(values) != 1:
        raise RefusedError(400, f"a request has one {name} header")
    return values[0].lower()


def _name(host: str) -> str:
    """Returns the name of `name:port`, `[address]:port` or either without a port; "" for others."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises for what is none
    except ValueError:
        return ""
    return parts.hostname or "" if parts.netloc == host and "@" not in host else ""
