"""A real Chromium, the system's own, driven by playwright."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Download, sync_playwright

SHOWS = "[...document.querySelectorAll('main > section')].some((s) => !s.hidden)"
CURE = "Chromium is not here: apt-get install chromium (Debian, Ubuntu)"


def program() -> str | None:
    """Chromium's path, or None where there is none."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


class Browser:
    """One headless Chromium with one page. `errors` holds what the page complained of."""

    def __init__(self, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.errors: list[str] = []
        self._saved: list[Download] = []
        self._driver = sync_playwright().start()
        self._chromium = self._driver.chromium.launch(
            executable_path=program(),
            args=["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
        )
        self._page = self._chromium.new_page(no_viewport=True)  # `look` sets it
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.on(
            "console", lambda said: self.errors.append(said.text) if said.type == "error" else None
        )
        self._page.on("download", lambda download: self._saved.append(download))
        self._devtools = self._page.context.new_cdp_session(self._page)

    def close(self) -> None:
        self._chromium.close()
        self._driver.stop()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol, for what playwright has no method for."""
        return self._devtools.send(method, parameters)

    # What a person does ----------------------------------------------------------------------

    def look(self, width=1280, height=900, *, dark=False, calm=True, phone=False) -> None:
        """The window's size in CSS pixels, and its user's preferences."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self._page.emulate_media(
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if calm else "no-preference",
        )

    def open(self, path: Path, place: str = "", shows: str = SHOWS) -> None:
        """Open a file, and wait until it shows something, as a JavaScript condition says."""
        self._page.goto("about:blank")
        self.errors.clear()
        self._page.goto(f"{path.as_uri()}{place}")
        self.wait(shows)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is awaited."""
        return self._page.evaluate(expression)

    def wait(self, condition: str, seconds: float = 15) -> None:
        """Until a JavaScript condition holds."""
        end = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {condition}; errors: {self.errors}")
            self._page.wait_for_timeout(20)

    def text(self, selector: str) -> str:
        return self._page.locator(selector).first.inner_text()

    def press(self, key: str, shift: bool = False) -> None:
        """One key, as from a keyboard."""
        self._page.keyboard.press(f"Shift+{key}" if shift else key)

    def point(self, selector: str, x=0.5, y=0.5, click=False) -> None:
        """Move the mouse to a place of an element (0 to 1 each way); `click`: and click there."""
        self.run(
            f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'nearest'}})"
        )
        box = self._page.locator(selector).first.bounding_box()
        where = (box["x"] + x * box["width"], box["y"] + y * box["height"])
        self._page.mouse.move(*where)
        if click:
            self._page.mouse.click(*where)

    def click(self, selector: str) -> None:
        self.point(selector, click=True)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """What the window shows, or the whole page, as PNG."""
        self._page.screenshot(path=path, full_page=whole)

    def downloaded(self, suffix: str, seconds: float = 20) -> Path:
        """The next file of that kind that the page saves."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while self._saved:
                download = self._saved.pop(0)
                download.save_as(self.downloads / download.suggested_filename)
            found = [p for p in self.downloads.iterdir() if p.suffix == suffix and p.stat().st_size]
            if found:
                return found[0]
            self._page.wait_for_timeout(20)  # takes in what the page does meanwhile
        raise TimeoutError(f"no {suffix} was saved; errors: {self.errors}")


# What the explorer shows ---------------------------------------------------------------------


def chosen(browser: Browser) -> str:
    """The chosen word."""
    return browser.text('.word[aria-current="true"] b').removesuffix("?")  # "?": see "why not?"


def visible(browser: Browser) -> list[str]:
    """The captions of the index's cards."""
    return browser.run(
        "[...document.querySelectorAll('#cards li:not([hidden]) .text')].map((e) => e.textContent)"
    )
