"""Which requests are answered: those of our own page, and no other that a browser or a user of this machine can send."""

import pytest

from landscape.watching.gate import HEADERS, ROUTES, RequestRefused, route_of

PORT, SECRET = 8123, "s3cret-_x"
HOST = ("Host", f"127.0.0.1:{PORT}")


def status_of(target, *headers, method="GET") -> int | str:
    """The route, or the status of the refusal."""
    try:
        return route_of(method, target, headers, PORT, SECRET)
    except RequestRefused as refused:
        return refused.status


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("host", [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"LocalHost:{PORT}"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_our_page_is_answered(route, host, method):
    own = ("Origin", f"http://{host}")
    assert status_of(f"/{SECRET}/{route}", ("Host", host), method=method) == route
    assert status_of(f"/{SECRET}/{route}?7", ("host", host), own, method=method) == route


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}", "127.0.0.1", "localhost", "127.0.0.1:80",
        f"localhost.:{PORT}", f"[::1]:{PORT}", f"0.0.0.0:{PORT}", f"127.1:{PORT}", f"2130706433:{PORT}", "",
        f"evil.example@127.0.0.1:{PORT}", f"127.0.0.1:{PORT}, evil.example", f"127.0.0.1:{PORT}0",
    ],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert status_of(f"/{SECRET}/events", ("Host", host)) == 403


def test_a_request_without_a_host_or_with_two_is_refused():
    assert status_of(f"/{SECRET}/") == 403
    assert status_of(f"/{SECRET}/", HOST, ("host", "evil.example")) == 403
    assert status_of(f"/{SECRET}/", HOST, HOST) == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", f"https://127.0.0.1:{PORT}", "http://127.0.0.1", f"http://127.0.0.1:{PORT}.evil.example",
     "file://", f"http://127.0.0.1:{PORT}/"],
)  # fmt: skip
def test_another_origin_is_refused(origin):
    assert status_of(f"/{SECRET}/events", HOST, ("Origin", origin)) == 403
    assert status_of(f"/{SECRET}/events", HOST, ("Origin", f"http://127.0.0.1:{PORT}"), ("ORIGIN", origin)) == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "GET ", ""])
def test_nothing_can_be_sent(method):
    assert status_of(f"/{SECRET}/", HOST, method=method) == 405


@pytest.mark.parametrize(
    "target",
    [
        "/", "", "*", "/events", "//events", f"/{SECRET}", f"/{SECRET}x/", f"/{SECRET[:-1]}/", f"/{SECRET.upper()}/", "//",
        f"//{SECRET}/", "/\u20ac\udc80/", f"/{SECRET}/page.html", f"/{SECRET}/../gate.py", f"/{SECRET}/%2e%2e/gate.py",
        f"/{SECRET}/..%2fgate.py", f"/{SECRET}//etc/passwd", f"/{SECRET}/events/",
        f"/{SECRET}/picture.svg/../../x", f"/{SECRET}/\\..\\x", f"/./{SECRET}/",
        f"/{SECRET}/page.js\x00.svg", f"http://127.0.0.1:{PORT}/{SECRET}/",
    ],
)  # fmt: skip
def test_nothing_else_is_there(target):
    assert status_of(target, HOST) == 404


def test_no_answer_lets_another_page_in():
    names = {name.lower() for name, _ in HEADERS}
    assert not any(name.startswith("access-control") for name in names)
    policy = dict(part.strip().split(" ", 1) for part in dict(HEADERS)["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert {"x-content-type-options", "cross-origin-resource-policy", "referrer-policy", "x-frame-options"} <= names
