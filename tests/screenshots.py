"""Takes the README's pictures of the pages: ``.cache/venv/bin/python tests/screenshots.py``.

They show `camherd demo` in Chromium, so they are as the pages really are. The binary is ``target/debug/camherd``,
or what ``CAMHERD_BINARY`` names.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent / "lib"))

from playwright.sync_api import sync_playwright  # noqa: E402

from browser import Browser, Visit  # noqa: E402
from server import Server  # noqa: E402
from wait import eventually  # noqa: E402

IMAGES = ROOT / "docs/images"
CAMERAS = ("front-door", "garden", "workshop")
#: Time that the page's frame rate is measured over, in milliseconds: before that it is not true yet.
SETTLE_MS = 4000


class Shot(NamedTuple):
    """A picture to take."""

    name: str
    path: str
    scheme: str
    window: tuple[int, int]
    #: Pixels per CSS pixel, and whether it is a phone.
    scale: float = 1
    phone: bool = False


SHOTS = (
    Shot("player-dark", "/watch?stream=front-door", "dark", (1280, 940)),
    Shot("player-light", "/watch?stream=front-door", "light", (1280, 940)),
    Shot("overview", "/", "dark", (1280, 540)),
    Shot("phone", "/watch?stream=garden", "dark", (390, 844), 2, True),
)


def wait_for_pictures(visit: Visit, shot: Shot) -> None:
    """Waits until everything on the page lives, and the numbers are true."""
    tiles = CAMERAS if shot.path == "/" else (None,)
    first = [visit.picture(tile=tile).captured_ms for tile in tiles]
    for tile, since in zip(tiles, first):
        eventually(lambda: visit.try_picture(tile).captured_ms > since + SETTLE_MS, "settled", 20)
        eventually(lambda: visit.try_picture(tile).age_ms < 400, "a fresh picture", 20)


def take(browser: Browser, server: Server, shot: Shot) -> None:
    look = {"color_scheme": shot.scheme, "device_scale_factor": shot.scale}
    phone = {"is_mobile": True, "has_touch": True} if shot.phone else {}
    visit = browser.open(server.http + shot.path, window=shot.window, **look, **phone)
    wait_for_pictures(visit, shot)
    path = IMAGES / f"{shot.name}.png"
    visit.page.screenshot(path=path)
    print(path.relative_to(ROOT))
    # Its players would slow down the next page's.
    browser.close_all()


def main() -> None:
    binary = Path(os.environ.get("CAMHERD_BINARY", ROOT / "target/debug/camherd")).resolve()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        server = Server(binary, Path(directory), ["demo", "--http-listen", "127.0.0.1:0", "--tcp-push-listen", "127.0.0.1:0"])
        browser = Browser(playwright)
        try:
            for name in CAMERAS:
                server.wait_live(name)
            for shot in SHOTS:
                take(browser, server, shot)
        finally:
            browser.end()
            server.stop()


if __name__ == "__main__":
    main()
