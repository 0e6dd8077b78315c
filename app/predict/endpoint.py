"""The endpoint that REST, v2 and gRPC call: one model, or a rollout over several versions."""

from collections.abc import Sequence
from typing import Protocol

from app.predict.codecs.v2_model import V2Description
from app.predict.deadline import Deadline
from app.predict.model_endpoint import Call, Result
from app.predict.tabular_endpoint import TabularEndpoint
from app.predict.tensor_endpoint import TensorEndpoint
from stateserve.model import AnyModel, Predictor

AnyEndpoint = TabularEndpoint | TensorEndpoint


class Endpoint(Protocol):
    """Answers predictions; the properties are those of the default version."""

    @property
    def model(self) -> AnyModel: ...

    @property
    def predictor(self) -> Predictor:
        """The tabular classifier. Raises NotProvided for another model."""

    @property
    def v2_model(self) -> V2Description: ...

    def warm_up(self) -> None:
        """Run the golden inputs again, to warm up caches for the first request.

        Raises CardMismatch if a tensor model does not reproduce its golden outputs in this process.
        """

    def media_types(self) -> Sequence[str]:
        """The media types of the bodies of /predict."""

    def answer_types(self) -> Sequence[str]:
        """The media types of the answers of /predict; the first is the default."""

    def choose(self, request_id: bytes | None) -> AnyEndpoint:
        """The model that answers a request with this `X-Request-ID`."""

    def count(self, chosen: AnyEndpoint, status: int, seconds: float) -> None:
        """Count an answer that `chosen` gave without `serve`."""

    async def serve(
        self, call: Call[Result], request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        """Return the answer that `call` writes for the rows that it reads.

        A small request runs on the event loop, in the batch of its tick; a large one runs in a
        thread. Raises the errors of `call`, InvalidInstances on overflow, ForwardFailed,
        DeadlineExceeded, or Overloaded before any work is done.
        """
