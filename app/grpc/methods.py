"""What GRPCInferenceService does: in protobuf what app/api says in JSON, over the same models."""

from collections.abc import Iterable
from typing import Any

from starlette.concurrency import run_in_threadpool

from app.api import Service
from app.api.endpoints import statistics_of
from app.api.endpoints import v2 as open_inference
from app.api.endpoints import v2_repository as model_repository
from app.errors import InvalidInference, ModelUnavailable
from app.grpc import open_inference_pb2 as pb
from app.grpc.infer_response import answer
from app.grpc.interceptor import Call, Verb
from app.grpc.proto_tensors import describe_inputs, read_inputs, read_outputs
from app.predict import PredictFace, Prediction
from app.predict.codecs import WantedOutput
from stateserve.errors import StateserveError
from stateserve.model.architectures import FloatArray


class Verbs:
    """An empty name in a request is the default model's, an empty version its default one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings

    def by_name(self, *, admin_too: bool) -> dict[str, Verb]:
        """Those that are served; without keys there is none that needs an admin."""
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

    async def _server_live(self, _request: pb.ServerLiveRequest, _call: Call) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, _request: pb.ServerReadyRequest, _call: Call) -> Any:
        try:
            self._service.require_ready()
        except StateserveError:
            return pb.ServerReadyResponse(ready=False)
        return pb.ServerReadyResponse(ready=True)

    async def _server_metadata(self, _request: pb.ServerMetadataRequest, _call: Call) -> Any:
        metadata = await open_inference.server_metadata()
        return pb.ServerMetadataResponse(**metadata.model_dump())

    async def _model_ready(self, request: pb.ModelReadyRequest, _call: Call) -> Any:
        try:
            self._face(request.name, request.version)
        except ModelUnavailable:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _model_metadata(self, request: pb.ModelMetadataRequest, _call: Call) -> Any:
        face = self._face(request.name, request.version)
        metadata = await open_inference.model_metadata(face, self._service)
        return pb.ModelMetadataResponse(**metadata.model_dump())

    async def _config(self, request: pb.ModelConfigRequest, _call: Call) -> Any:
        face = self._face(request.name, request.version)
        config = await model_repository.config(self._service, face)
        return pb.ModelConfigResponse(config=config.model_dump())

    async def _statistics(self, request: pb.ModelStatisticsRequest, _call: Call) -> Any:
        if request.name:
            self._face(request.name, request.version)
        name, version = request.name or None, request.version or None

        def write() -> bytes:
            found = statistics_of(self._service, name, version)
            return pb.ModelStatisticsResponse(**found.model_dump()).SerializeToString()

        return await run_in_threadpool(write)

    async def _index(self, request: pb.RepositoryIndexRequest, _call: Call) -> Any:
        entries = model_repository.entries(self._service, ready=request.ready)
        return pb.RepositoryIndexResponse(models=entries)

    async def _load(self, request: pb.RepositoryModelLoadRequest, _call: Call) -> Any:
        if request.parameters:
            given = ", ".join(sorted(request.parameters))
            raise InvalidInference(f"parameters {given}: a model is loaded as its files are")
        await self._service.verbs.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def _unload(self, request: pb.RepositoryModelUnloadRequest, _call: Call) -> Any:
        await self._service.verbs.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    async def _infer(self, request: pb.ModelInferRequest, call: Call) -> Any:
        face = self._face(request.model_name, request.model_version)
        return await face.answered(call.headers, lambda chosen: self._ask(chosen, request, call))

    async def _ask(self, face: PredictFace, request: pb.ModelInferRequest, call: Call) -> Any:
        model = face.open_model

        def read() -> tuple[list[WantedOutput], FloatArray]:
            wanted = model.wanted(read_outputs(request))
            model.require_inputs(describe_inputs(request))
            return wanted, model.rows(read_inputs(request))

        def write(predictions: Iterable[Prediction], wanted: list[WantedOutput]) -> bytes:
            # Here, for where it is long this is a thread.
            return answer(request, model, model.tensors(predictions, wanted))

        deadline = call.deadline(self._settings.request_timeout_seconds)
        return await face.serve(call.size, read, write, deadline)

    def _face(self, name: str, version: str) -> PredictFace:
        face: PredictFace = self._service.face(name or None, version or None)
        return face
