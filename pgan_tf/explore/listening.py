"""The server's socket and its connections: opened before anything slow, none of them for ever."""

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
"""How long a connection may take until its request's headers, then until its body are there."""
STALLED_SECONDS = 30.0
"""How long a client may leave an answer, or a part of 64 KiB of it, unread."""
MOST_CONNECTIONS = 128
"""Connections at a time whose requests are answered; twice as many are kept open."""

_LOOK_FURTHER = 20  # ports


class PortInUseError(UserError):
    """Another program has the port; `free` is the next one that none has."""

    def __init__(self, port: int, free: int):
        super().__init__(f"port {port} is in use; port {free} is free")
        self.free = free


@dataclass(frozen=True)
class Listening:
    """An open socket.

    Attributes:
      socket: takes connections, which wait until they are served.
      host, port: it is reached by.
      is_private: whether only this machine reaches it.
    """

    socket: socket.socket
    host: str
    port: int
    is_private: bool

    def address(self, token: str | None = None) -> str:
        """Returns the address of the page, for a browser."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.port}/" + (f"?token={token}" if token else "")


def listen(host: str, port: int) -> Listening:
    """Opens a socket for a server.

    Args:
      host: an address of this machine, or a name that stands for one.
      port: 0 for any that is free.
    Raises: PortInUseError; UserError for a host that is not this machine's, or a port that is the
      system's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise UserError(f"--host {host}: no such host; 127.0.0.1 is this computer") from None
    try:
        opened = _opened(family, kind, protocol, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = _free_port(family, kind, protocol, address)
            raise PortInUseError(port, free) from None
        if error.errno == errno.EACCES:
            raise UserError(f"--port {port} is the system's; take one from 1024 on") from None
        raise UserError(
            f"--host {host} is no address of this computer ({error.strerror}); 127.0.0.1 is, for"
            " this computer alone, and 0.0.0.0 stands for all it has"
        ) from None
    if ipaddress.ip_address(address[0]).is_unspecified:  # all addresses of this computer
        host = socket.gethostname()
    is_private = is_loopback(address[0])
    if is_private and not is_loopback(host.lower()):  # a name of this computer's own
        host = address[0]  # by which requests are let through
    return Listening(opened, host, opened.getsockname()[1], is_private)


def _opened(family: int, kind: int, protocol: int, address: tuple) -> socket.socket:
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
    """Returns the next port that is free; any other where the next ones are not."""
    host, port, *rest = address
    for candidate in [*range(port + 1, min(port + _LOOK_FURTHER, 65535) + 1), 0]:
        try:
            opened = _opened(family, kind, protocol, (host, candidate, *rest))
        except OSError:
            continue
        with opened:
            return opened.getsockname()[1]
    return port


class Connection(H11Protocol):
    """Uvicorn's connection, which is closed when its client keeps it waiting."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Gives the client a time for its request, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > 2 * MOST_CONNECTIONS:
            transport.abort()
        else:
            self._expect(REQUEST_SECONDS, self._drop_unless_asked)

    def pause_writing(self) -> None:
        """Gives the client a time to read what was sent."""
        super().pause_writing()
        self._expect(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Is called when most of it was read."""
        super().resume_writing()
        self._forget()
        if self.cycle is not None and self.cycle.response_complete:
            self._expect(STALLED_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Gives the client a time to read the rest."""
        super().on_response_complete()
        self._expect(STALLED_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Is called when the connection is closed, by either side."""
        super().connection_lost(exc)
        self._forget()

    def _expect(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._forget()
        self._timer = self.loop.call_later(seconds, otherwise)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop_unless_asked(self) -> None:
        if self.cycle is None:
            self.transport.abort()
