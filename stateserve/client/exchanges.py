"""Build requests and read answers; the two clients send and wait.

Each exchange is a generator, like httpx's Auth flows, so Client and AsyncClient share the code.
It builds its request only when it is its turn: the bodies of queued predictions take no memory.
"""

import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import msgspec

from stateserve.checkpoint import Array, State, decode_safetensors
from stateserve.client.failures import no_answer
from stateserve.client.predictions import (
    Details,
    Instance,
    Prediction,
    Values,
    decode_any,
    decode_prediction,
    decode_predictions,
    encode_instances,
    plain,
)
from stateserve.client.retries import Attempt, Exchange, T, persist
from stateserve.errors import CheckpointError, ClientError, Fault, NoAnswer, Problem
from stateserve.model import Card, ModelCard
from stateserve.text import MOST_SHOWN

if TYPE_CHECKING:
    from torch import Tensor

    from stateserve.model import ModelView

KEY = re.compile(r"[\x21-\x7e]+")


class Exchanges:
    """One exchange for each method of the clients. `build` is build_request of an httpx client."""

    def __init__(self, build: Callable[..., httpx.Request], patience: float) -> None:
        self._build = build
        self._patience = patience

    def predict(
        self, instances: Instance | Iterable[Instance], details: Details
    ) -> Exchange[Prediction | list[Prediction]]:
        single = isinstance(instances, Mapping)

        def read(response: httpx.Response) -> Prediction | list[Prediction]:
            prediction_id = response.headers.get("x-prediction-id")
            if single:
                return decode_prediction(response.content, prediction_id)
            return decode_predictions(response.content, prediction_id)

        # A POST that changes nothing, and may be sent again.
        exchange = self._answer(
            read,
            "predict",
            method="POST",
            params=_query(details),
            content=encode_instances(instances),
            headers={"Content-Type": "application/json"},
        )
        return (yield from exchange)

    def predict_body(
        self, content: bytes, media_type: str, details: Details
    ) -> Exchange[list[Prediction]]:
        return self._answer(
            lambda response: decode_any(response.content, response.headers.get("x-prediction-id")),
            "predict",
            method="POST",
            params=_query(details),
            content=content,
            headers={"Content-Type": media_type, "Accept": "application/json"},
        )

    def feedback(
        self, prediction: Prediction | str, true_class: str | None, value: Values | None
    ) -> Exchange[None]:
        if (true_class is None) == (value is None):
            raise ClientError("feedback is either a true class or a true value")
        prediction_id = prediction if isinstance(prediction, str) else prediction.id
        if prediction_id is None:
            raise ClientError("the service did not log this prediction: it has no id")
        truth = {"class": true_class} if value is None else {"value": value}
        body = {"prediction_id": prediction_id, **truth}
        # Idempotent: it may be sent again.
        return self._ask(
            lambda _: None,
            "feedback",
            method="POST",
            content=json.dumps(body, default=plain).encode(),
            headers={"Content-Type": "application/json"},
        )

    def model(self) -> Exchange["ModelView"]:
        # Imported here, since ModelView imports torch; card() does not.
        from pydantic import TypeAdapter

        from stateserve.model import ModelView

        return self._ask(TypeAdapter(ModelView).validate_json, "model")

    def card(self) -> Exchange[Card | ModelCard]:
        return self._ask(_read_card, "model")

    def state(self) -> Exchange[dict[str, "Tensor"]]:
        return self._ask(_read_tensors, "state.safetensors")

    def arrays(self) -> Exchange[State]:
        return self._ask(decode_safetensors, "state.safetensors")

    def tensor(self, name: str, slice: str | None) -> Exchange["Tensor"]:
        return self._one(name, slice, _read_tensors)

    def array(self, name: str, slice: str | None) -> Exchange[Array]:
        return self._one(name, slice, decode_safetensors)

    def ready(self) -> Exchange[bool]:
        outcome = yield Attempt(0, self._request("GET", "health/ready"))
        return isinstance(outcome, httpx.Response) and outcome.is_success

    def _one(
        self, name: str, slice: str | None, load: Callable[[bytes], dict[str, T]]
    ) -> Exchange[T]:
        params = {"format": "safetensors"} | ({"slice": slice} if slice is not None else {})
        # No tensor's name has a character that UTF-8 cannot encode.
        path = f"state/{quote(name, safe='', errors='replace')}"
        return self._ask(lambda content: load(content)[name], path, params=params)

    def _ask(
        self, read: Callable[[bytes], T], path: str, *, method: str = "GET", **parts: Any
    ) -> Exchange[T]:
        return self._answer(lambda response: read(response.content), path, method=method, **parts)

    def _answer(
        self, read: Callable[[httpx.Response], T], path: str, *, method: str, **parts: Any
    ) -> Exchange[T]:
        request = self._request(method, path, **parts)
        response = yield from persist(request, self._patience)
        if not response.is_success:
            raise _problem(response)
        try:
            return read(response)
        except (ValueError, LookupError, CheckpointError) as error:
            reason = str(error).partition("\n")[0]
            raise NoAnswer(f"{request.url}: not what this client reads: {reason}") from error

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Request:
        try:
            return self._build(method, path, **parts)
        except httpx.InvalidURL as error:
            # Such as a tensor's name of 70,000 letters.
            raise no_answer(path[:MOST_SHOWN], error) from None


def parse_url(url: str) -> httpx.URL:
    """Raises NoAnswer if `url` is not a URL."""
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise no_answer(url[:MOST_SHOWN], error) from None


def with_key(key: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """httpx's options, with `key` added. Raises ClientError if `key` cannot be a key."""
    if key is None:
        return options
    if not KEY.fullmatch(key):
        # httpx's own error would show it.
        raise ClientError("the key has a character that no key has")
    return options | {"auth": _Bearer(key)}


class _Bearer(httpx.Auth):
    def __init__(self, key: str) -> None:
        self._value = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._value
        yield request


def _read_tensors(content: bytes) -> dict[str, "Tensor"]:
    # Imports torch, which arrays() and array() do not.
    from stateserve.model import to_tensors

    return to_tensors(decode_safetensors(content))


def _read_card(content: bytes) -> Card | ModelCard:
    card = msgspec.json.decode(content)["card"]
    kind = ModelCard if card.get("schema_version") == 2 else Card
    return kind.model_validate(card)


def _query(details: Details) -> dict[str, str]:
    return {
        name: str(wanted).lower() for name, wanted in details.items() if wanted not in (None, False)
    }


class _Fault(msgspec.Struct):
    detail: str
    pointer: str = ""
    parameter: str = ""


class _ProblemDetails(msgspec.Struct):
    detail: str
    errors: list[_Fault] = []


def _problem(response: httpx.Response) -> Problem:
    try:
        details = msgspec.json.decode(response.content, type=_ProblemDetails)
    except ValueError:
        # From a proxy in front of the service, such as an HTML page.
        details = _ProblemDetails(response.reason_phrase)
    return Problem(
        url=str(response.url),
        status=response.status_code,
        detail=details.detail,
        errors=[Fault(fault.pointer or fault.parameter, fault.detail) for fault in details.errors],
        request_id=response.headers.get("x-request-id"),
    )
