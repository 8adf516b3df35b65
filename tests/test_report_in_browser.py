"""The report in Chromium: two widths, two colour schemes, the keyboard, hostile names."""

import json

import pytest
from made_up_run import add_measurement, write_run

from pgan_tf import report
from pgan_tf.run import Run

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
NAME = "001-<img src=x onerror=window.hacked=1>"
SHOWN = "return document.getElementById('moment-text').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two runs, one of them full of hostile names."""
    path = tmp_path_factory.mktemp("runs")
    plain = write_run(path / "000-plain")
    options = {"data.path": HOSTILE, "data.command": HOSTILE, "train.metrics": HOSTILE}
    run = write_run(path / NAME, options=options, classes=[HOSTILE])
    add_measurement(run, "<b>", 1.0, **{HOSTILE: 1.0})
    change = {"nimg": 900, "option": "train.metrics", "old": "", "new": HOSTILE}
    (run / "changes.jsonl").write_text(json.dumps(change) + "\n")
    return report.write_report([Run(plain), Run(run)], path / "page.html", say=print)


@pytest.fixture(scope="module")
def lone(tmp_path_factory):
    """A page of one run."""
    path = tmp_path_factory.mktemp("run")
    return report.write_report([Run(write_run(path / "000-plain"))], path / "page.html")


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
def test_draws_without_errors_and_loads_nothing_else(browser, page, width, dark):
    browser.show(page, width, dark)
    assert browser.console() == []
    asked = {url for url in browser.requests() if not url.startswith("data:")}
    assert asked == {page.resolve().as_uri()}
    browser.check_looks(width, dark)
    columns = browser.run(
        "return new Set([...document.querySelectorAll('#pictures .run')]"
        ".map((e) => e.getBoundingClientRect().left)).size"
    )
    assert columns == (1 if width == 360 else 2)
    # Every chart is drawn and has a label.
    drawn = browser.run(
        "return [...document.querySelectorAll('#charts canvas')].map((canvas) => [new Set("
        "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size,"
        "canvas.getAttribute('role'), canvas.getAttribute('aria-label')])"
    )
    assert len(drawn) == 9  # four of each run, and a metric
    assert all(colours > 20 and role == "img" for colours, role, _ in drawn)
    assert any("Losses of 000-plain. D_loss: first 9, last 2" in label for *_, label in drawn)


def test_hostile_names_stay_text(browser, page):
    browser.show(page, 1280)
    assert browser.run("return [window.hacked, document.title]") == [None, f"000-plain, {NAME}"]
    text = browser.run("return document.querySelector('main').textContent")
    assert text.count(HOSTILE) >= 5 and "Metric <b>" in text and NAME in text
    assert browser.run(
        "return [...document.querySelectorAll('img')].every((i) => i.src.startsWith('data:'))"
    )
    assert browser.run("return document.querySelectorAll('main b, main script').length") == 0


def test_the_keyboard_moves_through_the_growth(browser, lone):
    from selenium.webdriver.common.keys import Keys

    browser.show(lone, 1280)
    red = (
        "const image = document.querySelector('#pictures img'); const canvas ="
        " document.createElement('canvas'); const c = canvas.getContext('2d');"
        " c.drawImage(image, 0, 0); return image.decode().then(() => (c.drawImage(image, 0, 0),"
        " c.getImageData(5, 5, 1, 1).data[0]))"
    )
    assert browser.run(SHOWN) == "8x8, 4 kimg, 40s"
    assert abs(browser.run(red) - 80) <= 3
    browser.press("moment", Keys.HOME)
    assert browser.run(SHOWN) == "4x4, 0 kimg, 0s"
    assert abs(browser.run(red) - 0) <= 3
    browser.press("moment", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert browser.run(SHOWN) == "8x8, 1.5 kimg, 15s"
    assert abs(browser.run(red) - 30) <= 3
    spoken = "return document.getElementById('moment').getAttribute('aria-valuetext')"
    assert browser.run(spoken) == "8x8, 1.5 kimg, 15s"
    unnamed = browser.run(
        "return [...document.querySelectorAll('button, input, [role], img, a')].filter((e) =>"
        " !(e.getAttribute('aria-label') || e.alt || e.textContent.trim() || e.labels?.length))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []


def test_a_run_without_pictures_hides_the_player(browser, tmp_path):
    run = write_run(tmp_path / "000-blind", pictures=False)
    page = report.write_report([Run(run)], tmp_path / "page.html")
    browser.show(page, 360)
    assert browser.console() == []
    assert "There are no pictures" in browser.run("return document.body.textContent")
    assert browser.run("return document.getElementById('player').offsetParent") is None
