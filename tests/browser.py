"""A headless Chromium for tests of pages: widths, colour schemes, what it logs and asks for."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")


def is_here() -> bool:
    """Whether the tests that need a browser can run."""
    return bool(CHROMIUM and DRIVER)


class Browser:
    """One page at a time, in a window of any size."""

    def __init__(self, driver):
        self.driver = driver

    def show(self, page: Path | str, width: int, dark: bool = False) -> None:
        """Opens a file or an address in a window of so many pixels, in a colour scheme."""
        command = self.driver.execute_cdp_cmd
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        command("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.requests(), self.console()  # what earlier pages left
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def run(self, script: str):
        """Returns what a script's `return` gives."""
        return self.driver.execute_script(script)

    def wait(self, condition: str, seconds: float = 60) -> None:
        """Waits until a JavaScript expression is true; a hint is what the page says meanwhile."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            if time.monotonic() > end:
                said = self.run("return document.body.innerText")
                raise TimeoutError(f"{condition}: {said[:500]}")
            time.sleep(0.02)

    def downloads_go_to(self, directory: Path) -> None:
        """Saves files there from now on, without asking."""
        options = {"behavior": "allow", "downloadPath": str(directory)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", options)

    def press(self, element_id: str, *keys: str) -> None:
        """Types keys into an element."""
        self.driver.find_element("id", element_id).send_keys(*keys)

    def check_looks(self, width: int, dark: bool) -> None:
        """Asserts that nothing has to be scrolled sideways, and that the back is dark or light."""
        needed, there = self.run(
            "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
        )
        assert needed == there <= width
        back = self.run(
            "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert max(back[:3]) < 60 if dark else min(back[:3]) > 220, back

    def console(self) -> list[str]:
        """Returns what was logged since the last call: errors, and what the policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Returns the addresses asked for since the last call."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]


@contextlib.contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """Gives a browser, started with these arguments too, and ends it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # Tests may run as root, for whom the sandbox is not, and with little shared memory.
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
