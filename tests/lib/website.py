"""A web server of pages that are not camherd's: another origin on this machine.

    with Website({"/": "<!doctype html>..."}) as site:
        browser.open(site.url, hosts=[...])
"""

from __future__ import annotations

import http.server
import mimetypes
import threading
from typing import Any, Mapping


class Website:
    """Serves ``files``, contents by path, at ``http://localhost:PORT``."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                content = files.get(path)
                body = content.encode() if isinstance(content, str) else content
                self.send_response(404 if body is None else 200)
                kind = mimetypes.guess_type("index.html" if path == "/" else path)[0]
                self.send_header("Content-Type", kind or "application/octet-stream")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """By name, so that it is not even the same host as ``127.0.0.1``."""
        return f"http://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Website:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
