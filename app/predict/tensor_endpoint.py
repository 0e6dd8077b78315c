"""The endpoint of a model with any module."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar, TypeVar

from app.errors import BodyTooLarge
from app.predict.codecs.v2_any_module import TensorV2
from app.predict.deadline import Deadline
from app.predict.large_requests import HeldMemory, LargeRequests, NeedsThread
from app.predict.media_types import (
    CSV,
    JPEG,
    JSON,
    MULTIPART,
    NPY,
    NPZ,
    PNG,
    SAFETENSORS,
)
from app.predict.model_endpoint import MAX_LOOP_BYTES, Call, ModelEndpoint, Result
from app.predict.tensors.equal_lengths import EqualLengths
from app.predict.tensors.pipeline import TensorPipeline
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.rows import TensorRows

Made = TypeVar("Made")


class TensorEndpoint(ModelEndpoint[TensorRows, TensorPrediction]):
    """Reads the inputs of the model's signature in several formats, and pictures as files."""

    pipeline: TensorPipeline
    formats: ClassVar = {
        JSON: "app.predict.codecs.tensors.json_format:TensorJson",
        NPY: "app.predict.codecs.tensors.npy_format:TensorNpy",
        NPZ: "app.predict.codecs.tensors.npz_format:TensorNpz",
        SAFETENSORS: "app.predict.codecs.tensors.safetensors_format:TensorSafetensors",
    }
    readers: ClassVar = {
        CSV: "app.predict.codecs.tensors.csv_format:TensorCsv",
        PNG: "app.predict.codecs.tensors.picture_format:TensorPicture",
        JPEG: "app.predict.codecs.tensors.picture_format:TensorPicture",
        MULTIPART: "app.predict.codecs.tensors.form_format:TensorForm",
    }

    def __init__(self, pipeline: TensorPipeline, max_instances: int, large: LargeRequests) -> None:
        self._large = large
        model = pipeline.model
        self.lengths = EqualLengths(model.signature)
        super().__init__(model, pipeline, TensorV2(model, max_instances), max_instances)

    def media_types(self) -> list[str]:
        inputs = self.pipeline.model.signature.inputs
        found = [name for name in self.formats if name != NPY or len(inputs) == 1]
        if any(given.image for given in inputs):
            found += [MULTIPART] if len(inputs) > 1 else [PNG, JPEG, MULTIPART]
        return found + [CSV] * (len(inputs) == 1 and bool(inputs[0].features))

    def answer_types(self) -> list[str]:
        outputs = self.pipeline.model.signature.outputs
        return [name for name in self.formats if name != NPY or len(outputs) == 1]

    def warm_up(self) -> None:
        # Loading has checked another backend than that of this process.
        self.pipeline.model.require_golden_outputs()
        self.pipeline.warm_up()

    def fits(self, rows: TensorRows) -> bool:
        return self.lengths.hold(rows) and self.pipeline.fits(rows)

    async def serve(
        self, call: Call[Result], _request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        with self._large.hold() as held:
            # No longer held by the reading of the body.
            held.add(call.size)
            instances = await self._work(partial(call.read, self), call.size, deadline)
            self.lengths.require(instances)
            # Compressed arrays and pictures are larger than the body.
            held.add(max(0, instances.rows.nbytes - call.size))
            kept = _Kept(held, self._large.most_bytes)
            with instances.pointed_at():
                await self.pipeline.predict_all(instances.rows, kept.add, deadline)
            write = partial(call.write, self, kept.predictions, instances)
            content = await self._work(write, kept.size, deadline)
        self._hold(kept.predictions)
        return content

    async def _work(self, work: Callable[[], Made], size: int, deadline: Deadline | None) -> Made:
        """Read or write so many bytes: on the event loop, or in a thread."""
        if size <= MAX_LOOP_BYTES:
            with suppress(NeedsThread):
                return work()
        running = self._large.run_in_turn(work)
        return await (running if deadline is None else deadline.wait(running))


class _Kept:
    """The predictions of one request."""

    def __init__(self, held: HeldMemory, most_bytes: int) -> None:
        self.predictions: list[TensorPrediction] = []
        self.size = 0
        self._held = held
        self._most_bytes = most_bytes

    def add(self, prediction: TensorPrediction) -> None:
        """Raises BodyTooLarge or Overloaded."""
        self.size += prediction.nbytes
        if self.size > self._most_bytes:
            most = f"the outputs take more than {self._most_bytes} bytes"
            raise BodyTooLarge(f"{most}; send fewer instances")
        self._held.add(prediction.nbytes)
        self.predictions.append(prediction)
