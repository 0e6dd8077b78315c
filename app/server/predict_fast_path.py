"""The fast path: from the HTTP parser to the batcher and back, without an ASGI task.

The task, the messages and the router of the application cost more than the model. This path
checks host, key, rate and deadline itself. It hands unusual requests and errors to the
application, so that each error is written in one place. Overload is the exception: a shed
request must cost less than an answered one.
"""

import asyncio
import time
from typing import Any

from app.api import Service
from app.api.auth import Guard
from app.api.endpoints import PATH, ordinary_type
from app.api.middleware import UNRECORDED, RequestIds, TrustedHosts
from app.monitor import AccessLog
from app.predict import HEADER as TIMEOUT
from app.predict import (
    IN_SCOPE,
    JSON,
    MAX_LOOP_BYTES,
    NPY,
    REQUEST_ID,
    Deadline,
    Headers,
    Instances,
)
from app.server.fast_request import FastRequest, HandOn
from app.server.http_answer import Exchange
from stateserve.errors import StateserveError

LENGTH = b"content-length"
# Beyond it uvicorn stops reading until the application asks for more.
MAX_NPY_BYTES = 64 * 1024


class FastPath:
    """Answers `POST /predict` of the default model, on a connection's Exchange."""

    url = PATH.encode()

    def __init__(
        self,
        service: Service,
        hosts: TrustedHosts,
        guard: Guard,
        log: AccessLog,
        request_ids: RequestIds,
    ) -> None:
        settings = service.settings
        self.service = service
        self.log = log
        self._hosts = hosts
        self._guard = guard
        self._scope = guard.needs(PATH)
        self._timeout = settings.request_timeout_seconds
        self._model = service.registry.repository.default
        self._logged = service.log is not None
        self._request_ids = request_ids
        self._most_bytes = {
            media_type: min(most, settings.max_body_bytes)
            for media_type, most in ((JSON, MAX_LOOP_BYTES), (NPY, MAX_NPY_BYTES))
        }
        # The requests of this tick with a deadline.
        self._waiting: list[tuple[FastRequest, Deadline]] = []

    def begin(self, exchange: Exchange) -> FastRequest | None:
        """A request of this path for a POST to `url`, or None if the application must answer."""
        started = time.perf_counter()
        scope: Any = exchange.scope
        headers = exchange.fields
        media_type = self._media_type(headers)
        # A repeated header is not ordinary: two checks could read different values.
        if media_type is None or len(headers) != len(scope["headers"]):
            return None
        deadline = None
        try:
            self._hosts.require(headers.get(b"host", b""))
            if self._timeout or TIMEOUT in headers:
                deadline = Deadline.of(headers, self._timeout)
                scope[IN_SCOPE] = deadline
            # The last check: it counts the request.
            self._guard.admit(scope, headers, self._scope)
        except StateserveError:
            return None
        return FastRequest(self.service, self.log, exchange, headers, media_type, started, deadline)

    def answer(self, request: FastRequest, hand_on: HandOn) -> None:
        """Answer a request whose body is complete; `hand_on` gets the exchange if this fails."""
        request.hand_on = hand_on
        try:
            headers, ids = request.headers, self._request_ids
            given = headers.get(REQUEST_ID)
            request.request_id = ids.make() if given is None else ids.of(headers.items())
            endpoint = self.service.registry.current(self._model)
            model = endpoint.choose(given or request.request_id)
            if request.media_type == JSON:
                instances: Instances[Any] = model.json.decode(request.exchange.body)
            elif request.media_type not in model.echoed_types:
                request.leave()
                return
            else:
                # A copy: the arrays are views of it, and the connection clears its own.
                body = bytes(request.exchange.body)
                instances = model.format(request.media_type).decode(body)
            if not model.fits(instances.rows):
                request.leave()
                return
            request.endpoint, request.model, request.instances = endpoint, model, instances
            if self._logged:
                request.prediction_id = self._request_ids.make()
            deadline = request.deadline
            if deadline is None:
                model.pipeline.predict_for(request, instances.rows)
                return
            model.pipeline.predict_for(request, instances.rows, deadline.at)
            if not request.ended:
                self._watch(request, deadline)
        except Exception as error:
            request.leave(error)

    def _media_type(self, headers: Headers) -> str | None:
        media_type = ordinary_type(headers)
        if media_type is None or LENGTH not in headers or UNRECORDED[0] in headers:
            return None
        return media_type if int(headers[LENGTH]) <= self._most_bytes[media_type] else None

    def _watch(self, request: FastRequest, deadline: Deadline) -> None:
        if not self._waiting:
            # After this tick, when the batcher has answered most of them.
            asyncio.get_running_loop().call_soon(self._set_timers)
        self._waiting.append((request, deadline))

    def _set_timers(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request, deadline in waiting:
            if not request.ended:
                request.leave_at(deadline)
