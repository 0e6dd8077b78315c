"""The methods of GRPCInferenceService, over the same models as HTTP."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from google.protobuf.message import Message
from starlette.concurrency import run_in_threadpool

from app.api import Service
from app.errors import ModelUnavailable
from app.grpc import open_inference_pb2 as pb
from app.grpc.infer_response import answer
from app.grpc.interceptor import Call, Verb
from app.grpc.proto_tensors import describe_inputs, read_inputs, read_outputs
from app.predict import REQUEST_ID, Endpoint, Instances, ModelEndpoint, Predicted, Rows
from app.predict.codecs import (
    ModelConfig,
    ModelMetadata,
    ServerMetadata,
    WantedOutput,
    require_none_of,
)
from stateserve.errors import StateserveError


class Verbs:
    """An empty name in a request means the default model, an empty version its default version."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings

    def by_name(self, *, admin_too: bool) -> dict[str, Verb]:
        """The served methods; without keys, none that needs the scope admin."""
        verbs: dict[str, Verb] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
            "ModelConfig": self._config,
            "ModelStatistics": self._statistics,
            "RepositoryIndex": self._index,
        }
        if admin_too:
            verbs |= {"RepositoryModelLoad": self._load, "RepositoryModelUnload": self._unload}
        return verbs

    async def _server_live(self, _request: pb.ServerLiveRequest, _call: Call) -> Message:
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, _request: pb.ServerReadyRequest, _call: Call) -> Message:
        try:
            self._service.require_ready()
        except StateserveError:
            return pb.ServerReadyResponse(ready=False)
        return pb.ServerReadyResponse(ready=True)

    async def _server_metadata(self, _request: pb.ServerMetadataRequest, _call: Call) -> Message:
        return pb.ServerMetadataResponse(**ServerMetadata().model_dump())

    async def _model_ready(self, request: pb.ModelReadyRequest, _call: Call) -> Message:
        try:
            self._endpoint(request.name, request.version)
        except ModelUnavailable:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _model_metadata(self, request: pb.ModelMetadataRequest, _call: Call) -> Message:
        endpoint = self._endpoint(request.name, request.version)
        versions = self._service.registry.ready_versions(endpoint.model.name)
        metadata = ModelMetadata.of(endpoint.v2_model, versions)
        return pb.ModelMetadataResponse(**metadata.model_dump())

    async def _config(self, request: pb.ModelConfigRequest, _call: Call) -> Message:
        endpoint = self._endpoint(request.name, request.version)
        config = ModelConfig.of(endpoint.v2_model, self._settings.max_instances)
        return pb.ModelConfigResponse(config=config.model_dump())

    async def _statistics(self, request: pb.ModelStatisticsRequest, _call: Call) -> bytes:
        if request.name:
            self._endpoint(request.name, request.version)
        name, version = request.name or None, request.version or None

        def write() -> bytes:
            found = self._service.statistics(name, version)
            return pb.ModelStatisticsResponse(**found.model_dump()).SerializeToString()

        return await run_in_threadpool(write)

    async def _index(self, request: pb.RepositoryIndexRequest, _call: Call) -> Message:
        entries = map(vars, self._service.registry.index(ready=request.ready))
        return pb.RepositoryIndexResponse(models=entries)

    async def _load(self, request: pb.RepositoryModelLoadRequest, _call: Call) -> Message:
        require_none_of(request.parameters, to_load=True)
        await self._service.verbs.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def _unload(self, request: pb.RepositoryModelUnloadRequest, _call: Call) -> Message:
        require_none_of(request.parameters, to_load=False)
        await self._service.verbs.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    async def _infer(self, request: pb.ModelInferRequest, call: Call) -> bytes:
        endpoint = self._endpoint(request.model_name, request.model_version)
        deadline = call.deadline(self._settings.request_timeout_seconds)
        return await endpoint.serve(
            _Infer(request, call.size), call.headers.get(REQUEST_ID), deadline
        )

    def _endpoint(self, name: str, version: str) -> Endpoint:
        return self._service.endpoint(name or None, version or None)


@dataclass
class _Infer:
    request: pb.ModelInferRequest
    size: int
    _outputs: list[WantedOutput] = field(init=False)

    def read(self, model: ModelEndpoint[Rows, Predicted]) -> Instances[Rows]:
        self._outputs = model.v2_model.wanted(read_outputs(self.request))
        model.v2_model.require_inputs(describe_inputs(self.request))
        return model.v2_model.instances(read_inputs(self.request))

    def write(
        self,
        model: ModelEndpoint[Rows, Predicted],
        predictions: Iterable[Predicted],
        _instances: Instances[Rows],
    ) -> bytes:
        outputs = model.v2_model.tensors(predictions, self._outputs)
        return answer(self.request, model.v2_model, outputs)
