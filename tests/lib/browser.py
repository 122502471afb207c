"""Pages in a real browser, looked at as a person does: by what is on the screen.

    visit = browser.open(server.http + "/watch?stream=door")
    visit.picture()          # number, time and size, read out of the pixels that are shown

Every visit watches itself: an error on the console, a request to another host or a breach of the page's content
security policy is a problem, and ``Browser.end`` fails for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterable, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright
from playwright.sync_api import Error as PlaywrightError

from wait import eventually

CHROMIUM = "/usr/bin/chromium"
#: Nothing that needs a display, a GPU or the internet.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Longest that the browser may take for one thing, in milliseconds.
TIMEOUT_MS = 20_000
#: Window of a usual screen, in CSS pixels.
WINDOW = (1280, 800)

#: What a browser says on the console when a server is away; only tests that take it away allow this.
SERVER_AWAY = (r"net::ERR_CONNECTION_REFUSED", r"net::ERR_CONNECTION_RESET", r"net::ERR_INCOMPLETE", r"net::ERR_EMPTY")
#: The same for a page that asks without being signed in.
NOT_SIGNED_IN = (r"status of 401",)

_READER = Path(__file__).parents[1] / "browser/test-picture.js"

#: Runs in every page before its own scripts. Page scripts do not see it but for one global.
_PROBE = """
(() => {
  %(reader)s
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });

  /** What draws the live picture: that of the player, or the image of the MJPEG page. */
  function surface(root) {
    const player = root.querySelector('camherd-player');
    if (!player) return root.querySelector('img.mjpeg') ?? root.querySelector('video');
    return player.shadowRoot.querySelector(player.stats?.mode === 'jpeg' ? 'canvas' : 'video');
  }

  function pixels(root) {
    const from = surface(root);
    if (!from) return null;
    const width = from.videoWidth ?? from.naturalWidth ?? from.width;
    const height = from.videoHeight ?? from.naturalHeight ?? from.height;
    if (!width || !height) return null;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(from, 0, 0);
    return context.getImageData(0, 0, width, height);
  }

  /** The picture on screen: number and time from its pixels, or why there are none. */
  function picture(root = document) {
    const now = Date.now();
    const image = pixels(root);
    if (!image) return { error: 'no picture' };
    const { width, height } = image;
    try {
      return { now, width, height, ...read(image) };
    } catch (error) {
      return { now, width, height, error: `${error.kind ?? error.name}: ${error.message}` };
    }
  }

  /** Mean and standard deviation of the luma, 0 to 255: a black or uniform picture has next to none. */
  function contrast(root = document) {
    const image = pixels(root);
    if (!image) return { mean: 0, deviation: 0 };
    let [sum, squares, count] = [0, 0, 0];
    for (let at = 0; at < image.data.length; at += 4 * 7) {
      const luma = 0.299 * image.data[at] + 0.587 * image.data[at + 1] + 0.114 * image.data[at + 2];
      sum += luma;
      squares += luma * luma;
      count += 1;
    }
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(Math.max(squares / count - mean * mean, 0)) };
  }

  /** Milliseconds of a text such as "85 ms" or "2.4 s"; null when it is none. */
  function milliseconds(text) {
    const match = /^([0-9.]+) (ms|s)$/.exec(text);
    return match ? Number(match[1]) * (match[2] === 's' ? 1000 : 1) : null;
  }

  /** The age that the page shows next to the picture. */
  function shownAge() {
    const label = [...document.querySelectorAll('dt')].find((dt) => dt.textContent === 'Age of the picture');
    return label ? milliseconds(label.nextElementSibling.textContent) : null;
  }

  globalThis.camherdProbe = { picture, contrast, shownAge };
  addEventListener('securitypolicyviolation', (event) => {
    console.error(`content security policy: ${event.effectiveDirective} rules out ${event.blockedURI}`);
  });
})();
"""


class Picture(NamedTuple):
    """The picture on screen."""

    #: Number of the frame.
    sequence: int
    #: When it was taken, and when the page was looked at, in unix milliseconds.
    captured_ms: int
    now_ms: float
    width: int
    height: int

    @property
    def age_ms(self) -> float:
        """How old the picture is, from the camera to the pixels."""
        return self.now_ms - self.captured_ms

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


class Visit:
    """A page, and everything that goes wrong on it."""

    def __init__(self, page: Page, hosts: Iterable[str], allowed: Iterable[str]) -> None:
        self.page, self._hosts = page, set(hosts)
        self._allowed: list[re.Pattern[str]] = []
        self.allow(allowed)
        self.problems: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"uncaught: {error}"))
        page.on("request", lambda request: self._address(request.url))
        page.on("websocket", lambda socket: self._address(socket.url))

    def allow(self, patterns: Iterable[str]) -> None:
        """Errors on the console that are to be expected from now on."""
        self._allowed += [re.compile(pattern) for pattern in patterns]

    def _note(self, problem: str) -> None:
        if not any(pattern.search(problem) for pattern in self._allowed):
            self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self._hosts:
            self.problems.append(f"a request to another host: {url}")

    def goto(self, url: str) -> None:
        """Opens an address; does not wait for a picture, which may have no end."""
        self.page.goto(url, wait_until="domcontentloaded")

    def try_picture(self, tile: str | None = None) -> Picture:
        """The picture on screen now, in the whole page or the tile of a stream; AssertionError without one."""
        if tile is None:
            found = self.page.evaluate("camherdProbe.picture()")
        else:
            found = self.page.locator(f'a[aria-label="Watch {tile}"]').evaluate("tile => camherdProbe.picture(tile)")
        assert "error" not in found, found
        return Picture(found["sequence"], found["capturedMs"], found["now"], found["width"], found["height"])

    def picture(self, after: int = -1, tile: str | None = None, timeout: float = 15.0) -> Picture:
        """Waits for a picture on screen with a number above ``after``."""

        def newer() -> Picture:
            found = self.try_picture(tile)
            assert found.sequence > after, f"still picture {found.sequence}"
            return found

        return eventually(newer, f"a picture after {after}", timeout)

    def assert_picture_is_seen(self, tile: str | None = None) -> None:
        """Fails for a picture that is black, white or uniform, or not laid out."""
        scope = "document" if tile is None else f"document.querySelector('a[aria-label=\"Watch {tile}\"]')"
        seen = self.page.evaluate(f"camherdProbe.contrast({scope})")
        assert 30 < seen["mean"] < 225 and seen["deviation"] > 15, seen

    def stats(self) -> dict[str, Any]:
        """The player's own numbers; empty while there is no player."""
        return self.page.evaluate("document.querySelector('camherd-player')?.stats ?? {}")

    def text(self, selector: str) -> str:
        """The visible text of the only element that fits."""
        return self.page.locator(selector).inner_text()

    def message(self) -> str:
        """The words over the player's picture; empty when there are none."""
        message = self.page.locator("camherd-player .message")
        return message.inner_text() if message.is_visible() else ""

    def mark(self) -> None:
        """Leaves a mark that a reload would wipe out."""
        self.page.evaluate("globalThis.camherdMark = true")

    def assert_not_reloaded(self) -> None:
        assert self.page.evaluate("globalThis.camherdMark === true"), "the page was loaded anew"


class Browser:
    """Chromium, for one module of tests."""

    def __init__(self, playwright: Playwright) -> None:
        self.chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        self._visits: list[Visit] = []

    def context(self, window: tuple[int, int] = WINDOW, **options: Any) -> BrowserContext:
        """A browser profile of its own: no cookies, no cache."""
        options["viewport"] = {"width": window[0], "height": window[1]}
        context = self.chromium.new_context(**options)
        context.set_default_timeout(TIMEOUT_MS)
        reader = re.sub(r"^export ", "", _READER.read_text(), flags=re.MULTILINE)
        context.add_init_script(_PROBE % {"reader": reader})
        return context

    def open(
        self,
        url: str,
        *,
        context: BrowserContext | None = None,
        script: str = "",
        allow: Iterable[str] = (),
        hosts: Iterable[str] = (),
        **options: Any,
    ) -> Visit:
        """Opens a page; ``script`` runs before its own, ``allow`` are patterns of console errors to expect.

        It may talk to its own host and to ``hosts``, each as HOST:PORT.
        """
        page = (context or self.context(**options)).new_page()
        if script:
            page.add_init_script(script)
        visit = Visit(page, [urlsplit(url).netloc, *hosts], allow)
        self._visits.append(visit)
        visit.goto(url)
        return visit

    def close_all(self) -> None:
        """Closes all pages, and fails for what went wrong on them."""
        problems = [problem for visit in self._visits for problem in visit.problems]
        self._visits.clear()
        for context in self.chromium.contexts:
            try:
                context.close()
            except PlaywrightError as error:
                problems.append(f"closing: {error}")
        assert not problems, "\n".join(problems)

    def end(self) -> None:
        self.chromium.close()
