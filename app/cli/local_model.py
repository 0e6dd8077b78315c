"""The service's path from request to answer, in the process of a command, without HTTP."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from app.errors import InvalidInput
from app.predict import (
    JSON,
    AnyEndpoint,
    LargeRequests,
    Options,
    TabularEndpoint,
    TabularPipeline,
    TensorEndpoint,
    TensorPipeline,
    TensorPrediction,
)
from stateserve.client import Details, Instance, Prediction, decode_any, encode_instances
from stateserve.model import (
    AnyCard,
    LoadOptions,
    Predictor,
    TensorModel,
    load_model,
    name_and_version,
    packed_in,
)


class LocalModel:
    """A checkpoint with its card, or the folder of a packed model."""

    def __init__(self, path: Path, key: str | None = None, *, allow_code: bool) -> None:
        options = LoadOptions(allow_code=allow_code, key=key)
        found = packed_in(path) if path.is_dir() else (path, *name_and_version(path))
        loaded = load_model(*found, options)
        self._endpoint = _endpoint_of(loaded)

    def card(self) -> AnyCard:
        return self._endpoint.model.card

    def predict(
        self, instances: Sequence[Instance], **details: Unpack[Details]
    ) -> list[Prediction]:
        return self.predict_body(encode_instances(instances), JSON, **details)

    def predict_body(
        self, content: bytes, media_type: str, **details: Unpack[Details]
    ) -> list[Prediction]:
        endpoint, options = self._endpoint, Options(**details)
        accepted = endpoint.media_types()
        if media_type not in accepted:
            raise InvalidInput(f"the model takes no {media_type}; it takes {', '.join(accepted)}")
        if isinstance(endpoint, TabularEndpoint):
            table = endpoint.reader(media_type).decode(content)
            parts = endpoint.pipeline.predict_chunks(table.rows)
            return decode_any(endpoint.json.encode(parts, table, options))
        instances = endpoint.reader(media_type).decode(content)
        endpoint.lengths.require(instances)
        kept: list[TensorPrediction] = []
        asyncio.run(endpoint.pipeline.predict_all(instances.rows, kept.append))
        return decode_any(endpoint.json.encode(kept, instances, options))


def _endpoint_of(model: Predictor | TensorModel) -> AnyEndpoint:
    large = LargeRequests(1, asyncio.to_thread)
    if isinstance(model, Predictor):
        return TabularEndpoint(TabularPipeline(model), sys.maxsize, large)
    return TensorEndpoint(TensorPipeline(model, max_pending=sys.maxsize), sys.maxsize, large)
