"""The explorer's page in a browser, with its server."""

import numpy as np
import pytest
from explorer_server import running, wait_until
from PIL import Image

from pgan_tf import latents
from pgan_tf.explore.asking import RefusedError
from pgan_tf.explore.serving import facts_for
from pgan_tf.generate import generate
from pgan_tf.pages import explorer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def open_page(loaded, browser):
    """Returns a function that opens the page of a server with a token."""
    with running(loaded, "t0ken", facts_for(loaded, 64, FIRST), explorer.served_page()) as served:

        def open_page(width=1280, dark=False):
            browser.show(f"http://{served.host}/?token=t0ken", width, dark)
            browser.wait("explorer && explorer.shown")
            return served

        yield open_page


FIRST = latents.from_seeds([70, 71], 8)


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_images_of_seeds_are_those_of_generate(browser, open_page, path, tmp_path, width, dark):
    served = open_page(width, dark)
    browser.run(
        "document.getElementById('seed').value = 5;"
        "explorer.shown = null; document.getElementById('seed-form').requestSubmit()"
    )
    browser.wait("explorer.shown")
    shown = browser.run("return [...explorer.shown.data]")
    (file,) = generate(path, tmp_path, [5])
    expected = np.asarray(Image.open(file))
    got = np.array(shown, np.uint8).reshape(*expected.shape[:2], 4)
    np.testing.assert_array_equal(got[..., :3], expected)
    assert (got[..., 3] == 255).all()
    assert browser.console() == []
    assert {url.split("/", 3)[2] for url in browser.requests() if "://" in url} == {served.host}
    assert "by the server, on CPU" in browser.run("return document.body.innerText")


def test_begins_with_the_given_latents(browser, open_page):
    open_page()
    seen = browser.run(
        "return explorer.grid.cells.slice(0, 3).map(({ item }) => [[...item.latent], item.seed])"
    )
    np.testing.assert_array_equal([row for row, _ in seen[:2]], FIRST)
    assert seen[0][1] is None and seen[2][1] is not None
    assert browser.run("return explorer.chosen === explorer.grid.cells[0].item")


def test_asks_again_when_the_server_is_busy(browser, open_page, monkeypatch):
    served, asked = open_page(), []
    enter = served.turns.enter

    def busy_once(client):
        asked.append(client)
        if len(asked) == 1:
            raise RefusedError(429, "busy", 1)
        enter(client)

    browser.wait("!explorer.queue.isBusy")
    monkeypatch.setattr(served.turns, "enter", busy_once)
    browser.run("explorer.shown = null; explorer.showChosen()")
    browser.wait("explorer.shown")
    assert len(asked) == 2
    assert all("429" in line for line in browser.console())  # logged by the browser itself


@pytest.mark.parametrize("token", ["", "?token=t0ken"])
def test_pages_of_other_sites_get_nothing(browser, open_page, tmp_path, token):
    served = open_page()
    page = tmp_path / "evil.html"
    page.write_text("<!DOCTYPE html><title>Evil</title>")
    browser.show(page, 1280)
    address = f"http://{served.host}/"
    said = browser.driver.execute_async_script(
        """
        const [address, token, done] = arguments;
        const body = '{"latents": [[0,0,0,0,0,0,0,0]], "lod": 1}';
        const tried = [];
        for (const mode of ["cors", "no-cors"]) {
          for (const [path, method] of [["api/info", "GET"], ["", "GET"], ["api/images", "POST"]]) {
            for (const type of method === "GET" ? [null] : ["text/plain", "application/json"]) {
              const options = { method, mode };
              if (type) Object.assign(options, { body, headers: { "Content-Type": type } });
              tried.push(fetch(address + path + token, options).then(
                (r) => r.type === "opaque" ? "" : r.text(), () => ""));
            }
          }
        }
        Promise.all(tried).then(done);
        """,
        address,
        token,
    )
    assert said == [""] * 8
    page.write_text(f"<!DOCTYPE html><iframe src='{address}{token}'></iframe>")
    browser.console()
    browser.show(page, 1280)
    wait_until(lambda: any("frame" in line for line in browser.console()))
