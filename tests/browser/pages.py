"""A report page in a browser."""

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException as Stale
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_PATIENCE = 20


class Page:
    """The page of a cache, opened in Chromium."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self.file = folder / "report.html"

    def write(self, cache: Path) -> None:
        """Write the page of a cache in a process of its own."""
        command = [sys.executable, "-m", "cachedb", "report", "--html", str(self.file)]
        subprocess.run([*command, "--cache", str(cache)], check=True, capture_output=True)

    def open(self, *, width: int = 1280, height: int = 900, scheme: str = "light") -> int:
        """Open the page; returns the milliseconds until it can be used."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get_log("browser")
        self.driver.get(self.file.as_uri())
        ready = int(self.wait(lambda: self.run("return document.documentElement.dataset.ready")))
        # Charts are drawn when the browser tells them their size, at the end of the first frame.
        self.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
        return ready

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, _PATIENCE).until(lambda _: condition())

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        found: list[str] = self.run(script, selector)
        return found

    def button(self, within: str, start: str) -> WebElement:
        """Return the button whose label starts with a text; wait until it is drawn."""

        def find(_: object) -> WebElement | None:
            for found in self.all(f"{within} button"):
                label = found.get_attribute("aria-label") or found.text
                if label.startswith(start):
                    return found
            return None

        # A page that is drawn again, as after a change of its size, replaces its buttons.
        waiting = WebDriverWait(self.driver, _PATIENCE, ignored_exceptions=[Stale])
        found = waiting.until(find, f"no button {start!r} in {within}")
        assert found is not None
        return found

    def click(self, element: WebElement) -> None:
        """Click on an element, below the navigation that stays at the top."""
        self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def problems(self) -> list[str]:
        """Return what the browser has reported since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def picture(self) -> bytes:
        """Return what is seen as a PNG."""
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(found["data"])
