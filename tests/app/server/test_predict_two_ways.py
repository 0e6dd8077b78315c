"""The fast path and the application answer, count and log any request in the same way.

Two servers with the same settings get the same requests. The requests of the second have a
header twice, which is not ordinary: all of them take the application.
"""

import io
import json
import re
import runpy
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from app.api.auth.keys import Scope, new_key
from tests.checkpoints import save_model
from tests.process import Process, running_server
from tests.wire import connected, get

UNUSUAL = [b"Via: 1.1 a", b"Via: 1.1 b"]
FEATURES = ("x0", "x1", "x2", "x3")
RIGHT = new_key("right", [Scope.PREDICT], "100000/second")
FEW = new_key("few", [Scope.PREDICT], "1/day")
OTHER = new_key("other", [Scope.METRICS], None)
# Random or a time: only its presence is compared.
VARIES = {"date", "x-request-id", "x-prediction-id", "retry-after", "ratelimit"}
COUNTED = (
    "http_requests_total",
    "http_request_duration_seconds_count",
    "predictions_total",
    "out_of_range_inputs_total",
    "prediction_batch_size",
    "inferences_total",
    "rollout_requests_total",
    "shadow_requests_total",
)


class Sent(NamedTuple):
    """One request, and the number of its bytes in the first packet."""

    method: bytes
    target: bytes
    version: bytes
    headers: tuple[bytes, ...]
    body: bytes
    chunked: bool
    cut: int

    def render(self, *more: bytes) -> bytes:
        framing, body = b"Content-Length: %d" % len(self.body), self.body
        if self.chunked:
            framing = b"Transfer-Encoding: chunked"
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n"
        line = b"%b %b HTTP/%b" % (self.method, self.target, self.version)
        return b"\r\n".join([line, *self.headers, *more, framing, b"", body])


def mostly(usual: bytes | None, *others: bytes | None) -> st.SearchStrategy[bytes | None]:
    return st.sampled_from([usual] * 9 * len(others) + [*others])


def bearer(key: str) -> bytes:
    return b"Authorization: Bearer " + key.encode()


numbers = st.floats(-100, 100, width=32) | st.sampled_from(
    [1e39, 3e38, -0.0, 1e-45, True, "1", None]
)
rows = st.fixed_dictionaries(dict.fromkeys(FEATURES, st.floats(-100, 100, width=32)))
odd_rows = st.dictionaries(st.sampled_from([*FEATURES, "x4", "é"]), numbers, max_size=5)
bodies = st.one_of(
    rows.map(json.dumps),
    rows.map(json.dumps),
    st.lists(rows | odd_rows, max_size=3).map(lambda each: json.dumps({"instances": each})),
    st.integers(60, 70).map(lambda n: json.dumps({"instances": [dict.fromkeys(FEATURES, 1)] * n})),
    odd_rows.map(json.dumps),
    st.sampled_from(["", "null", "{", "[]", '{"x0": NaN}', '{"x0":1,"x0":1,"x1":1,"x2":1,"x3":1}']),
).map(str.encode) | st.binary(max_size=20)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_bodies(row: list[int]) -> st.SearchStrategy[bytes]:
    """Arrays of this row shape, as one instance or many, and bodies that are none."""
    right = st.sampled_from([row, [1, *row], [3, *row], [70, *row], [0, *row], [2, 2], [5]])

    def body(shape: list[int], dtype: str, value: float) -> bytes:
        with np.errstate(all="ignore"):
            return npy(np.full(shape, value).astype(dtype))

    arrays = st.builds(
        body,
        right,
        st.sampled_from(["<f4", "<f4", "<f8", ">f4", "<i4", "?", "<c8"]),
        st.floats(-100, 100, width=32) | st.sampled_from([np.inf, 1e39]),
    )
    return arrays | arrays.map(lambda body: body[:-1]) | st.binary(max_size=20)


headers = st.tuples(
    mostly(
        b"Host: models.test",
        b"hOST: MODELS.test:80",
        b"Host: evil.com",
        b"Host:",
        b"Host: a.internal",
        b"Host: models.test@evil.com",
        None,
    ),
    mostly(
        bearer(RIGHT[0]),
        *[bearer(FEW[0])] * 4,
        bearer(OTHER[0]),
        bearer("wrong"),
        None,
        b"authorization: bearer  " + RIGHT[0].encode(),
        b"Authorization: " + RIGHT[0].encode(),
        b"Authorization:",
        b"Authorization: Basic " + RIGHT[0].encode(),
    ),
    mostly(
        None,
        b"X-Request-Timeout: 5",
        b"x-request-timeout: 1e-9",
        b"X-Request-Timeout: 1_0",
        b"X-Request-Timeout: 0",
        b"X-Request-Timeout:",
        b"X-Request-Timeout: 86401",
    ),
    mostly(
        None,
        b"Accept: */*",
        b"Accept: text/html",
        b"Accept: application/json",
        b"Accept: application/x-npy",
        b"Accept:",
    ),
    mostly(None, b"Content-Encoding: gzip", b"Content-Encoding: identity"),
    mostly(None, b"Origin: https://app.test", b"Origin: https://evil.com"),
    mostly(None, b"X-Prediction-Log: off", b"X-Prediction-Log: on"),
    mostly(None, b"Expect: 100-continue", b"Connection: close", b"Upgrade: h2c", b"Cookie: a=b"),
    # Again, with other values.
    mostly(
        None,
        b"Authorization: Bearer wrong",
        b"Host: evil.com",
        b"X-Request-Timeout: 7",
        b"Content-Type: text/plain",
    ),
).map(lambda given: tuple(each for each in given if each is not None))
json_types = mostly(
    b"Content-Type: application/json",
    None,
    b"content-type: text/plain",
    b"CONTENT-TYPE: application/json; charset=utf-8",
    b"Content-Type: application/x-npy",
)
npy_types = mostly(b"Content-Type: application/x-npy", b"Content-Type: application/json")


def requests_of(
    typed_bodies: st.SearchStrategy[tuple[bytes | None, bytes]],
) -> st.SearchStrategy[Sent]:
    return st.tuples(typed_bodies, requests).map(
        lambda drawn: drawn[1]._replace(
            body=drawn[0][1],
            headers=(*([] if drawn[0][0] is None else [drawn[0][0]]), *drawn[1].headers),
        )
    )


requests = st.builds(
    Sent,
    mostly(b"POST", b"GET", b"HEAD", b"PUT", b"post"),
    mostly(
        b"/predict",
        b"/predict?",
        b"/predict?calibrated=false",
        b"/predict/",
        b"//predict",
        b"/Predict",
        b"/%70redict",
        b"/predict#a",
        b"http://models.test/predict",
        b"http://evil.com/predict",
        b"/predict;a=1",
        b"/predict%00",
        b"/../predict",
    ),
    mostly(b"1.1", b"1.0"),
    headers,
    st.just(b""),
    st.sampled_from([False] * 9 + [True]),
    st.integers(0, 400),
)


def reply(server: Process, sent: Sent, number: int, more: list[bytes]) -> tuple[object, ...]:
    content = sent.render(b"X-Request-ID: n%d" % number, *more)
    with connected(server.url, timeout=60) as wire:
        wire.send(content[: sent.cut])
        wire.send(content[sent.cut :])
        found = wire.reply(sent.method.decode())
    if found is None:
        return (None,)
    shown = sorted(
        (name.lower(), "" if name.lower() in VARIES else value)
        for name, value in found.headers.items()
    )
    return found.status, shown, found.body


def may_be_answered(sent: Sent) -> bool:
    """By the documentation, without code of the service."""
    given = [header.partition(b":")[::2] for header in sent.headers]
    keys = [value.split() for name, value in given if name.lower() == b"authorization"]
    hosts = [value.strip().lower() for name, value in given if name.lower() == b"host"]
    allowed = [[b"bearer", key.encode()] for key, _ in (RIGHT, FEW)]
    return (
        len(keys) == len(hosts) == 1
        and [keys[0][0].lower(), *keys[0][1:]] in allowed
        and re.fullmatch(rb"(models\.test|[a-z]+\.internal)(:\d+)?", hosts[0]) is not None
    )


def metrics(server: Process) -> list[str]:
    with connected(server.url) as wire:
        wire.send(get(b"/metrics", bearer(OTHER[0])).replace(b"Host: test", b"Host: models.test"))
        found = wire.reply()
    assert found is not None
    lines = found.body.decode().splitlines()
    counted = [line for line in lines if line.startswith(COUNTED)]
    return [line for line in counted if "_sum" not in line and "_created" not in line]


def logged(server: Process) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if "n" in line]
    kept = [line for line in lines if line.get("request_id", "").startswith("n")]
    return [{k: v for k, v in each.items() if k not in ("time", "milliseconds")} for each in kept]


def recorded(path: Path) -> list[tuple[object, ...]]:
    columns = "request_id, model, version, state_sha256, inputs, probabilities, class"
    with sqlite3.connect(path) as connection:
        found = connection.execute(f"SELECT {columns} FROM predictions").fetchall()
    return sorted(found)


def run_both_ways(
    tmp_path: Path, sent: st.SearchStrategy[Sent], examples_: int, options: list[str]
) -> tuple[set[object], list[dict[str, object]]]:
    """The statuses and the log lines of requests that two servers answer alike."""
    (tmp_path / "keys.toml").write_text("\n".join(entry for _, entry in (RIGHT, FEW, OTHER)))
    options = [*options, "--api-keys", f"{tmp_path}/keys.toml"]
    options += ["--trusted-hosts", "models.test,*.internal", "--request-timeout-seconds", "60"]
    numbers_sent, statuses = iter(range(10**6)), set[object]()
    with ExitStack() as stack:
        fast, routed = [
            stack.enter_context(
                running_server(
                    tmp_path / f"{number}.log", *(each.format(number) for each in options)
                )
            )
            for number in range(2)
        ]

        @given(sent)
        @examples(
            max_examples=examples_,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        def answered_alike(sent: Sent) -> None:
            number = next(numbers_sent)
            answer = reply(fast, sent, number, [])
            assert answer == reply(routed, sent, number, UNUSUAL)
            statuses.add(answer[0])
            assert answer[0] != 200 or may_be_answered(sent), sent

        answered_alike()
        assert metrics(fast) == metrics(routed)
        assert fast.stop() == routed.stop() == 0
    assert logged(fast) == logged(routed)
    return statuses, logged(fast)


def test_both_ways_answer_count_and_log_the_same(tmp_path: Path) -> None:
    for version in (1, 2):
        (tmp_path / "models" / "made" / f"{version}").mkdir(parents=True)
        save_model(tmp_path / "models" / "made" / f"{version}" / "made.pth", seed=version)
    options = ["--models", f"{tmp_path}/models", "--model", "made", "--version-policy", "all"]
    options += ["--canary", "made:1=0.5", "--prediction-log", f"sqlite:///{tmp_path}/{{}}.db"]
    json_or_npy = st.tuples(json_types, bodies) | st.tuples(npy_types, npy_bodies([4]))
    statuses, lines = run_both_ways(tmp_path, requests_of(json_or_npy), 400, options)
    assert statuses >= {200, 400, 401, 415, 421, 422, 429}
    assert len(lines) > 200
    assert recorded(tmp_path / "0.db") == recorded(tmp_path / "1.db")
    assert recorded(tmp_path / "0.db")


NETS = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
        self.head = nn.Linear(2 * 2 * 3, 3)

    def forward(self, x):
        return self.head(self.body(x)).log_softmax(1)
"""


def test_both_ways_answer_the_same_for_any_module(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    torch.save(runpy.run_path(f"{tmp_path}/nets.py")["Net"]().state_dict(), tmp_path / "net.pth")
    np.save(tmp_path / "x.npy", np.zeros((2, 1, 4, 5), np.float32))
    options = ["--model", f"{tmp_path}/net.pth", "--code", f"{tmp_path}/nets.py:Net"]
    options += ["--example", f"{tmp_path}/x.npy"]
    row = st.floats(-100, 100, width=32).map(lambda value: np.full((1, 4, 5), value).tolist())
    instances = st.lists(row, max_size=3).map(lambda rows: {"instances": rows})
    json_bodies = (
        (row | instances | st.sampled_from([[], None, {}])).map(json.dumps).map(str.encode)
    )
    json_or_npy = st.tuples(json_types, json_bodies) | st.tuples(npy_types, npy_bodies([1, 4, 5]))
    statuses, lines = run_both_ways(tmp_path, requests_of(json_or_npy), 150, options)
    assert statuses >= {200, 401, 421, 422}
    assert len(lines) > 100
