"""Which requests the explorer's server accepts."""

import pytest

from pgan_tf.explore.guarding import ANSWER_HEADERS, is_loopback

LINK = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


def test_only_this_computers_names_are_allowed_as_hosts(served, guarded):
    port = served.listening.port
    for host in (f"127.0.0.1:{port}", f"LOCALHOST:{port}", "localhost:9", "[::1]:9", "127.0.0.1"):
        assert served.ask("GET", "/api/info", host=host).status == 200, host
    for host in (
        f"evil.example:{port}", "", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1@evil.example", "evil.example#@127.0.0.1", "127.0.0.1:80:80", "[::1", "10.0.0.1",
        "0.0.0.0", "2130706433", "localhost/", "localhost:x", "localhost?", "a" * 9999,
    ):  # fmt: skip
        answer = served.ask("GET", "/api/info", host=host)
        assert answer.status == 403 and len(answer.text) < 200, host
        assert guarded.ask("GET", "/", host=host).status == 401, host
        said = guarded.ask("GET", "/", host=host, authorization="Bearer the token")
        assert said.status == 200, host  # with the token, any host name is allowed


def test_exactly_one_host_header_is_needed(served):
    for hosts in ("", "Host: localhost\r\nHost: evil.example\r\n"):
        answer = served.raw(f"GET / HTTP/1.1\r\n{hosts}\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"one host header" in served.raw("GET / HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize("route", ["/", "/api/info", "/api/images"])
def test_pages_of_other_sites_are_refused(served, route):
    method, own = ("POST" if route == "/api/images" else "GET"), served.host
    host = {"host": own, "content_type": "application/json"}
    fine = {"origin": f"http://{own}", "sec_fetch_site": "same-origin"}
    assert served.ask(method, route, b"[]", **host, **fine).status in (200, 400)
    assert served.ask(method, route, b"[]", **host, sec_fetch_site="none").status in (200, 400)
    for foreign in (
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": f"https://{own}"},
        {"origin": "http://127.0.0.1:1"}, {"origin": f"http://{own}.evil.example"},
        {"origin": "http://localhost"}, {"origin": ""},
        {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"sec_fetch_site": "?"},
        {**LINK, "sec_fetch_dest": "iframe"}, {**LINK, "origin": "http://evil.example"},
    ):  # fmt: skip
        answer = served.ask(method, route, b"[]", **host, **foreign)
        assert answer.status == 403, foreign
        assert answer.text == "pages of other sites can't use this server\n"
    # A link on another site may lead to the page, but to nothing else.
    assert served.ask(method, route, b"[]", **host, **LINK).status == (200 if route == "/" else 403)


def test_the_token_is_needed_everywhere(guarded):
    for path in ("/", "/api/info", "/api/images", "/nothing"):
        for wrong in ("", "?token=", "?token=the+toke", "?token=the+token2", "?Token=the+token",
                      "?token=%ff", "?" + "&".join(["token=the+token"] * 17)):  # fmt: skip
            answer = guarded.ask("GET", path + wrong)
            assert answer.status == 401 and "?token=" in answer.text, wrong
        for wrong in ("", "the toke", "Bearer", "Bearer the token2", "Basic the token", "\xe9"):
            assert guarded.ask("GET", path, authorization=wrong).status == 401, wrong
    assert guarded.ask("GET", "/?token=the+token").status == 200
    assert guarded.ask("GET", "/api/info?token=the%20token").status == 200
    assert guarded.ask("GET", "/api/info", authorization="Bearer the token").status == 200
    assert guarded.ask("GET", "/nothing?token=the+token").status == 404
    assert b"the token" not in guarded.ask("GET", "/?token=x").body
    foreign = guarded.ask("GET", "/api/info?token=the+token", origin="http://evil.example")
    assert foreign.status == 403


def test_every_answer_has_the_protecting_headers(served, guarded):
    for answer in (
        served.ask("GET", "/api/info"), served.ask("GET", "/nothing"), served.images(b"["),
        served.ask("GET", "/", host="evil.example"), guarded.ask("GET", "/"),
        served.ask("PUT", "/"),
    ):  # fmt: skip
        for name, value in ANSWER_HEADERS.items():
            assert answer.headers[name] == value, name
        assert "server" not in answer.headers and "set-cookie" not in answer.headers
    page = served.ask("GET", "/")
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert page.headers["x-frame-options"] == "DENY"


def test_is_loopback_knows_addresses_of_this_machine():
    for name in ("127.0.0.1", "127.8.9.10", "::1", "localhost"):
        assert is_loopback(name)
    for name in ("0.0.0.0", "::", "192.168.1.2", "example.com", "", "127.1"):
        assert not is_loopback(name)
