"""VS Code's window as a person sees it: keys go in, texts come from the screen and from disk."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from code_server import CHROMIUM, ROOT, Profile, running
from playwright.sync_api import Error, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import FrameLocator, Locator, Page

ARTEFACTS = ROOT / "build" / "e2e" / "vscode"

SECONDS = 60
"""What the screen may take to show something: a machine under load is no failure."""

_OPENINGS = 4
"""How often a palette that closed by itself is opened."""

_OFFERED = ".view-line [class*='ghost-text-decoration']"
_OFFERED_LINES = ".suggest-preview-text .view-line"
"""Ghost text: what stands in the cursor's line, and the lines below it."""


@dataclass
class Workbench:
    """One window over ``folder``, in ``profile``."""

    page: Page
    profile: Profile
    folder: Path

    @property
    def status(self) -> Locator:
        """Squill's item in the status bar."""
        return self.page.locator("[id='squill.squill.squill.status']")

    @property
    def notifications(self) -> Locator:
        return self.page.locator(".notifications-toasts .notification-list-item")

    @property
    def menu(self) -> Locator:
        """The rows of the quick pick that is open."""
        return self.page.locator(".quick-input-widget .monaco-list-row")

    def wait_for_status(self, label: str) -> None:
        expect(self.status).to_have_text(re.compile(rf"Squill: {label}\s*$"))

    def set_up(self, **settings: object) -> None:
        """Write the folder's settings, without `squill.` and with `__` for a dot."""
        named = {f"squill.{name.replace('__', '.')}": value for name, value in settings.items()}
        path = self.folder / ".vscode" / "settings.json"
        path.write_text(json.dumps(named), encoding="utf-8")

    def open(self, name: str, text: str | None = None) -> None:
        """Show a file of the folder, its cursor at the end; with ``text`` it is written first."""
        if text is not None:
            (self.folder / name).write_text(text, encoding="utf-8")
        self.page.locator(".explorer-folders-view .monaco-list-row", has_text=name).dblclick()
        expect(self.page.locator(".tab.active")).to_contain_text(name)
        self.page.locator(".editor-group-container.active .view-lines").click()
        self.page.keyboard.press("Control+End")

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def ghost_text(self) -> str:
        """What is offered, once something is."""
        first = self.page.locator(_OFFERED)
        expect(first.first).to_be_visible()
        lines = ["".join(first.all_inner_texts())]
        lines += self.page.locator(_OFFERED_LINES).all_inner_texts()
        return "\n".join(lines).replace("\xa0", " ")

    def wait_for_ghost_text_without(self, word: str) -> None:
        """``word`` was a part of it, and has been accepted."""
        expect(self.page.locator(_OFFERED).first).not_to_contain_text(word)

    def wait_for_no_ghost_text(self) -> None:
        expect(self.page.locator(_OFFERED)).to_have_count(0)

    def wait_for_change(self) -> None:
        expect(self.page.locator(".tab.active.dirty")).to_have_count(1)

    def saved(self, name: str) -> str:
        """The text of the file in front, once it has been changed and saved."""
        self.wait_for_change()
        self.press("Control+s")
        expect(self.page.locator(".tab.active.dirty")).to_have_count(0)
        return (self.folder / name).read_text(encoding="utf-8")

    def command(self, title: str) -> None:
        """Run a command of the palette; it is opened again when something took the focus from it.

        A webview that shows itself anew does, and so closes the palette under the pointer.
        """
        for _ in range(_OPENINGS - 1):
            with contextlib.suppress(Error):
                self._chosen_from_palette(title, SECONDS / _OPENINGS)
                return
        self._chosen_from_palette(title, SECONDS)

    def _chosen_from_palette(self, title: str, seconds: float) -> None:
        self.press("F1")
        self.page.locator(".quick-input-widget input").fill(f">{title}", timeout=seconds * 1000)
        self.menu.filter(has_text=title).first.click(timeout=seconds * 1000)

    def choose(self, text: str) -> None:
        """Take the row of the open quick pick that has this text."""
        self.menu.filter(has_text=text).first.click()

    def said(self, text: str) -> None:
        """Wait for a notification with this text, and close it."""
        found = self.notifications.filter(has_text=text)
        expect(found.first).to_be_visible()
        self.command("Notifications: Clear All Notifications")
        expect(self.notifications).to_have_count(0)

    def webview(self) -> FrameLocator:
        """The content of the webview in front."""
        return self.page.frame_locator("iframe.webview.ready").frame_locator("iframe#active-frame")

    def screenshot(self, name: str) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")


@contextlib.contextmanager
def opened(profile: Profile, folder: Path) -> Iterator[Workbench]:
    """A window over ``folder``; all that it started has ended when the block has."""
    try:
        with running(profile) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
            )
            page = browser.new_page(viewport={"width": 1000, "height": 640})
            page.set_default_timeout(SECONDS * 1000)
            expect.set_options(timeout=SECONDS * 1000)
            page.goto(f"{address}/?folder={folder}")
            expect(page.locator(".explorer-folders-view .monaco-list-row").first).to_be_visible()
            yield Workbench(page, profile, folder)
            browser.close()
    finally:
        profile.end()
