"""The page of a watched file, on this machine only.

Owns: the server, its threads and their limits, and the answers. Which requests are answered is decided in gate.py; all that is
served is three files of this room and what the board holds.
"""

from __future__ import annotations

import io
import secrets
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from landscape.errors import LandscapeError
from landscape.render.variables import variables
from landscape.watching.board import Board
from landscape.watching.gate import EVENTS, HEADERS, PAGE, PICTURE, SCRIPT, STYLE, RequestRefused, route_of

HOST = "127.0.0.1"
# Connections at a time: a browser holds a few for each tab. Beyond these a new one is closed.
MOST = 32
# Seconds that a silent reader or writer is waited for, and between signs of life on a page that has no news.
PATIENCE, SIGN_OF_LIFE = 10.0, 15.0
HERE = Path(__file__).parent
FILES = {
    PAGE: ("page.html", "text/html; charset=utf-8"),
    STYLE: ("page.css", "text/css; charset=utf-8"),
    SCRIPT: ("page.js", "text/javascript; charset=utf-8"),
}
# What selects a dark page.
DARK_STYLE = "@media (prefers-color-scheme: dark) { :root {} }"
# Milliseconds after which a page that lost us asks again.
RETRY = b"retry: 1000\n\n"


class PageServer:
    """Serves the board until `close`.

    Raises:
        LandscapeError: the port cannot be taken.
    """

    def __init__(self, board: Board, port: int | None = None, secret: str | None = None):
        self.secret = secret or secrets.token_urlsafe(16)
        try:
            self._server = _Server((HOST, port or 0), _Handler)
        except OSError as error:
            raise LandscapeError(
                f"port {port}: cannot be taken ({error.strerror or error}); give another --port, or leave it out"
            ) from None
        self._server.board, self._server.secret = board, self.secret
        self._board = board
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="landscape-page", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/{self.secret}/"

    def close(self) -> None:
        """Ends all connections."""
        self._board.close()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, MOST
    board: Board
    secret: str

    def __init__(self, *given: Any):
        self._free = threading.BoundedSemaphore(MOST)
        super().__init__(*given)

    def server_bind(self) -> None:
        """Without the look-up of this machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started, so none gives the place back
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who leaves is no error, and nothing of a request reaches the terminal."""


class _Until(io.RawIOBase):
    """What a connection sends, up to a time: a request that comes byte by byte takes no longer than one that never comes."""

    def __init__(self, wire: socket.socket, seconds: float):
        self._wire, self._end = wire, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._wire.settimeout(left)
        try:
            return self._wire.recv_into(buffer)
        finally:
            self._wire.settimeout(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_Until(self.connection, PATIENCE))

    def do_GET(self) -> None:
        self._answer()

    # Methods that are refused are looked at too: the refusal is the same for all.
    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do_GET

    def _answer(self) -> None:
        self.close_connection = True
        try:
            route = route_of(self.command, self.path, self.headers.items(), self.server.server_port, self.server.secret)
        except RequestRefused as refused:
            self._send(refused.status, "text/plain; charset=utf-8", refused.text.encode())
            return
        if route == EVENTS:
            self._events()
        elif route == PICTURE:
            svg = self.server.board.svg
            self._send(200 if svg else 404, "image/svg+xml", svg)
        else:
            name, kind = FILES[route]
            style = variables(DARK_STYLE).encode() if route == STYLE else b""
            self._send(200, kind, style + (HERE / name).read_bytes())

    def _events(self) -> None:
        """Each state as soon as it is there (server-sent events), until the reader leaves or the watch ends."""
        self._send(200, "text/event-stream", RETRY, sized=False)
        after, board = 0, self.server.board
        while self.command != "HEAD":
            news = board.wait(after, SIGN_OF_LIFE)
            if news is None and board.closed:
                return
            after = news[0] if news else after
            self.wfile.write(b"data: " + news[1] + b"\n\n" if news else b":\n\n")

    def _send(self, status: int, kind: str, body: bytes, *, sized: bool = True) -> None:
        self.request_version = self.protocol_version  # also to a request of a version without headers
        self.send_response_only(status)
        for name, value in (("Content-Type", kind), *HEADERS):
            self.send_header(name, value)
        if status == 405:
            self.send_header("Allow", "GET, HEAD")
        if sized:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Of a request that cannot be read; the usual page would repeat what was sent."""
        self.close_connection = True
        self.command = self.command or ""
        self._send(code, "text/plain; charset=utf-8", b"expected GET or HEAD of the address that the terminal shows")

    log_message: Callable[..., None] = lambda *given: None
