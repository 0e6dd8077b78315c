"""The installed Firefox, by WebDriver BiDi, which it speaks itself. https://w3c.github.io/webdriver-bidi/"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.process import HANG_SECONDS, wait_until

Point = tuple[int, int]


def find_firefox() -> str | None:
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One tab. `complaints` are the errors and warnings of its console."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self.complaints: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        (tab,) = self.call("browsingContext.getTree")["contexts"]
        self._tab = tab["context"]

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv(timeout=HANG_SECONDS))
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] != "info":
                self.complaints.append(answer["params"]["text"])
            if answer.get("id") == self._sent:
                assert answer["type"] == "success", answer
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, as JSON."""
        found = self.call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(JSON.stringify)",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"].get("value", "null"))

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until the first such element contains the text."""
        content = f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"
        wait_until(lambda: text in self.evaluate(content))

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press at one place of an element, in shares of its size, and release at another."""
        points = self.evaluate(
            f"""(() => {{
                const node = document.querySelector({json.dumps(selector)});
                node.scrollIntoView({{ block: "center", behavior: "instant" }});
                const {{ left, top, width, height }} = node.getBoundingClientRect();
                return {json.dumps([start, end])}.map(
                    ([x, y]) => [Math.round(left + x * width), Math.round(top + y * height)]);
            }})()"""
        )
        moves = [{"type": "pointerMove", "x": x, "y": y} for x, y in points]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, moves[1]]
        mouse = {"type": "pointer", "id": "mouse"}
        pointer = mouse | {"actions": [*actions, {"type": "pointerUp", "button": 0}]}
        self.call("input.performActions", context=self._tab, actions=[pointer])

    def screenshot(self) -> str:
        """The view as PNG, in base64."""
        found = self.call("browsingContext.captureScreenshot", context=self._tab)
        return str(found["data"])


@contextmanager
def running_firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """A Firefox with an empty profile in the folder `profile`."""
    command = [program, "--headless", "--remote-debugging-port=0", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            # It writes this file when it listens.
            server = profile / "WebDriverBiDiServer.json"
            wait_until(lambda: server.exists() and server.read_text())
            port = json.loads(server.read_text())["ws_port"]
            url = f"ws://127.0.0.1:{port}/session"
            with connect(url, max_size=None, proxy=None) as socket:
                yield Firefox(socket)
        finally:
            process.kill()
