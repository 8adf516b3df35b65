"""Runs the explorer's server in a thread of the test's process, and asks it."""

import contextlib
import http.client
import json
import socket
import threading
import time
from dataclasses import dataclass, field

from pgan_tf.explore.listening import Listening, listen
from pgan_tf.explore.painting import Painter
from pgan_tf.explore.server import Turns, make_app, make_server

PAGE = "<!DOCTYPE html><title>Explorer</title>"


@dataclass
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage = field(repr=False)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Served:
    """A running server."""

    listening: Listening
    painter: Painter
    turns: Turns
    connections: set

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listening.port}"

    def ask(self, method, path, body=None, **headers) -> Answer:
        """Sends a request; headers are given as `sec_fetch_site="none"`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.listening.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read(), response.headers)

    def images(self, said, **headers) -> Answer:
        """Asks for images; `said` is sent as JSON, or unchanged if it is bytes."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        headers.setdefault("content_type", "application/json")
        return self.ask("POST", "/api/images", body, **headers)

    def raw(self, head, *parts) -> bytes:
        """Sends text or bytes as they are; returns the whole answer."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.listening.port), timeout=60) as connection:
            # The server may close the connection before it has read everything.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                for part in (head.encode() if isinstance(head, str) else head, *parts):
                    connection.sendall(part)
            with contextlib.suppress(ConnectionResetError):
                while got := connection.recv(1 << 16):
                    answer += got
        return answer


@contextlib.contextmanager
def running(loaded, token=None, facts=None, page=PAGE):
    """Serves a snapshot while the block runs."""
    listening, painter, turns = listen("127.0.0.1", 0), Painter(loaded), Turns()
    server = make_server(make_app(painter, facts or {"name": "<b>"}, page, token, turns))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]})
    thread.start()
    try:
        yield Served(listening, painter, turns, server.server_state.connections)
    finally:
        server.should_exit = True
        thread.join()
        painter.close()
        listening.socket.close()


def wait_until(is_true, seconds=60):
    """Waits until a function returns something true."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"not true after {seconds} s"
        time.sleep(0.02)
