"""The explorer's command line."""

import base64
import http.client
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from pgan_tf import latents
from pgan_tf.errors import UserError
from pgan_tf.explore import __main__ as command
from pgan_tf.explore.listening import listen

ROOT = Path(__file__).parents[2]


def test_missing_snapshots_and_wrong_latents_are_refused(path, tmp_path):
    absent = tmp_path / "absent.npz"
    with pytest.raises(UserError, match=f"^no snapshot at {re.escape(str(absent))}; name "):
        command.main(["--snapshot", str(absent), "--port", "0"])
    with pytest.raises(UserError, match=r"^no snapshot in "):
        command.main(["--snapshot", "--results", str(tmp_path), "--port", "0"])
    wrong, many = tmp_path / "wrong.npy", tmp_path / "many.npy"
    latents.write(wrong, np.zeros([1, 5]))
    latents.write(many, np.zeros([65, 8]))
    for file, message in ((wrong, "has the shape"), (many, "hold 65 latents, and the page")):
        with pytest.raises(UserError, match=message):
            command.main(["--snapshot", str(path), "--latent", str(file), "--port", "0"])


@pytest.mark.slow
def test_advice_for_a_port_in_use_works(path, tmp_path):
    """Runs the advised command, asks its server for an image, and ends it."""
    first = tmp_path / "first one.npy"
    latents.write(first, latents.from_seeds([7], 8))
    with listen("127.0.0.1", 0).socket as busy:
        port = str(busy.getsockname()[1])
        argv = ["--latent", str(first), "--port", port, "--snapshot", str(path.parent)]
        with pytest.raises(UserError) as error:
            command.main(argv)
        said = re.fullmatch(
            rf"port {port} is in use; use a free one: python -m (.*)", str(error.value)
        )
        with subprocess.Popen(
            [sys.executable, "-m", *shlex.split(said[1])], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                what, address = process.stdout.readline(), process.stdout.readline()
                assert re.fullmatch(
                    rf"Gs of {re.escape(str(path))}, 8x8, on CPU \(.*\); preparing the page\n", what
                )
                place = urlsplit(address.split()[0])
                assert place.netloc == f"127.0.0.1:{shlex.split(said[1])[-1]}"
                info = json.loads(_ask(place.netloc, "GET", "/api/info"))
                start = np.frombuffer(base64.b64decode(info["start"]), "<f4")
                np.testing.assert_array_equal(start[None], latents.from_seeds([7], 8))
                body = json.dumps(
                    {"latents": [start.tolist()], "label": None, "lod": info["lods"][0]}
                )
                assert len(_ask(place.netloc, "POST", "/api/images", body)) == 8 * 8 * 3
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        assert (out, err, process.returncode) == ("stopped\n", "", 0)


def _ask(place, method, path, body=None):
    """Returns the body of a successful answer."""
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    connection.close()
    return content


def test_a_host_that_others_can_reach_needs_a_token(path, monkeypatch, capsys):
    from pgan_tf.explore import serving

    made = []

    class Server:
        def run(self, sockets):
            raise KeyboardInterrupt

    monkeypatch.setattr(serving, "make_server", lambda app: Server())
    monkeypatch.setattr(serving, "facts_for", lambda *_: {"device": "x"})
    make_app = serving.make_app
    monkeypatch.setattr(serving, "make_app", lambda *a: made.append(a) or make_app(*a))
    opened = []
    monkeypatch.setattr(serving.webbrowser, "open", opened.append)
    command.main(["--snapshot", str(path), "--port", "0", "--host", "0.0.0.0", "--open"])
    command.main(["--snapshot", str(path), "--port", "0"])
    lines = capsys.readouterr().out.splitlines()
    address = lines[2].removesuffix("  (Ctrl-C stops)")
    assert lines[1] == "Anyone with this address can use the page; the connection is not encrypted:"
    token = re.search(r"/\?token=([\w-]{22})$", address)[1]
    assert [arguments[3] for arguments in made] == [token, None]
    assert opened == [address]
    assert lines[3] == "stopped" and "token" not in lines[5]
