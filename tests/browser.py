"""A headless Chromium for tests of pages: window width, colour scheme, console, requests."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")


def is_installed() -> bool:
    """Returns True if Chromium and its driver are installed."""
    return bool(CHROMIUM and DRIVER)


class Browser:
    """One page at a time, in a window of any size."""

    def __init__(self, driver):
        self.driver = driver

    def show(self, page: Path | str, width: int, dark: bool = False) -> None:
        """Opens a file or an address in a window `width` pixels wide, in a light or dark scheme."""
        command = self.driver.execute_cdp_cmd
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        command("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.requests(), self.console()  # drops what earlier pages logged
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def run(self, script: str):
        """Runs a script and returns the value of its `return`."""
        return self.driver.execute_script(script)

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Waits until a JavaScript expression is true; the error quotes the page's text."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                said = self.run("return document.body.innerText")
                raise TimeoutError(f"{condition}: {said[:500]}")
            time.sleep(0.02)

    def downloads_go_to(self, directory: Path) -> None:
        """Saves files in a directory from now on, without asking."""
        options = {"behavior": "allow", "downloadPath": str(directory)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", options)

    def press(self, element_id: str, *keys: str) -> None:
        """Types keys into an element."""
        self.driver.find_element("id", element_id).send_keys(*keys)

    def check_looks(self, width: int, dark: bool) -> None:
        """Asserts that the page fits its width and that its background is dark or light."""
        needed, available = self.run(
            "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
        )
        assert needed == available <= width
        back = self.run(
            "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert max(back[:3]) < 60 if dark else min(back[:3]) > 220, back

    def console(self) -> list[str]:
        """Returns messages logged since the last call: errors and violations of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Returns the addresses requested since the last call."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


@contextlib.contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """Yields a browser started with `more` arguments, and quits it afterwards."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # Tests may run as root, where Chromium's sandbox fails, and with little shared memory.
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        *more,
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
