"""Checks who may use the server, and sets the security headers of every answer."""

import ipaddress
import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgan_tf.explore.asking import RefusedError

ANSWER_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Connection": "close",
}
"""Headers of every answer that does not set them itself; a connection serves one request."""


class Guard:
    """Passes on requests from the server's own page, or from no page; refuses all others.

    - The Host header must be this machine's own address. Otherwise another site's name could
      resolve to this machine, and the site could read the answers (DNS rebinding). With a token
      any host name is allowed, since such a site does not know the token.
    - If a browser says which page sends the request (Origin, Sec-Fetch-Site), it must be the
      server's own page. A link on another page may lead to the server's page.
    - The token, if one is set, must be in the address (`?token=`) or in `Authorization: Bearer`.

    Args:
      app: the application that answers the requests.
      token: required in every request; None to require none.
    """

    def __init__(self, app: ASGIApp, token: str | None = None):
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or refuses it in one line with status 400, 401 or 403."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ANSWER_HEADERS.items():
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
        host = _single_header(headers, "host")
        if self._token is None and not is_loopback(_host_name(host)):
            raise RefusedError(
                403, f"this server is not {host[:80]!r}; open the address that it printed"
            )
        self._check_page(scope, headers, host)
        if self._token is not None and not self._has_token(scope, headers):
            raise RefusedError(
                401, "open the whole address that the server printed, including ?token=..."
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

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        try:
            query = parse_qs(scope["query_string"].decode("latin1"), max_num_fields=16)
        except ValueError:  # more than 16 fields
            return False
        sent = [*query.get("token", []), headers.get("authorization", "").removeprefix("Bearer ")]
        # compare_digest takes text only if it is ASCII, so compare bytes.
        token = self._token.encode()
        return any([secrets.compare_digest(text.encode(), token) for text in sent])


def is_loopback(name: str) -> bool:
    """Returns whether a host name or address is a loopback one: this machine and no other."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _single_header(headers: Headers, name: str) -> str:
    """Returns the value of a header, in lower case.

    Raises: RefusedError (400) unless the request has this header exactly once.
    """
    values = headers.getlist(name)
    if len(values) != 1:
        raise RefusedError(400, f"a request must have one {name} header")
    return values[0].lower()


def _host_name(host: str) -> str:
    """Returns the name in `name:port`, `[address]:port` or either without a port; else ""."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return ""
    return parts.hostname or "" if parts.netloc == host and "@" not in host else ""
