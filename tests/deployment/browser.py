"""Headless Chromium for the tests and the screenshots of MLflow's pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZE = {"width": 1500, "height": 900}
HANG_TIMEOUT_MS = 600_000  # a page that is drawn later than that hangs


class Window:
    """One page of the browser.

    Attributes:
        faults: errors that scripts of the pages raised.
    """

    def __init__(self, page: Any, server: str) -> None:
        self.page, self.server = page, server
        self.faults: list[str] = []
        page.set_default_timeout(HANG_TIMEOUT_MS)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, path: str) -> None:
        """Load a page of MLflow afresh, by its path from ``#``."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.server}/{path}")

    def sees(self, text: str) -> None:
        """Wait until the text is on the page."""
        self.page.get_by_text(text).first.wait_for()

    def painted(self, canvas: str) -> bool:
        """Whether anything is drawn on a canvas."""
        script = """canvas => canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0)"""
        return bool(self.page.locator(canvas).evaluate(script))

    def names(self) -> list[str]:
        """Run names in the order of the runs' table."""
        self.page.locator("[role=row] a[href*='/runs/']").first.wait_for()
        links: list[str] = self.page.locator("[role=row] a[href*='/runs/']").all_inner_texts()
        return [link.strip() for link in links]


@contextmanager
def window(server: str, credentials: dict[str, str] | None = None) -> Iterator[Window]:
    """A browser that shows a tracking server, as somebody who has been there before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            context = browser.new_context(viewport=SIZE, http_credentials=credentials)
            shown = Window(context.new_page(), server)
            # At the first visit a panel with an assistant opens; whoever closed it has this.
            closed = "localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false')"
            shown.open("#/experiments")
            shown.page.get_by_text("Experiments").first.wait_for()
            shown.page.evaluate(closed)
            yield shown
        finally:
            browser.close()
