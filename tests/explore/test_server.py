"""What the server answers and what it refuses, over real connections."""

import contextlib
import json
import socket
import threading

import numpy as np
import pytest
import tensorflow as tf
from explorer_server import wait_until
from PIL import Image

from pgan_tf import latents
from pgan_tf.explore import listening, painting, server
from pgan_tf.generate import generate


def asked(seeds, label=None, lod=0.5, size=8):
    """Returns a request for the images of seeds."""
    return {"latents": latents.from_seeds(seeds, size).tolist(), "label": label, "lod": lod}


def pixels(answer):
    """Returns the images of an answer, uint8 [n, h, w, c]."""
    shape = [int(answer.headers[f"x-{name}"]) for name in ("count", "height", "width", "channels")]
    return np.frombuffer(answer.body, np.uint8).reshape(shape)


def test_images_are_those_of_generate(served, path, tmp_path):
    files = generate(path, tmp_path, range(7), class_name=1)
    expected = np.stack([np.asarray(Image.open(file)) for file in files])
    answer = served.images(asked(range(7), 1))
    assert answer.status == 200 and answer.headers["content-type"] == "application/octet-stream"
    np.testing.assert_array_equal(pixels(answer), expected)
    alone = [pixels(served.images(asked([seed], 1)))[0] for seed in range(3)]
    np.testing.assert_array_equal(alone, expected[:3])


def test_images_follow_the_lod_and_the_label(served, loaded):
    z = latents.from_seeds([3, 4], 8)
    for lod, label in ((1, 2), (1, None), (1.0, 0)):
        y = np.zeros([2, 3]) if label is None else latents.one_hot([label] * 2, 3)
        images = loaded.Gs(z, y, lod=float(lod))
        expected = np.clip(np.round(images.numpy() * 127.5 + 127.5), 0, 255)
        got = pixels(served.images(asked([3, 4], label, lod))).astype(float)
        assert got.shape == (2, 4, 4, 3)
        assert np.abs(got - expected).max() <= 1  # rounding at .5
    assert served.painter.limits.lods == (0.5, 1)


def test_serves_the_page_and_its_facts(served):
    page = served.ask("GET", "/")
    assert page.status == 200 and b"Explorer" in page.body
    assert page.headers["content-type"].startswith("text/html")
    info = served.ask("GET", "/api/info")
    assert json.loads(info.text) == {"name": "<b>"}
    assert info.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"", "the request is damaged: Expecting value"),
        (b"\xff\xfe{}", "the request is damaged"),
        (b"[" * 17_000, "nested too deep"),
        (b'{"latents": ' + b"[" * 17_000, "nested too deep"),
        (b"[]", "send an object"),
        (b"9" * 6000, "the request is damaged"),
        ({**asked([0]), "class": 1}, "unknown key 'class'; send latents, label and lod"),
        ({"lod": 1}, "send a list of 1 to 64 latents"),
        ({"latents": []}, "send a list of 1 to 64 latents"),
        ({"latents": [[0] * 8] * 65, "lod": 1}, "send a list of 1 to 64 latents"),
        ({"latents": {"0": [0] * 8}}, "send a list of 1 to 64 latents"),
        ({"latents": [[0] * 8, [0] * 7]}, "number 1 is not a list of 8 numbers"),
        ({"latents": [[0] * 9]}, "number 0 is not a list of 8 numbers"),
        ({"latents": ["00000000"]}, "number 0 is not a list of 8 numbers"),
        *(
            (b'{"latents": [[0, 0, 0, 0, 0, 0, 0, %s]], "lod": 1}' % bad, "number 0 must hold")
            for bad in (b"NaN", b"Infinity", b"1e999", b"-1e7", b'"1"', b"true", b"null", b"[1]",
                        b"9" * 4000)
        ),
        (asked([0], 3), "send a class from 0 to 2, or null"),
        (asked([0], -1), "send a class from 0 to 2, or null"),
        (asked([0], True), "send a class from 0 to 2, or null"),
        (asked([0], "cat"), "send a class from 0 to 2, or null"),
        (asked([0], lod=0), "send one of 0.5, 1"),
        (asked([0], lod=2), "send one of 0.5, 1"),
        (asked([0], lod="1"), "send one of 0.5, 1"),
        (asked([0], lod=None), "send one of 0.5, 1"),
        (asked([0], lod=True), "send one of 0.5, 1"),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_in_one_line(served, said, message):
    answer = served.images(said)
    assert answer.status == 400 and message in answer.text
    assert answer.text.count("\n") == 1 and len(answer.text) < 200


def test_only_json_requests_are_accepted(served):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert served.images(asked([0]), content_type=kind).status == 415
    assert served.images(asked([0]), content_type="application/json; charset=utf-8").status == 200


def test_nothing_else_is_served(served):
    for path in (
        "/index.html", "/api", "/api/info/", "//", "/../../../../etc/passwd", "/%2e%2e/etc/passwd",
        "/api/..%2f..%2fetc%2fpasswd", "/static/../server.py", "/pgan_tf/explore/server.py",
    ):  # fmt: skip
        answer = served.ask("GET", path)
        assert (answer.status, answer.text) == (404, "Not Found\n"), path
    for method, path in (("POST", "/"), ("PUT", "/api/images"), ("GET", "/api/images"),
                         ("OPTIONS", "/api/images"), ("DELETE", "/api/info")):  # fmt: skip
        answer = served.ask(method, path)
        assert answer.status == 405 and "access-control-allow-origin" not in answer.headers


def test_long_bodies_are_refused_early(served):
    most = served.painter.limits.body
    request = (
        f"POST /api/images HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
    )
    # Refused for the announced length, before any of the body is sent.
    for length in (most + 1, 10**11, 10**19):
        assert served.raw(request + f"Content-Length: {length}\r\n\r\n").startswith(
            b"HTTP/1.1 413 "
        )
    # Without an announced length: refused as soon as the body is too long.
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent = [chunk] * (most // 0x10000 + 1)
    answer = served.raw(request + "Transfer-Encoding: chunked\r\n\r\n", *sent)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"a request may have at most" in answer


def test_requests_that_are_not_http_are_refused(served):
    for said in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000):
        assert served.raw(said).startswith(b"HTTP/1.1 400 ")
    long = f"GET / HTTP/1.1\r\nHost: {served.host}\r\nX: {'a' * 200_000}\r\n\r\n"
    assert not served.raw(long).startswith(b"HTTP/1.1 2")
    assert served.ask("GET", "/").status == 200


def test_clients_that_stop_sending_are_dropped(served, monkeypatch):
    monkeypatch.setattr(listening, "REQUEST_SECONDS", 0.3)
    head = f"POST /api/images HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
    assert served.raw("") == b""  # says nothing
    assert served.raw("GET / HTTP/1.1\r\nHost: ") == b""  # stops within the headers
    answer = served.raw(head + 'Content-Length: 99\r\n\r\n{"latents": [')
    assert answer.startswith(b"HTTP/1.1 408 ") and b"took too long to arrive" in answer
    assert served.ask("GET", "/").status == 200


def test_connections_are_limited(served):
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            address = ("127.0.0.1", served.listening.port)
            stack.enter_context(socket.create_connection(address, timeout=60))
        wait_until(lambda: len(served.connections) == 256)
    wait_until(lambda: not served.connections)
    with contextlib.ExitStack() as stack:
        for _ in range(130):
            address = ("127.0.0.1", served.listening.port)
            stack.enter_context(socket.create_connection(address, timeout=60))
        wait_until(lambda: len(served.connections) == 130)
        assert served.ask("GET", "/").status == 503
    wait_until(lambda: not served.connections)
    assert served.ask("GET", "/").status == 200


def test_clients_that_do_not_read_are_dropped(served, monkeypatch):
    monkeypatch.setattr(listening, "STALLED_SECONDS", 0.3)
    many, answer = np.zeros([999, 64, 64, 3], np.uint8), server._answer
    monkeypatch.setattr(server, "_answer", lambda images: answer(many))
    body = json.dumps(asked([0], lod=1)).encode()
    head = (
        f"POST /api/images HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", served.listening.port))
        connection.sendall(head.encode() + body)
        wait_until(lambda: served.turns.of_client)
        wait_until(lambda: not served.turns.of_client and not served.connections)


@pytest.fixture
def held(served, monkeypatch):
    """An event that holds batches back until it is set, at the latest when the test ends."""
    go, batch = threading.Event(), served.painter._batch
    go.batches = 0

    def wait(*arguments):
        go.batches += 1
        go.wait(60)
        return batch(*arguments)

    monkeypatch.setattr(served.painter, "_batch", wait)
    yield go
    go.set()
    wait_until(lambda: not served.turns.of_client)


def test_a_client_may_have_two_requests_at_a_time(served, held):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(served.images(asked([0], lod=1))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: served.turns.of_client == {"127.0.0.1": 2})
    third = served.images(asked([0], lod=1))
    assert third.status == 429 and third.headers["retry-after"] == "1"
    assert third.text == "your computer has two requests in progress; ask again when one is done\n"
    assert served.ask("GET", "/api/info").status == 200  # while images are computed
    assert held.batches == 1
    held.set()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200, 200]
    assert held.batches == 2


def test_all_clients_together_are_limited():
    turns = server.Turns()
    for i in range(server.MOST_IN_ALL):
        turns.enter(f"10.0.0.{i}")
    with pytest.raises(server.RefusedError, match="too many computers") as refused:
        turns.enter("10.0.1.0")
    assert refused.value.status == 503
    turns.leave("10.0.0.1")
    turns.enter("10.0.1.0")


def test_images_for_a_client_that_left_are_not_computed(served, held):
    body = json.dumps(asked(range(64), lod=1)).encode()
    head = (
        f"POST /api/images HTTP/1.1\r\nHost: {served.host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.listening.port)) as connection:
        connection.sendall(head.encode() + body)
        wait_until(lambda: held.batches)
    wait_until(lambda: not served.connections)
    held.set()
    wait_until(lambda: not served.turns.of_client)
    assert held.batches == 1  # of the sixteen for 64 images


def test_a_full_program_cache_is_reported(served, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "/kept/x.pb; No space left on device")

    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/kept")
    monkeypatch.setattr(painting.Synthesis, "__call__", full)
    answer = served.images(asked([0], lod=1))
    assert answer.status == 503
    assert "can't be kept in /kept: No space left on device; make room there" in answer.text


def test_the_server_survives_a_failure(served, monkeypatch, caplog):
    def fails(*_):
        raise MemoryError("<script>")

    with monkeypatch.context() as patch:
        patch.setattr(served.painter, "_batch", fails)
        answer = served.images(asked([0], lod=1))
    assert answer.status == 500
    assert answer.text == "the server failed; its terminal shows the error\n"
    assert "MemoryError" in caplog.text
    assert served.turns.of_client == {}
    assert served.images(asked([0], lod=1)).status == 200
