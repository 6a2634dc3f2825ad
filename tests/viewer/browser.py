"""A real browser on a real server: Debian's Chromium, driven by Playwright.

What a page says that it should not (errors, requests to elsewhere) is kept, for tests to look
at. Waits are for what must come to be seen, and each has a deadline.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

from tests.viewer.npm import node_modules

NAMES = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_MS = 30_000
SIZES = {"laptop": (1280, 800), "desk": (2560, 1440)}
Theme = Literal["light", "dark"]


def chromium() -> str:
    """Return the path of Chromium.

    Raises:
        AssertionError: It is not installed.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found, (
        "Chromium is not installed. The viewer's tests open its pages in a real browser: install "
        "it (Debian: apt-get install chromium). Playwright needs no browser of its own."
    )
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """Start a browser that nobody sees, and end it."""
    path = chromium()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Viewed:
    """A page with the viewer in it."""

    page: Page
    address: str
    mistakes: list[str] = field(default_factory=list)
    """What the page said of its own failures, and whom else it asked."""
    expected: set[int] = field(default_factory=set)
    """Statuses of answers that a test asks for on purpose."""

    def watch(self) -> None:
        """Keep what goes wrong from here on."""
        self.page.on("pageerror", lambda error: self.mistakes.append(f"error: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)
        self.page.on("dialog", lambda dialog: self.mistakes.append(f"dialog: {dialog.message}"))

    def _heard(self, message: ConsoleMessage) -> None:
        known = any(f"status of {status}" in message.text for status in self.expected)
        if message.type in ("error", "warning") and not known:
            self.mistakes.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.mistakes.append(f"asked {request.url}")

    def open(self, link: str = "#/") -> None:
        """Go to a permalink, as if it was pasted into the address bar."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/{link}")

    def see(self, selector: str, text: str | None = None) -> Locator:
        """Wait until something is seen, and return it."""
        found = self.page.locator(selector)
        found = found.filter(has_text=text) if text is not None else found
        found.first.wait_for(timeout=DEADLINE_MS)
        return found.first

    def until(self, condition: str, *given: Any) -> Any:
        """Wait until an expression of the page is true, and return what it is."""
        return self.page.wait_for_function(condition, arg=list(given), timeout=DEADLINE_MS)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            self.page.keyboard.press(key)

    def event(self) -> str:
        """Return the event that the permalink names."""
        found = self.page.evaluate(
            "new URLSearchParams(location.hash.split('?')[1] ?? '').get('event')"
        )
        return str(found)

    def at(self, reference: str) -> None:
        """Wait until the permalink names an event."""
        self.until(
            "([wanted]) => new URLSearchParams(location.hash.split('?')[1] ?? '')"
            ".get('event') === wanted",
            reference,
        )

    def problems(self) -> list[str]:
        """Return what axe finds serious or critical on the page as it is."""
        if not self.page.evaluate("'axe' in window"):
            script = node_modules() / "axe-core/axe.min.js"
            self.page.evaluate(script.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['html'][:160]} ({node.get('failureSummary', '')[:200]})"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"][:3]
        ]

    def shoot(self, path: Path) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=path)


@contextmanager
def viewed(
    browser: Browser, url: str, address: str, *, size: str = "laptop", theme: Theme = "light"
) -> Iterator[Viewed]:
    """Open the viewer by the link that `agentmesh view` prints.

    Args:
        browser: A browser.
        url: That link.
        address: Of the server, without path.
        size: Of the window: `laptop` or `desk`.
        theme: What the system prefers.
    """
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.set_default_timeout(DEADLINE_MS)
    found = Viewed(page, address)
    found.watch()
    page.goto(url)
    try:
        yield found
    finally:
        context.close()
