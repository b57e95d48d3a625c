"""A headless Chromium that tests drive: real mouse, wheel and keys, and what the page's script says.

Owns: the browser's process and its DevTools protocol, over pipes (JSON messages that a zero byte ends), with nothing but the
standard library. Knows no page of ours.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHOUT = "no chromium on this machine"
# Reliefs are drawn by WebGL, here without a graphics card; nothing else than the page may use the network or the processor.
FLAGS = (
    "--headless=new --no-sandbox --no-first-run --remote-debugging-pipe --use-gl=angle --use-angle=swiftshader "
    "--enable-unsafe-swiftshader --ignore-gpu-blocklist --disable-background-networking --disable-component-update "
    "--disable-sync --disable-quic --disable-extensions --hide-scrollbars --mute-audio"
)
PATIENCE = 60.0


class Browser:
    """One page of a browser; `errors` are what its console and its script complained about, `pid` is its first process."""

    def __init__(self, folder: str) -> None:
        inward, self._out = os.pipe()
        self._in, outward = os.pipe()
        words = [str(CHROMIUM), *FLAGS.split(), f"--user-data-dir={folder}", "about:blank"]
        # The protocol has the numbers 3 and 4; the shell puts the pipes there.
        shell = f'exec "$0" "$@" 3<&{inward} 4>&{outward}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, *words],
            pass_fds=(inward, outward),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        os.close(inward)
        os.close(outward)
        self._rest, self._number, self._session = b"", 0, ""
        self.errors: list[str] = []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        self._process.wait(timeout=PATIENCE)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one message of the protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        for heard in self._heard():
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise RuntimeError(f"{method}: {heard['error']['message']}")
                return heard["result"]
        raise AssertionError("unreachable")

    def _heard(self) -> Iterator[dict[str, Any]]:
        """What the browser says, without end; errors of the page are noted."""
        until = time.monotonic() + PATIENCE
        while True:
            while b"\0" not in self._rest:
                ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
                part = os.read(self._in, 1 << 20) if ready else b""
                if not part:
                    raise TimeoutError(f"the browser has been silent for {PATIENCE:g} s, or has ended")
                self._rest += part
            message, self._rest = self._rest.split(b"\0", 1)
            heard = json.loads(message)
            self._note(heard)
            yield heard

    def _note(self, heard: dict[str, Any]) -> None:
        known = heard.get("params", {})
        if heard.get("method") == "Runtime.exceptionThrown":
            details = known["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        if heard.get("method") == "Runtime.consoleAPICalled" and known["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(each.get("value", each.get("description"))) for each in known["args"]))
        if heard.get("method") == "Log.entryAdded" and known["entry"]["level"] == "error":
            self.errors.append(known["entry"]["text"])

    def run(self, script: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    def wait(self, condition: str) -> Any:
        """The value of an expression once it is true; it is asked for at every frame."""
        until = 1000 * PATIENCE
        script = f"""new Promise((done, fail) => {{
          const end = performance.now() + {until};
          const ask = () => {{
            let found = null;
            try {{ found = {condition}; }} catch (error) {{}}
            if (found) done(found);
            else if (performance.now() > end) fail(new Error("never true: " + {json.dumps(condition)}));
            else requestAnimationFrame(ask);
          }};
          ask();
        }})"""
        return self.run(script)

    def size(self, width: int, height: int) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, path: Path, width: int = 1400, height: int = 1000) -> None:
        """Opens a file in a window of that size; the errors of the page before are forgotten."""
        self.size(width, height)
        self.errors.clear()
        self.send("Page.navigate", url=path.resolve().as_uri())

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 4) -> None:
        held: dict[str, Any] = {"button": "left", "buttons": 1}
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, clickCount=1, **held)
        for step in range(1, steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, **held)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def wheel(self, at: tuple[float, float], down: float) -> None:
        self.mouse("mouseWheel", *at, deltaX=0, deltaY=down)

    def key(self, name: str) -> None:
        text = {"text": name} if len(name) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=name, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=name)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, until the block ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        opened = Browser(folder)
        try:
            yield opened
        finally:
            opened.close()
