"""Send GET /health/live every 10 ms, over one connection, until standard input ends.

It is a separate process, since a thread would also wait for the copies of the client.
"""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PERIOD_SECONDS = 0.01
TIMEOUT_SECONDS = 120
ASK = b"GET /health/live HTTP/1.1\r\nHost: prober\r\n\r\n"


@contextmanager
def probing(port: int) -> Iterator[list[float]]:
    """Probe during the block. At its end the list has the longest wait, in seconds."""
    longest: list[float] = []
    command = [sys.executable, "-m", "benchmarks.longest_wait.prober", str(port)]
    with subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            # Its first line says that it has started.
            if process.stdout:
                process.stdout.readline()
            yield longest
            # Include the time in which memory is freed after the answer.
            time.sleep(5 * PERIOD_SECONDS)
        finally:
            said, _ = process.communicate()
    longest.append(float(said))


def main(port: int) -> None:
    stopped = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stopped,), daemon=True).start()
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
        _ask(connection)
        print("asking", flush=True)
        longest = 0.0
        while not stopped.wait(PERIOD_SECONDS):
            longest = max(longest, _ask(connection))
        # The last probe starts after the block's end, so that freeing memory counts.
        print(max(longest, _ask(connection)))


def _wait_for_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def _ask(connection: socket.socket) -> float:
    """The seconds until the answer."""
    start = time.perf_counter()
    connection.sendall(ASK)
    if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
        raise ConnectionError("the prober was not answered")
    return time.perf_counter() - start


if __name__ == "__main__":
    main(int(sys.argv[1]))
