"""Serves the page on loopback: to requests that name this machine, and of all methods to GET alone.

Addresses on the page are relative, so that it is the same through a tunnel, under any port.
"""

import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from analysis.errors import AnalysisError
from analysis.report.html.document import part as report_part
from analysis.watch.datasets import WatchedDatasets
from analysis.watch.page import part

LOOPBACK = "127.0.0.1"
HOSTS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
"""What a browser on this machine, or at the end of a tunnel, calls the host: a page from elsewhere whose
name leads here would call it otherwise."""
PICTURE = re.compile(r"/(\d{1,3})\.svg", re.ASCII)
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HTML, _JSON, _SVG = "text/html", "application/json", "image/svg+xml"


class PageServer(ThreadingHTTPServer):
    """Serves the page of datasets on loopback.

    Args:
        datasets: what is shown.
        port: 0 takes any that is free.
    Raises:
        AnalysisError: the port cannot be taken.
    """

    daemon_threads = True

    def __init__(self, datasets: WatchedDatasets, port: int) -> None:
        self.datasets = datasets
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise AnalysisError(
                f"Cannot serve on port {port} ({error.strerror}); expected a free one. Choose another "
                "with --port, or leave it out."
            ) from error

    @property
    def url(self) -> str:
        """Where the page is on this machine."""
        return f"http://{LOOPBACK}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PageServer
    server_version, sys_version = "bocnn", ""

    def do_GET(self) -> None:
        """Answer with the page, its parts, the state, or an error."""
        if not HOSTS.fullmatch(self.headers.get("Host", "")):
            self._send("This page is for this machine: open it as localhost.", status=421)
            return
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        shown = query.get("dataset", [""])[0]
        position = int(shown) if shown.isdecimal() and len(shown) < 6 else None
        if (shown and position is None) or not self.server.datasets.knows(position):
            self._send("There is no such dataset.", status=404)
            return
        self._answer(address.path, position, query.get("have", [""])[0])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a page asks every two seconds."""

    def _answer(self, path: str, shown: int | None, have: str) -> None:
        datasets = self.server.datasets
        if path == "/":
            self._send(datasets.page(shown), _HTML)
        elif path == "/state.json":
            self._send(datasets.state(shown, have), _JSON)
        elif path == "/watch.css":
            self._send(report_part("page.css") + part("watch.css"), "text/css")
        elif path == "/watch.js":
            self._send(part("watch.js"), "text/javascript")
        elif (number := PICTURE.fullmatch(path)) and (
            svg := datasets.picture(shown, int(number[1]))
        ):
            self._send(svg, _SVG)
        else:
            self._send("There is no such page.", status=404)

    def _send(self, text: str, kind: str = "text/plain", *, status: int = 200) -> None:
        status = status if text else HTTPStatus.NO_CONTENT
        content = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if kind == _HTML:
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)
