"""Requests to a real server, each on a new connection, with a long timeout.

A new httpx client loads the system's certificates, which takes longer than an answer.
"""

import httpx

from tests.process import HANG_SECONDS


def client(url: str = "", timeout: float = HANG_SECONDS, **options: object) -> httpx.Client:
    options |= {"verify": False, "trust_env": False}
    return httpx.Client(base_url=url, timeout=timeout, **options)


def request(
    method: str, url: str, *, timeout: float = HANG_SECONDS, **options: object
) -> httpx.Response:
    with client(timeout=timeout) as one:
        return one.request(method, url, **options)


def get(url: str, **options: object) -> httpx.Response:
    return request("GET", url, **options)


def post(url: str, **options: object) -> httpx.Response:
    return request("POST", url, **options)
