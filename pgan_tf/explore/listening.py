"""The server's socket, opened before the networks are loaded, and its connections' time limits."""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.h11_impl import H11Protocol

from pgan_tf.errors import UserError
from pgan_tf.explore.guarding import is_loopback

REQUEST_SECONDS = 10.0
"""How long a client may take to send a request's headers, and then to send its body."""
STALLED_SECONDS = 30.0
"""How long a client may leave an answer, or a part of 64 KiB of it, unread."""
MOST_CONNECTIONS = 128
"""Open connections from which on requests get status 503; beyond twice as many, new ones close."""

_PORTS_TRIED = 20  # above a port that is in use


class PortInUseError(UserError):
    """Raised when another program uses the port; `free` is a port that none uses."""

    def __init__(self, port: int, free: int):
        super().__init__(f"port {port} is in use; port {free} is free")
        self.free = free


@dataclass(frozen=True)
class Listening:
    """An open socket.

    Attributes:
      socket: accepts connections, which wait until a server serves them.
      host, port: where browsers reach it.
      is_private: whether only this machine can reach it.
    """

    socket: socket.socket
    host: str
    port: int
    is_private: bool

    def address(self, token: str | None = None) -> str:
        """Returns the page's address for a browser, with the token if there is one."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}/" + (f"?token={token}" if token else "")


def listen(host: str, port: int) -> Listening:
    """Opens a socket for a server.

    Args:
      host: an address of this machine, or a name of such an address.
      port: the port to listen on; 0 for any free one.
    Raises: PortInUseError if the port is in use; UserError if the host is not this machine's, or
      the port is reserved for the system.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise UserError(f"--host {host}: no such host; 127.0.0.1 is this computer") from None
    try:
        opened = _open_socket(family, kind, protocol, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _free_port(family, kind, protocol, address)
            raise PortInUseError(port, free) from None
        if error.errno == errno.EACCES:
            raise UserError(
                f"--port {port} is reserved for the system; choose one from 1024 up"
            ) from None
        raise UserError(
            f"--host {host} is not an address of this computer ({error.strerror}); use 127.0.0.1"
            " for this computer alone, or 0.0.0.0 for all its addresses"
        ) from None
    if ipaddress.ip_address(address[0]).is_unspecified:  # all addresses of this computer
        host = socket.gethostname()
    is_private = is_loopback(address[0])
    if is_private and not is_loopback(host.lower()):  # this computer's name in its own network
        host = address[0]  # Guard would refuse requests for the name
    return Listening(opened, host, opened.getsockname()[1], is_private)


def _open_socket(family: int, kind: int, protocol: int, address: tuple) -> socket.socket:
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except BaseException:
        opened.close()
        raise
    return opened


def _free_port(family: int, kind: int, protocol: int, address: tuple) -> int:
    """Returns the next free port; if the next 20 are in use, any free port."""
    host, port, *rest = address
    for candidate in [*range(port + 1, min(port + _PORTS_TRIED, 65535) + 1), 0]:
        try:
            opened = _open_socket(family, kind, protocol, (host, candidate, *rest))
        except OSError:
            continue
        with opened:
            return opened.getsockname()[1]
    return port


class Connection(H11Protocol):
    """Uvicorn's connection, with a time limit for each thing the client has to do."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Starts the time limit for the request, or closes one connection too many."""
        super().connection_made(transport)
        if len(self.connections) > 2 * MOST_CONNECTIONS:
            transport.abort()
        else:
            self._start_timer(REQUEST_SECONDS, self._close_without_request)

    def pause_writing(self) -> None:
        """Starts the time limit for reading what was sent."""
        super().pause_writing()
        self._start_timer(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends the time limit, since the client has read most of what was sent."""
        super().resume_writing()
        self._stop_timer()
        if self.cycle is not None and self.cycle.response_complete:
            self._start_timer(STALLED_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Starts the time limit for reading the rest of the answer."""
        super().on_response_complete()
        self._start_timer(STALLED_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the time limit; either side may have closed the connection."""
        super().connection_lost(exc)
        self._stop_timer()

    def _start_timer(self, seconds: float, on_timeout: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, on_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_without_request(self) -> None:
        if self.cycle is None:
            self.transport.abort()
