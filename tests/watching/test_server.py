"""A real server on a free port: what it answers on the wire, to its page and to others."""

import http.client
import json
import re
import select
import socket
import threading

import pytest

from landscape.errors import LandscapeError
from landscape.watching import server as module
from landscape.watching.board import Board
from landscape.watching.gate import HEADERS
from landscape.watching.painter import Picture
from landscape.watching.reading import reading_of
from landscape.watching.server import HERE, MOST, PageServer
from landscape.watching.state import RUNNING, State

MARKUP = "</script><img src=x onerror=alert(1)>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
def board(grown):
    made = Board()
    made.put(State(f"/runs/{MARKUP}.h5", RUNNING, reading=reading_of(grown(5, name=MARKUP))))
    return made


@pytest.fixture
def server(board):
    made = PageServer(board)
    yield made
    made.close()


def ask(server: PageServer, route: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, f"/{server.secret}/{route}", headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def raw(server: PageServer, request: bytes) -> bytes:
    """What comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        wire.sendall(request)
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def first_event(server: PageServer) -> tuple[socket.socket, dict]:
    """An open stream, and the first state on it."""
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    wire.sendall(f"GET /{server.secret}/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    return wire, next_event(wire)


def next_event(wire: socket.socket) -> dict:
    received = b""
    while not (found := re.search(rb"data: (.*)\n\n", received)):
        received += wire.recv(65536)
    return json.loads(found[1])


def test_it_listens_on_this_machine_only(server):
    assert server._server.socket.getsockname()[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.port}/{server.secret}/" and len(server.secret) >= 20


def test_every_answer_has_the_headers_that_keep_others_out(server):
    for route, status in (("", 200), ("page.js", 200), ("picture.svg", 404), ("nothing", 404)):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            found, headers, body = ask(server, route, method)
            assert found == (status if method in ("GET", "HEAD") else 405)
            assert {name.lower(): value for name, value in HEADERS}.items() <= headers.items()
            assert not any(name.startswith("access-control") or name in ("server", "date") for name in headers)
            assert method != "HEAD" or body == b""


def test_others_get_nothing_of_the_run(server):
    for headers in ({"Host": f"evil.example:{server.port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        status, _, body = ask(server, "events", **headers)
        assert status == 403 and b"ResNet" not in body and b"points" not in body


def test_what_was_sent_is_never_repeated(server):
    loud = b"<script>alert(1)</script>"
    host = f"Host: 127.0.0.1:{server.port}\r\n\r\n".encode()
    for request in (
        b"GET /" + loud + b" HTTP/1.1\r\n" + host,
        loud + b" / HTTP/1.1\r\n" + host,
        b"GET / HTTP/" + loud + b"\r\n" + host,
        b"GET / " + loud + b" HTTP/1.1\r\n" + host,
        b"GET / HTTP/1.1\r\nHost: " + loud + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + loud + b" HTTP/1.1\r\n" + host,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + host,
    ):
        answer = raw(server, request)
        assert b"alert" not in answer and re.match(rb"HTTP/1.0 [45]\d\d", answer), request[:40]
        assert b"nosniff" in answer
    assert b" 200 " not in raw(server, f"GET /{server.secret}/\r\n".encode())


def test_the_page_holds_nothing_of_a_file_and_its_script_sets_texts_only(server):
    status, headers, page = ask(server, "")
    assert (
        status == 200 and page == (HERE / "page.html").read_bytes() and headers["content-type"].startswith("text/html")
    )
    script = ask(server, "page.js")[2].decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(", script)
    assert (
        b"onclick" not in page and b"style=" not in page and page.count(b"<script") == 1
    )  # else the policy would stop it
    wire, state = first_event(server)
    wire.close()
    assert MARKUP in state["title"] and MARKUP in state["file"], "texts travel as JSON, whole"


def test_each_state_and_picture_reaches_a_page_that_waits(server, board, grown):
    wire, state = first_event(server)
    assert state["progress"] == "5 of 20 points (25 %)" and state["picture"] == 0
    board.put(State("a.h5", RUNNING, reading=reading_of(grown(6))))
    assert next_event(wire)["progress"] == "6 of 20 points (30 %)"
    board.hang(Picture(SVG))
    assert next_event(wire)["picture"] == 1 and ask(server, "picture.svg")[2] == SVG
    board.hang(Picture(b"", "no values yet"))
    later = next_event(wire)
    assert (later["picture"], later["note"]) == (1, "no values yet") and ask(server, "picture.svg")[2] == SVG
    server.close()
    assert wire.recv(100) == b"", "the end of the watch ends the stream"
    wire.close()


def test_a_state_that_is_the_same_is_not_sent_again(board, grown):
    number, _ = board.wait(0, 0)
    board.put(State(f"/runs/{MARKUP}.h5", RUNNING, reading=reading_of(grown(5, name=MARKUP))))
    assert board.wait(number, 0) is None


def test_readers_who_say_nothing_leave_room_for_the_page(server):
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(MOST)]
    with pytest.raises(OSError):  # more than that are turned away, not queued
        ask(server, "")
    for wire in silent:
        wire.close()
    while threading.active_count() > MOST:  # until their ends have been noticed
        pass
    assert ask(server, "")[0] == 200


def test_a_thread_that_cannot_start_keeps_no_place(server, monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        for _ in range(2 * MOST):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
                assert wire.recv(100) == b"", "turned away"
    assert ask(server, "")[0] == 200


def test_a_request_that_comes_byte_by_byte_ends_like_one_that_never_comes(board, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    server = PageServer(board)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire, pytest.raises(OSError):
        while True:  # each byte comes long before a reader who waits for one gives up
            wire.sendall(b"G")
            if select.select([wire], [], [], 0.05)[0] and not wire.recv(10):
                raise OSError("closed")
    server.close()


def test_another_run_does_not_keep_the_picture_of_the_last_one(board, server, grown):
    board.hang(Picture(SVG))
    board.put(State("a.h5", RUNNING, reading=reading_of(grown(6, name=MARKUP))))
    assert board.svg == SVG, "a new state of one run keeps it"
    board.put(State("a.h5", RUNNING, reading=reading_of(grown(6, started="later"))))
    assert board.svg == b"" and ask(server, "picture.svg")[0] == 404


def test_the_last_state_is_given_after_the_end(board, grown):
    number, _ = board.wait(0, 0)
    board.put(State("a.h5", RUNNING, reading=reading_of(grown(20))))
    board.close()
    last = board.wait(number, 10)
    assert json.loads(last[1])["progress"].startswith("20 of 20") and board.wait(last[0], 10) is None


def test_a_port_that_is_taken_is_an_error_that_names_it(server):
    with pytest.raises(LandscapeError, match=f"port {server.port}: cannot be taken"):
        PageServer(Board(), server.port)
