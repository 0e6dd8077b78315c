"""The endpoint of a model with any module."""

from functools import partial
from typing import ClassVar

from app.predict.codecs.v2_tensor import TensorV2
from app.predict.deadline import Deadline
from app.predict.large_requests import LargeRequests
from app.predict.media_types import JSON, NPY
from app.predict.model_endpoint import MAX_LOOP_BYTES, Call, ModelEndpoint, Result
from app.predict.tensor_pipeline import MAX_ROWS, TensorPipeline
from app.predict.tensor_prediction import TensorPrediction
from app.predict.tensor_rows import TensorRows


class TensorEndpoint(ModelEndpoint[TensorRows, TensorPrediction]):
    """Reads the inputs of the model's signature as JSON or `.npy`."""

    pipeline: TensorPipeline
    formats: ClassVar = {
        JSON: "app.predict.codecs.tensor_json:TensorJson",
        NPY: "app.predict.codecs.tensor_npy:TensorNpy",
    }

    def __init__(self, pipeline: TensorPipeline, max_instances: int, large: LargeRequests) -> None:
        self._large = large
        model = pipeline.model
        super().__init__(model, pipeline, TensorV2(model, max_instances), max_instances)

    def warm_up(self) -> None:
        self.pipeline.model.require_golden_outputs()

    async def serve(
        self, call: Call[Result], _request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        small = call.size <= MAX_LOOP_BYTES
        read = partial(call.read, self)
        instances = read() if small else await self._large.run(read)
        predictions = [
            await self.pipeline.predict(part, deadline) for part in instances.rows.parts(MAX_ROWS)
        ]
        write = partial(call.write, self, predictions, instances)
        content = write() if small else await self._large.run(write)
        self._hold(predictions)
        return content
