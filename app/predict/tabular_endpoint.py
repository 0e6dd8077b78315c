"""The endpoint of a tabular classifier."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import ClassVar

from app.predict.codecs.v2_tabular import TabularV2
from app.predict.deadline import Deadline
from app.predict.instances import Instances
from app.predict.large_requests import LargeRequests
from app.predict.media_types import ARROW, CSV, JSON, NPY
from app.predict.model_endpoint import MAX_LOOP_BYTES, Call, ModelEndpoint, Result
from app.predict.prediction import Prediction
from app.predict.tabular_pipeline import MAX_BATCHED_ROWS, TabularPipeline
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray


class TabularEndpoint(ModelEndpoint[FloatArray, Prediction]):
    """Reads rows of features as JSON, `.npy`, CSV, or Arrow if pyarrow is installed."""

    pipeline: TabularPipeline
    formats: ClassVar = {
        JSON: "app.predict.codecs.json_format:JsonFormat",
        NPY: "app.predict.codecs.npy:NpyFormat",
        ARROW: "app.predict.codecs.arrow:ArrowFormat",
    }
    readers: ClassVar = {CSV: "app.predict.codecs.csv_request:CsvTable"}

    def __init__(self, pipeline: TabularPipeline, max_instances: int, large: LargeRequests) -> None:
        self._predictor = pipeline.predictor
        self._large = large
        v2_model = TabularV2(self._predictor, max_instances)
        super().__init__(self._predictor, pipeline, v2_model, max_instances)

    @property
    def predictor(self) -> Predictor:
        return self._predictor

    def warm_up(self) -> None:
        self._predictor.require_golden_prediction()

    def media_types(self) -> list[str]:
        return [*self.answer_types(), CSV]

    def answer_types(self) -> list[str]:
        return [name for name in self.formats if name != ARROW or find_spec("pyarrow")]

    def fits(self, rows: FloatArray) -> bool:
        return len(rows) <= MAX_BATCHED_ROWS

    async def serve(
        self, call: Call[Result], _request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        found: Instances[FloatArray] | None = None
        if call.size <= MAX_LOOP_BYTES:
            found = call.read(self)
            if self.fits(found.rows):
                with found.pointed_at():
                    predictions = [await self.pipeline.predict(found.rows, deadline)]
                content = call.write(self, predictions, found)
                self._hold(predictions)
                return content

        kept: list[Prediction] = []

        def answer() -> Result:
            instances = call.read(self) if found is None else found
            predictions = _keep(self.pipeline.predict_chunks(instances.rows), kept)
            if deadline is not None:
                predictions = deadline.require_each(predictions)
            return call.write(self, predictions, instances)

        running = self._large.run(answer)
        content = await (running if deadline is None else deadline.wait(running))
        self._hold(kept)
        return content


def _keep(predictions: Iterable[Prediction], kept: list[Prediction]) -> Iterator[Prediction]:
    """Yield the predictions and append them to `kept`, then free the lists made for the answer."""
    for prediction in predictions:
        kept.append(prediction)
        yield prediction
        prediction.whole.drop_lists()
