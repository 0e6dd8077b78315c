"""What httpx lets through of a hostile server: errors of TLS and of names, and cookies."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import NoAnswer
from tests.stateserve.client.answers import RIGHT
from tests.stateserve.client.both_clients import BothClients

# Two hyphens say that the rest is Punycode, here of a character that no name has.
NO_NAME = "xn--a-ecp.test"
HINT = "an address is like http://127.0.0.1:8000"


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_an_address_has_a_name_that_can_be_read(make: type[Client | AsyncClient]) -> None:
    with pytest.raises(NoAnswer, match=f"^http://{NO_NAME}: Codepoint U.2488 .*; {HINT}$"):
        make(f"http://{NO_NAME}")


@pytest.mark.parametrize("name", ["a" * 64, "a..b"])
def test_a_name_that_the_system_does_not_take_is_no_answer(name: str) -> None:
    with pytest.raises(NoAnswer, match=f"^http://{name}/model: .*; {HINT}$"):
        Client(f"http://{name}").card()


def test_a_redirect_to_a_name_that_cannot_be_read_is_no_answer() -> None:
    answer = httpx.Response(302, headers={"Location": f"http://{NO_NAME}/"})
    transport = httpx.MockTransport(lambda _: answer)
    with pytest.raises(NoAnswer, match=f"^http://test/model: Codepoint .*; {HINT}$"):
        BothClients(transport, follow_redirects=True).card()


async def test_cookies_are_not_kept() -> None:
    asked: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers)
        headers = [("Set-Cookie", f"n{number}={'x' * 4000}; Path=/") for number in range(20)]
        return httpx.Response(200, headers=headers, json=RIGHT)

    transport = httpx.MockTransport(answer)
    client = Client("http://test", transport=transport)
    async with AsyncClient("http://test", transport=transport) as other:
        for _ in range(2):
            client.predict({"x": 1})
            await other.predict({"x": 1})
    assert len(asked) == 4
    assert not any("cookie" in headers for headers in asked)


# Of TLS 1.3: a record of data that no key encrypted, an alert, and what is no record.
NO_TLS = {
    "a record": b"\x17\x03\x03\x00\x40" + b"x" * 0x40,
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "HTTP": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    command = ["openssl", "req", "-x509", *key, "-keyout", str(file), "-out", str(file), *name]
    subprocess.run(command, check=True, capture_output=True)
    return file


@contextmanager
def tls_server(certificate: Path, then: bytes) -> Iterator[str]:
    """Yields its address. It answers each request, sent by TLS, with `then` without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with plain, context.wrap_socket(plain.dup(), server_side=True) as encrypted:
                    encrypted.recv(2**16)
                    plain.sendall(then)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("then", NO_TLS)
async def test_what_is_no_tls_is_no_answer(certificate: Path, then: str) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    with tls_server(certificate, NO_TLS[then]) as url:
        with pytest.raises(NoAnswer, match=f"^{url}/model: "):
            Client(url, verify=trusted, patience=0).card()
        async with AsyncClient(url, verify=trusted, patience=0) as client:
            with pytest.raises(NoAnswer, match=f"^{url}/model: "):
                await client.card()
