"""The server's socket: ports in use, and hosts that are not this computer."""

import socket

import pytest

from pgan_tf.errors import UserError
from pgan_tf.explore.listening import PortInUseError, listen


def test_a_port_in_use_is_answered_with_a_free_one():
    with listen("127.0.0.1", 0).socket as busy:
        port = busy.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} is in use; port") as error:
            listen("127.0.0.1", port)
        with listen("127.0.0.1", error.value.free).socket as other:
            assert other.getsockname()[1] == error.value.free != port


def test_address_names_host_port_and_token():
    for host, private, begins in (
        ("127.0.0.1", True, "http://127.0.0.1:"), ("localhost", True, "http://localhost:"),
        ("0.0.0.0", False, f"http://{socket.gethostname()}:"),
    ):  # fmt: skip
        listening = listen(host, 0)
        with listening.socket:
            assert listening.is_private == private
            assert listening.address() == f"{begins}{listening.port}/"
            assert listening.address("t-_") == f"{begins}{listening.port}/?token=t-_"


def test_a_host_name_of_this_computer_gives_its_loopback_address(monkeypatch):
    found = socket.getaddrinfo("127.0.1.1", 0, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    listening = listen("my-computer", 0)  # Debian's /etc/hosts gives it 127.0.1.1
    with listening.socket:
        assert listening.is_private
        assert listening.address() == f"http://127.0.1.1:{listening.port}/"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no.such.invalid", "--host no.such.invalid: no such host; 127.0.0.1 is this computer"),
        ("", "no such host"),
        ("a" * 70, "no such host"),
        ("192.0.2.1", r"--host 192.0.2.1 is not an address of this computer \(.*\); use 127.0.0.1"),
    ],
)
def test_hosts_that_are_not_this_computer_are_refused(host, message):
    with pytest.raises(UserError, match=message) as error:
        listen(host, 0)
    assert "\n" not in str(error.value)
