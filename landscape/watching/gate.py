"""Which requests are answered.

Owns: the decision, on a request's method, target and headers alone. Any page in the browser can send requests to this machine,
and so can any user of it. So only our own page gets an answer: a request must name this machine as its host (or another name
could be made to lead here), must not come from another origin, and must know the secret that stands in the address, which only
the terminal shows. Nothing leads to a file.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

METHODS = ("GET", "HEAD")
PAGE, STYLE, SCRIPT, EVENTS, PICTURE = ROUTES = ("", "page.css", "page.js", "events", "picture.svg")
# On every answer. The page takes scripts, styles and pictures from here only, and no other page may show or read any of it.
HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class RequestRefused(Exception):
    """The request gets this status, and a text that repeats nothing of what was sent."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text


def route_of(method: str, target: str, headers: Sequence[tuple[str, str]], port: int, secret: str) -> str:
    """The route, one of `ROUTES`; `headers` are those of the request, in any case.

    Raises:
        Refused: it is none of ours.
    """
    ours = (f"127.0.0.1:{port}", f"localhost:{port}")
    if _values(headers, "host") not in [[host] for host in ours]:
        raise RequestRefused(403, f"this page is at {ours[0]} only; through a tunnel, take the same port at both ends")
    if any(origin not in [f"http://{host}" for host in ours] for origin in _values(headers, "origin")):
        raise RequestRefused(403, "another page may not read this one")
    if method not in METHODS:
        raise RequestRefused(405, "expected GET or HEAD")
    _, given, *rest = (target.partition("?")[0]).split("/", 2) if target.startswith("/") else ("", "")
    known = hmac.compare_digest(given.encode(errors="replace"), secret.encode())
    if not known or len(rest) != 1 or rest[0] not in ROUTES:
        raise RequestRefused(404, "nothing here; the address is the one that the terminal shows")
    return rest[0]


def _values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value.strip().lower() for key, value in headers if key.lower() == name]
